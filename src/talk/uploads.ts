import type { FilePart } from "../agent/message.ts";
import { SNIFF_BYTES, sniffMedia } from "../agent/sniff-media.ts";
import { GatewayError } from "../errors.ts";
import { newId, readId, type SessionId, type UserId } from "../ids.ts";
import { MAX_FILE_BYTES, MAX_IMAGE_BYTES, MAX_TURN_BYTES } from "../run/fetch-file.ts";
import { withReach } from "../store/reach.ts";
import type { Root } from "../store/schema.ts";
import { keepUpload, takeUploads } from "../store/uploads.ts";

/** Whose file, and in which session it is sent. */
export interface Uploader {
  user: UserId;
  session: SessionId;
}

const MEGABYTE = 1_000_000;

/**
 * Keeps a file for a message that will name it. What it is, its first bytes say. Rejects `invalid` (empty, or of a kind
 * that nobody can read), `too_large`, `rate_limited` (too much waits to be sent), `not_found`.
 */
export async function acceptUpload(
  db: Root,
  { user, session }: Uploader,
  { name, bytes }: { name: string; bytes: Buffer },
): Promise<FilePart> {
  if (bytes.length === 0) throw new GatewayError("invalid", "This file is empty.");
  const { mediaType, reads } = sniffMedia(bytes.subarray(0, SNIFF_BYTES), { kind: "document" });
  if (reads === "nothing") {
    throw new GatewayError(
      "invalid",
      "Agents cannot read this kind of file. Send a text, a PDF, an Office file, a sound, or a PNG, JPEG, GIF or WebP picture.",
    );
  }
  if (reads === "image" && bytes.length > MAX_IMAGE_BYTES) throw tooLarge("picture", MAX_IMAGE_BYTES);
  if (bytes.length > MAX_FILE_BYTES) throw tooLarge("file", MAX_FILE_BYTES);
  const file = { id: newId("fil"), name: bareName(name), mediaType, bytes };
  const outcome = await withReach(db, { kind: "user", user }, (trx) => keepUpload(trx, { user, session }, file));
  if (outcome === "unknown") throw new GatewayError("not_found", "There is no such session.");
  if (outcome === "full") {
    throw new GatewayError("rate_limited", "Many files wait to be sent with a message. Send them, or wait an hour.");
  }
  return partOf({ ...file, size: bytes.length });
}

/**
 * The parts of a message that names these files of its session. Rejects `not_found` for one that is not there, or not
 * any more, and `too_large`.
 */
export async function sendUploads(db: Root, from: Uploader, names: readonly string[]): Promise<FilePart[]> {
  const ids = [...new Set(names)].map((name) => readId("fil", name));
  if (ids.length === 0) return [];
  return withReach(db, { kind: "user", user: from.user }, async (trx) => {
    const known = ids.filter((id) => id !== null);
    const files = new Map((await takeUploads(trx, from, known)).map((file) => [file.id, file]));
    const found = known.flatMap((id) => files.get(id) ?? []);
    if (found.length < ids.length) throw new GatewayError("not_found", "There is no such file. Upload it again.");
    if (found.reduce((sum, { size }) => sum + size, 0) > MAX_TURN_BYTES) {
      const most = MAX_TURN_BYTES / MEGABYTE;
      throw new GatewayError("too_large", `The files of a message have at most ${most} MB. Send them in several.`);
    }
    return found.map(partOf);
  });
}

/** Of a file that is too large to be taken. */
export function tooLarge(what: "file" | "picture", bytes: number): GatewayError {
  return new GatewayError("too_large", `A ${what} has at most ${bytes / MEGABYTE} MB. Send a smaller one.`);
}

/** Not read yet: its turn does that. */
function partOf({
  id,
  name,
  mediaType,
  size,
}: {
  id: FilePart["file"] & string;
  name: string;
  mediaType: string;
  size: number;
}): FilePart {
  const [family] = mediaType.split("/");
  const kind = family === "image" || family === "audio" ? family : "document";
  return { type: "file", kind, name, mediaType, size, ref: id, file: id };
}

/** Browsers and programs send paths, too. */
function bareName(name: string): string {
  return name
    .replace(/^.*[\\/]/s, "")
    .replaceAll(/\p{C}/gu, "")
    .trim();
}
