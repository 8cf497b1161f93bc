import { readReply, requireChat, requireTopic } from "./chat-checks.ts";
import { type FileKind, MAX_DOWNLOAD } from "./files.ts";
import { messageJson } from "./message-json.ts";
import { textOf } from "./payload.ts";
import { badRequest, Refusal } from "./refusal.ts";
import type { ApiCall } from "./world.ts";

/** A file in a form. */
export interface Upload {
  name: string;
  mediaType: string;
  bytes: Uint8Array;
}

/** "Bots can currently send files of any type of up to 50 MB in size" (Bot API, sendDocument). */
const MAX_UPLOAD = 50 * 1024 * 1024;
/** "The photo must be at most 10 MB in size"; width and height together at most 10000, their ratio at most 20 (sendPhoto). */
const MAX_PHOTO = 10 * 1024 * 1024;
const MAX_SIDES = 10_000;
const MAX_RATIO = 20;

export function getFile({ bot, payload }: ApiCall): unknown {
  const file = bot.files.get(textOf(payload, "file_id"));
  if (file === undefined) {
    throw badRequest("invalid file_id");
  }
  if (file.size > MAX_DOWNLOAD) {
    throw badRequest("file is too big");
  }
  return { file_id: file.id, file_unique_id: `u-${file.id}`, file_size: file.size, file_path: bot.files.link(file) };
}

export function sendDocument(call: ApiCall): unknown {
  return sendFile(call, "document", uploadOf(call, "document"));
}

export function sendPhoto(call: ApiCall): unknown {
  const upload = uploadOf(call, "photo");
  if (upload.bytes.length > MAX_PHOTO) {
    throw badRequest("file is too big for a photo");
  }
  checkPicture(Buffer.from(upload.bytes));
  return sendFile(call, "photo", { ...upload, name: "", mediaType: "" });
}

/** Source: tdlib/telegram-bot-api Client.cpp, get_input_file. File ids and addresses are not needed here. */
function uploadOf({ payload }: ApiCall, field: string): Upload {
  const upload = payload[field];
  if (!isUpload(upload)) {
    throw badRequest(`there is no ${field} in the request`);
  }
  if (upload.bytes.length === 0) {
    throw badRequest("file must be non-empty");
  }
  if (upload.bytes.length > MAX_UPLOAD) {
    throw new Refusal(413, "Request Entity Too Large");
  }
  return upload;
}

function isUpload(value: unknown): value is Upload {
  return typeof value === "object" && value !== null && "bytes" in value && value.bytes instanceof Uint8Array;
}

function checkPicture(bytes: Buffer): void {
  const isPng = bytes.subarray(1, 4).toString("latin1") === "PNG";
  const isOther = bytes[0] === 0xff || bytes.subarray(8, 12).toString("latin1") === "WEBP";
  if (!isPng && !isOther) {
    throw badRequest("IMAGE_PROCESS_FAILED");
  }
  if (isPng && bytes.length >= 24) {
    const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
    if (width + height > MAX_SIDES || Math.max(width / height, height / width) > MAX_RATIO) {
      throw badRequest("PHOTO_INVALID_DIMENSIONS");
    }
  }
}

function sendFile(call: ApiCall, kind: FileKind, { name, mediaType, bytes }: Upload): unknown {
  const chat = requireChat(call, "write");
  const topic = requireTopic(call, chat);
  const replyTo = readReply(call, chat);
  const file = call.bot.files.add({ kind, name, mediaType, bytes });
  const message = chat.post({
    author: "bot",
    at: call.world.now(),
    text: "",
    thread: topic?.id ?? null,
    replyTo,
    file,
  });
  call.entry.messageId = message.messageId;
  return messageJson(call.bot, chat, message);
}
