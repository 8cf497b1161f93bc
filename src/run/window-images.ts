import type { Message } from "../agent/message.ts";
import type { SentImages } from "../agent/model-client.ts";
import type { FileId, SessionId } from "../ids.ts";
import { readFiles } from "../store/files.ts";
import type { Db } from "../store/schema.ts";

/** Pictures of a conversation that are sent to the model again with every request, the newest. */
const MAX_IMAGES = 10;
const MAX_BYTES = 20_000_000;

/** The newest pictures among these messages; older ones stay as words. */
export async function windowImages(db: Db, session: SessionId, messages: readonly Message[]): Promise<SentImages> {
  const pictures = messages
    .flatMap(({ parts }) => parts)
    .flatMap((part) => (part.type === "file" && part.kind === "image" && part.file ? [part] : []))
    .slice(-MAX_IMAGES);
  let left = MAX_BYTES;
  const from = pictures.findLastIndex(({ size }) => (left -= size ?? 0) < 0);
  const ids = pictures.slice(from + 1).flatMap(({ file }): FileId[] => (file ? [file] : []));
  const files = await readFiles(db, session, ids);
  return new Map(
    files.map(({ id, mediaType, bytes }) => [id, { mediaType, base64: Buffer.from(bytes).toString("base64") }]),
  );
}
