import type { FilePart } from "../../src/platform/incoming-update.ts";
import { asObject, type Json, listIn, nameIn, objectIn, rawTextIn, wholeIn } from "./telegram-json.ts";

/** getFile: "bots can download files of up to 20MB in size" (telegram-bot-api, Client.h: 20 << 20). */
export const TELEGRAM_FETCH_LIMIT = 20 * 1024 * 1024;

type Known = Pick<FilePart, "kind" | "mediaType">;

/**
 * Where a file stands in a message, and what it is if the sender's app does not say. An animation stands in `document`
 * too, and a live photo in `photo`, for bots that know no better.
 */
const FIELDS: readonly (readonly [string, Known])[] = [
  ["animation", { kind: "video", mediaType: "video/mp4" }],
  ["voice", { kind: "voice", mediaType: "audio/ogg" }],
  ["audio", { kind: "audio", mediaType: "audio/mpeg" }],
  ["video", { kind: "video", mediaType: "video/mp4" }],
  ["video_note", { kind: "video", mediaType: "video/mp4" }],
];

/** The file of a message; at most one, since every picture of an album is a message of its own. */
export function filesIn(message: Json): FilePart[] {
  const file = photoIn(message) ?? mediaIn(message) ?? documentIn(message) ?? stickerIn(message);
  return file ? [file] : [];
}

/** The largest size that can be had. */
function photoIn(message: Json): FilePart | null {
  const sizes = listIn(message, "photo")
    .map((size) => toFile(asObject(size), { kind: "image", mediaType: "image/jpeg" }))
    .filter((size) => size !== null);
  return sizes.findLast(({ size }) => size === null || size <= TELEGRAM_FETCH_LIMIT) ?? null;
}

function mediaIn(message: Json): FilePart | null {
  for (const [field, known] of FIELDS) {
    const file = toFile(objectIn(message, field), known);
    if (file) return file;
  }
  return null;
}

function documentIn(message: Json): FilePart | null {
  const file = toFile(objectIn(message, "document"), { kind: "document", mediaType: "" });
  const [, kind] = /^(image|audio|video)\//.exec(file?.mediaType ?? "") ?? [];
  return file && kind !== undefined ? { ...file, kind: kind as FilePart["kind"] } : file;
}

/** Those that move are in formats that nothing but Telegram's apps shows. */
function stickerIn(message: Json): FilePart | null {
  const sticker = objectIn(message, "sticker");
  if (!sticker || sticker["is_animated"] !== false || sticker["is_video"] !== false) return null;
  return toFile(sticker, { kind: "image", mediaType: "image/webp" });
}

function toFile(file: Json | null, { kind, mediaType }: Known): FilePart | null {
  const ref = file && rawTextIn(file, "file_id");
  if (!file || ref === null || !/^[\w-]{1,256}$/.test(ref)) return null;
  const claimed = /^[a-z]+\/[\w.+-]{1,100}$/i.exec(rawTextIn(file, "mime_type") ?? "")?.[0].toLowerCase();
  const size = wholeIn(file, "file_size");
  return {
    type: "file",
    kind,
    name: nameIn(file, "file_name"),
    mediaType: claimed ?? mediaType,
    size: size !== null && size >= 0 ? size : null,
    ref,
  };
}
