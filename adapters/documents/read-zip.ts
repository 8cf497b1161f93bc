import { inflateRawSync } from "node:zlib";

/** One file inside an archive. Nothing that an archive says of itself is believed. */
export interface ZipEntry {
  name: string;
  locked: boolean;
  method: number;
  at: number;
  packed: number;
}

const END = 0x06054b50;
const ENTRY = 0x02014b50;
/** The end record and the longest comment after it. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.16 */
const END_BYTES = 22;
const END_WITHIN = END_BYTES + 65_535;
const MAX_ENTRIES = 20_000;

/** What an archive holds, by its central directory. Throws for what is none. */
export function listZip(zip: Buffer): ZipEntry[] {
  const end = zip.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  if (end < Math.max(0, zip.length - END_WITHIN) || zip.readUInt32LE(end) !== END) throw new Error("no end record");
  const entries: ZipEntry[] = [];
  let at = zip.readUInt32LE(end + 16);
  for (let left = Math.min(zip.readUInt16LE(end + 10), MAX_ENTRIES); left > 0; left--) {
    if (zip.readUInt32LE(at) !== ENTRY) throw new Error("no entry where one should be");
    const nameEnd = at + 46 + zip.readUInt16LE(at + 28);
    entries.push({
      name: zip.toString("utf8", at + 46, nameEnd),
      locked: (zip.readUInt16LE(at + 8) & 1) === 1,
      method: zip.readUInt16LE(at + 10),
      at: zip.readUInt32LE(at + 42),
      packed: zip.readUInt32LE(at + 20),
    });
    at = nameEnd + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return entries;
}

/** An entry's bytes. Throws a RangeError if they are more than `maxBytes`: a bomb is never unpacked as a whole. */
export function readEntry(zip: Buffer, { at, packed, method }: ZipEntry, maxBytes: number): Buffer {
  const start = at + 30 + zip.readUInt16LE(at + 26) + zip.readUInt16LE(at + 28);
  const bytes = zip.subarray(start, start + packed);
  if (method === 8) return inflateRawSync(bytes, { maxOutputLength: Math.max(1, maxBytes) });
  if (method !== 0) throw new Error(`packed by method ${method}`);
  if (bytes.length > maxBytes) throw new RangeError("too large");
  return bytes;
}
