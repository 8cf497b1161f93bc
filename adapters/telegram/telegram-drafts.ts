import { createHash } from "node:crypto";
import type { MessageEntity } from "grammy/types";
import { GatewayError } from "../../src/errors.ts";
import type { Log } from "../../src/platform/platform-adapter.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import type { TelegramApi } from "./telegram-api.ts";
import { isUnknownMethod } from "./telegram-errors.ts";
import { readChatId, readThreadId } from "./telegram-ids.ts";

/** "a temporary 30-second preview" (Bot API, sendMessageDraft). */
export const DRAFT_LASTS_MS = 30_000;

/** Telegram's own drafts, in private chats only. A server without them is asked once. */
export class TelegramDrafts {
  readonly #api: TelegramApi;
  readonly #log: Log;
  #unknown = false;

  constructor(api: TelegramApi, log: Log) {
    this.#api = api;
    this.#log = log;
  }

  /** Ids of people are positive, those of groups negative (Bot API, "Chat"). */
  mayShow({ chat }: ReplyTarget): boolean {
    return !this.#unknown && Number(chat) > 0;
  }

  /** A draft has no keyboard and no link preview, so no fields for them. */
  async show(
    to: ReplyTarget,
    id: string,
    { text, entities }: { text: string; entities?: MessageEntity[] | undefined },
  ): Promise<void> {
    const thread = readThreadId(to.thread);
    try {
      await this.#api.raw.sendMessageDraft({
        chat_id: readChatId(to.chat),
        ...(thread === undefined ? {} : { message_thread_id: thread }),
        draft_id: draftId(id),
        text,
        ...(entities === undefined ? {} : { entities }),
        can_stop: true,
      });
    } catch (error) {
      if (!isUnknownMethod(error)) throw error;
      if (!this.#unknown) this.#log.warn({ err: error }, "this server of Telegram's Bot API has no drafts");
      this.#unknown = true;
      throw new GatewayError("invalid", "This server has no drafts.", { cause: error, delivered: "no" });
    }
  }
}

/** The same for the same answer, on every replica; a whole number that is not 0 (Bot API, sendMessageDraft). */
function draftId(id: string): number {
  return createHash("sha256").update(id).digest().readUIntBE(0, 6) || 1;
}
