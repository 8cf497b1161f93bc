import { lateMs } from "../lateness.ts";
import type { FakeChat } from "./chats.ts";

/** A limit set to null is off. */
export interface Limits {
  /** Calls in one private chat: a bucket of `burst`, one more every `refillMs`. */
  private: { burst: number; refillMs: number } | null;
  /** Calls in one group, all its topics together: at most `calls` within any `windowMs`. */
  group: { calls: number; windowMs: number } | null;
  /** Calls of one bot. */
  token: { burst: number; refillMs: number } | null;
  /**
   * A call that arrives this soon after a 429 was announced may have been under way already: it is refused, but not
   * counted as early. ms, on a machine that has time.
   */
  graceMs: number;
}

/** Bot FAQ, "My bot is hitting limits": 1 message a second in a chat, 20 a minute in a group, 30 a second overall. */
export const TELEGRAM_LIMITS: Limits = {
  private: { burst: 4, refillMs: 1000 },
  group: { calls: 20, windowMs: 60_000 },
  token: { burst: 30, refillMs: 1000 / 30 },
  graceMs: 100,
};

export const NO_LIMITS: Limits = { private: null, group: null, token: null, graceMs: 100 };

/** What shows something in a chat and counts there. Other calls count for the token only. */
const COUNTED_IN_CHAT = new Set([
  "sendMessage",
  "sendRichMessage",
  "sendDocument",
  "sendPhoto",
  "sendMessageDraft",
  "editMessageText",
  "sendChatAction",
]);
/** Answered by the Bot API server itself (Client.cpp, is_local_method): never limited. */
const LOCAL = new Set(["getMe", "getUpdates", "setWebhook", "deleteWebhook", "getWebhookInfo"]);

/** `retryAfter` in seconds: the call is refused. `earlyBy` in ms: it came before an announced wait was over. */
export interface Verdict {
  retryAfter?: number;
  earlyBy?: number;
}

interface Block {
  announcedAt: number;
  lateMs: number;
  until: number;
}

/** Admits or refuses calls, and remembers which waits were announced. Times are ms of the fake's clock. */
export class RateLimits {
  readonly limits: Limits;
  #buckets = new Map<string, { level: number; at: number }>();
  #windows = new Map<string, number[]>();
  #blocks = new Map<string, Block>();

  constructor(limits: Limits) {
    this.limits = limits;
  }

  /**
   * Whether an announced wait is still running for this call.
   * @param chat undefined when the call is for no chat, or for an unknown one
   */
  blocked(bot: number, method: string, chat: FakeChat | undefined, now: number): Verdict {
    if (this.#blocks.size === 0 || LOCAL.has(method)) {
      return {};
    }
    const scopes = chat === undefined ? [tokenKey(bot)] : [chatKey(bot, chat.id), tokenKey(bot)];
    for (const scope of scopes) {
      const block = this.#blocks.get(scope);
      if (block !== undefined && now < block.until) {
        const retryAfter = Math.ceil((block.until - now) / 1000);
        const known = now - block.announcedAt > this.limits.graceMs + lateMs() - block.lateMs;
        return known ? { retryAfter, earlyBy: block.until - now } : { retryAfter };
      }
    }
    return {};
  }

  /** Counts a call that no wait forbids. */
  admit(bot: number, method: string, chat: FakeChat | undefined, now: number): Verdict {
    if (LOCAL.has(method)) {
      return {};
    }
    const counted = chat !== undefined && COUNTED_IN_CHAT.has(method);
    const chatWait = counted ? this.#chatWait(bot, chat, now) : 0;
    const tokenWait = this.#bucketWait(tokenKey(bot), this.limits.token, now);
    if (chatWait > 0 || tokenWait > 0) {
      const scope = chatWait > 0 && chat !== undefined ? chatKey(bot, chat.id) : tokenKey(bot);
      const retryAfter = Math.max(1, Math.ceil(Math.max(chatWait, tokenWait) / 1000));
      this.#block(scope, retryAfter, now);
      return { retryAfter };
    }
    this.#take(bot, counted ? chat : undefined, now);
    return {};
  }

  /** Announces a wait for the chat, or for the whole bot without one: what a 429 fault does. */
  announce(bot: number, method: string, chat: FakeChat | undefined, retryAfter: number, now: number): void {
    if (chat === undefined && LOCAL.has(method)) {
      return;
    }
    this.#block(chat === undefined ? tokenKey(bot) : chatKey(bot, chat.id), retryAfter, now);
  }

  #block(scope: string, retryAfter: number, now: number): void {
    this.#blocks.set(scope, { announcedAt: now, lateMs: lateMs(), until: now + retryAfter * 1000 });
  }

  #chatWait(bot: number, chat: FakeChat, now: number): number {
    const key = chatKey(bot, chat.id);
    if (chat.type === "private") {
      return this.#bucketWait(key, this.limits.private, now);
    }
    const { group } = this.limits;
    const times = this.#windows.get(key);
    if (group === null || times === undefined) {
      return 0;
    }
    while (times[0] !== undefined && times[0] <= now - group.windowMs) {
      times.shift();
    }
    const oldest = times[0];
    return times.length < group.calls || oldest === undefined ? 0 : oldest + group.windowMs - now;
  }

  /** ms until the bucket holds a whole call */
  #bucketWait(key: string, limit: Limits["private"], now: number): number {
    const bucket = this.#buckets.get(key);
    if (limit === null || bucket === undefined) {
      return 0;
    }
    bucket.level = Math.min(limit.burst, bucket.level + (now - bucket.at) / limit.refillMs);
    bucket.at = now;
    return bucket.level >= 1 ? 0 : (1 - bucket.level) * limit.refillMs;
  }

  #take(bot: number, chat: FakeChat | undefined, now: number): void {
    this.#takeFrom(tokenKey(bot), this.limits.token, now);
    if (chat === undefined) {
      return;
    }
    const key = chatKey(bot, chat.id);
    if (chat.type === "private") {
      this.#takeFrom(key, this.limits.private, now);
    } else if (this.limits.group !== null) {
      const times = this.#windows.get(key) ?? [];
      times.push(now);
      this.#windows.set(key, times);
    }
  }

  #takeFrom(key: string, limit: Limits["private"], now: number): void {
    if (limit === null) {
      return;
    }
    const bucket = this.#buckets.get(key) ?? { level: limit.burst, at: now };
    bucket.level -= 1;
    this.#buckets.set(key, bucket);
  }
}

function tokenKey(bot: number): string {
  return `bot:${bot}`;
}

function chatKey(bot: number, chat: number): string {
  return `chat:${bot}:${chat}`;
}
