import type { FilePart } from "./message.ts";

/** What a file is by its first bytes, and how it can be read. */
export interface Media {
  mediaType: string;
  reads: "image" | "audio" | "document" | "text" | "nothing";
}

/** Bytes that suffice to tell. */
export const SNIFF_BYTES = 4_100;

type Row = readonly [offset: number, magic: string, mediaType: string, reads: Media["reads"]];

/** First row that fits. Magic numbers: https://www.iana.org/assignments/media-types and the formats' own pages. */
const MAGIC: readonly Row[] = [
  [0, "\x89PNG\r\n\x1a\n", "image/png", "image"],
  [0, "\xff\xd8\xff", "image/jpeg", "image"],
  [0, "GIF87a", "image/gif", "image"],
  [0, "GIF89a", "image/gif", "image"],
  [8, "WEBP", "image/webp", "image"],
  [0, "%PDF-", "application/pdf", "document"],
  [0, "PK\x03\x04", "application/zip", "document"],
  [0, "OggS", "audio/ogg", "audio"],
  [0, "ID3", "audio/mpeg", "audio"],
  [0, "fLaC", "audio/flac", "audio"],
  [8, "WAVE", "audio/wav", "audio"],
  [4, "ftypM4A", "audio/mp4", "audio"],
  [4, "ftyphe", "image/heic", "nothing"],
  [4, "ftypmi", "image/heic", "nothing"],
  [4, "ftyp", "video/mp4", "nothing"],
  [0, "\x1a\x45\xdf\xa3", "video/webm", "nothing"],
  [0, "\xd0\xcf\x11\xe0", "application/x-ole-storage", "nothing"],
  [0, "{\\rtf", "application/rtf", "nothing"],
  [0, "\x1f\x8b", "application/gzip", "nothing"],
  [0, "7z\xbc\xaf\x27\x1c", "application/x-7z-compressed", "nothing"],
  [0, "Rar!", "application/vnd.rar", "nothing"],
];

/** Containers that hold sound alone where the sender says so. */
const SOUND_ONLY: Readonly<Record<string, string>> = { "video/mp4": "audio/mp4", "video/webm": "audio/webm" };

const BOMS = ["\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"];

/** Pure. What its sender claims decides nothing but whether a film's container holds sound only. */
export function sniffMedia(head: Uint8Array, claimed: Pick<FilePart, "kind">): Media {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, SNIFF_BYTES)).toString("latin1");
  const row = MAGIC.find(([offset, magic]) => bytes.startsWith(magic, offset));
  if (row) {
    const [, , mediaType, reads] = row;
    const sound = claimed.kind === "voice" || claimed.kind === "audio" ? SOUND_ONLY[mediaType] : undefined;
    return sound === undefined ? { mediaType, reads } : { mediaType: sound, reads: "audio" };
  }
  if (isMpegAudio(bytes)) return { mediaType: "audio/mpeg", reads: "audio" };
  if (BOMS.some((bom) => bytes.startsWith(bom)) || !/[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(bytes)) {
    // Never as what a browser would run.
    return { mediaType: "text/plain", reads: "text" };
  }
  return { mediaType: "application/octet-stream", reads: "nothing" };
}

/** A frame of layer III without a tag before it: eleven set bits, then the version and layer. ISO/IEC 11172-3, 2.4.1.3 */
function isMpegAudio(bytes: string): boolean {
  return bytes.charCodeAt(0) === 0xff && (bytes.charCodeAt(1) & 0xe6) === 0xe2;
}
