import { GatewayError } from "../../src/errors.ts";
import type { OutgoingFile, PlatformAdapter } from "../../src/platform/platform-adapter.ts";
import { TELEGRAM_FETCH_LIMIT } from "./read-telegram-files.ts";
import type { TelegramApi } from "./telegram-api.ts";
import type { TelegramDownloads } from "./telegram-download.ts";
import { isPictureRefusal } from "./telegram-errors.ts";
import type { TelegramPosts } from "./telegram-posts.ts";

/** "Bots can currently send files of any type of up to 50 MB in size" (Bot API, sendDocument). */
const MAX_SEND_BYTES = 50 * 1024 * 1024;
/** "The photo must be at most 10 MB in size" (Bot API, sendPhoto). */
const MAX_PHOTO_BYTES = 10 * 1024 * 1024;
const PHOTO = /^image\/(jpeg|png|webp)$/;

/** Files that come with messages, and those that agents send. */
export function telegramFiles(parts: {
  api: TelegramApi;
  downloads: TelegramDownloads;
  posts: TelegramPosts;
}): NonNullable<PlatformAdapter["files"]> {
  const { api, downloads, posts } = parts;
  const upload = (method: "sendPhoto" | "sendDocument", fields: object, file: OutgoingFile) =>
    method === "sendPhoto"
      ? api.upload(method, { ...fields }, "photo", file)
      : // Else what looks like a film or a song becomes one, and loses its name.
        api.upload(method, { ...fields, disable_content_type_detection: true }, "document", file);

  return {
    maxFetchBytes: TELEGRAM_FETCH_LIMIT,
    maxSendBytes: MAX_SEND_BYTES,
    async fetch(ref, signal) {
      const { file_path: path } = await api.raw.getFile({ file_id: ref }, signal);
      if (path === undefined) throw new GatewayError("not_found", "Telegram does not have this file any more.");
      return downloads.open(path, signal);
    },
    async send(to, file) {
      if (file.bytes.length > MAX_SEND_BYTES) {
        throw new GatewayError("too_large", "The file is too large for Telegram.", { delivered: "no" });
      }
      if (file.bytes.length === 0) throw new GatewayError("invalid", "The file is empty.", { delivered: "no" });
      const asPhoto = PHOTO.test(file.mediaType) && file.bytes.length <= MAX_PHOTO_BYTES;
      return posts.post(to, async (fields) => {
        if (!asPhoto) return upload("sendDocument", fields, file);
        return upload("sendPhoto", fields, file).catch((error: unknown) => {
          if (!isPictureRefusal(error)) throw error;
          return upload("sendDocument", fields, file);
        });
      });
    },
  };
}
