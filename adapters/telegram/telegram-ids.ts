import { GatewayError } from "../../src/errors.ts";
import { accountId, type AccountId } from "../../src/ids.ts";

/** The forum topic "General": sending to it takes no thread id, but a chat action takes this one. */
export const GENERAL_TOPIC = 1;

/** `telegram:<id of the bot>`. */
export function telegramAccount(botId: number): AccountId {
  return accountId("telegram", String(botId));
}

/** The sender of a message that was written in a chat's name: an anonymous admin, or a channel in its group. */
export function chatAsSender(chatId: number): string {
  return `chat:${chatId}`;
}

/** Chat ids have up to 52 bits (Bot API, "Chat"), so a number holds them. */
export function readChatId(chat: string): number {
  return readNumber(chat, "chat");
}

export function readMessageId(messageId: string): number {
  return readNumber(messageId, "message");
}

/** undefined for "", which is no thread, or General. */
export function readThreadId(thread: string): number | undefined {
  return thread === "" ? undefined : readNumber(thread, "thread");
}

function readNumber(text: string, what: string): number {
  const id = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(id) || id === 0) {
    throw new GatewayError("invalid", `This is no Telegram ${what} id.`, { delivered: "no" });
  }
  return id;
}
