import type { AccountId } from "../../src/ids.ts";
import type { SentMessage } from "../../src/platform/platform-adapter.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import { isReplyRefusal } from "./telegram-errors.ts";
import { readChatId, readMessageId, readThreadId } from "./telegram-ids.ts";

/** Where a post goes, in the words of every method that sends. */
export interface PostFields {
  chat_id: number;
  message_thread_id?: number;
  reply_parameters?: { message_id: number; allow_sending_without_reply: boolean };
}

/** Posts of any kind: finds the place, and goes without the answered message where that is gone. */
export class TelegramPosts {
  readonly #account: () => AccountId;

  constructor(account: () => AccountId) {
    this.#account = account;
  }

  async post(to: ReplyTarget, send: (fields: PostFields) => Promise<{ message_id: number }>): Promise<SentMessage> {
    const thread = readThreadId(to.thread);
    const target = { chat_id: readChatId(to.chat), ...(thread === undefined ? {} : { message_thread_id: thread }) };
    const replyTo = to.replyTo === null ? null : readMessageId(to.replyTo);
    const reply =
      replyTo === null ? null : { reply_parameters: { message_id: replyTo, allow_sending_without_reply: true } };
    const sent = await send({ ...target, ...reply }).catch((error: unknown) => {
      // Telegram's servers may know that the message is gone when the Bot API's does not.
      if (reply === null || !isReplyRefusal(error)) throw error;
      return send(target);
    });
    return { account: this.#account(), chat: to.chat, messageId: String(sent.message_id) };
  }
}
