import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import { errorCode } from "../../src/errors.ts";
import type { Log } from "../../src/platform/platform-adapter.ts";
import type { SlackApi } from "./slack-api.ts";
import { readChannel, readThread } from "./slack-ids.ts";

/** assistant.threads.setStatus: a status goes away after two minutes, and with the app's next message there. */
export const STATUS_LASTS_MS = 90_000;
const STATUS = "is thinking…";
/** A channel whose threads take no status is left alone for a while. */
const OFF_MS = 10 * 60_000;
const MAX_OFF = 1_000;

/** The line below a thread that says the bot is at work. Never rejects: an answer does not depend on it. */
export class ThreadStatus {
  readonly #api: SlackApi;
  readonly #log: Log;
  readonly #offUntil = new Map<string, number>();

  constructor(api: SlackApi, log: Log) {
    this.#api = api;
    this.#log = log;
  }

  async show(to: ReplyTarget): Promise<void> {
    await this.#set(to, STATUS);
  }

  async hide(to: ReplyTarget): Promise<void> {
    await this.#set(to, "");
  }

  /** Only threads have one. */
  async #set(to: ReplyTarget, status: string): Promise<void> {
    const now = performance.now();
    if (to.thread === "" || (this.#offUntil.get(to.chat) ?? 0) > now) return;
    try {
      const [channel_id, thread_ts] = [readChannel(to.chat), readThread(to.thread) ?? ""];
      await this.#api.call("assistant.threads.setStatus", { channel_id, thread_ts, status });
    } catch (error) {
      // A thread that was taken back says nothing about the others.
      if (["rate_limited", "unavailable", "cancelled", "not_found"].includes(errorCode(error))) return;
      this.#log.warn({ err: error, chat: to.chat }, "no status can be shown in a channel; it is left out for a while");
      this.#turnOff(to.chat, now);
    }
  }

  #turnOff(chat: string, now: number): void {
    this.#offUntil.delete(chat);
    this.#offUntil.set(chat, now + OFF_MS);
    for (const oldest of this.#offUntil.keys()) {
      if (this.#offUntil.size <= MAX_OFF) break;
      this.#offUntil.delete(oldest);
    }
  }
}
