import { setTimeout as sleep } from "node:timers/promises";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import { errorCode, GatewayError } from "../../src/errors.ts";
import type { Log } from "../../src/platform/platform-adapter.ts";
import type { SlackApi } from "./slack-api.ts";
import { slackReason } from "./slack-errors.ts";
import { readChannel, readThread } from "./slack-ids.ts";

/** assistant.threads.setStatus: a status goes away after two minutes, and with the app's next message there. */
export const STATUS_LASTS_MS = 90_000;
const STATUS = "is thinking…";
/** A channel whose threads take no status is left alone for a while. */
const OFF_MS = 10 * 60_000;
const MAX_OFF = 1_000;
/** Slack's words for what no thread of this workspace can have. */
const NO_SESSIONS = /^(unknown_method|method_deprecated|feature_not_enabled|missing_scope)$/;
/** An agent session that is not released says for good that we work: so it is tried again after these, and what Slack asks for. */
const RELEASE_AGAIN_MS = [1_000, 5_000, 20_000];
/** Tier 4, "100+ per minute" (docs.slack.dev/apis/web-api/rate-limits), and each that begins has to be released: the others get the line. */
const BEGINS = { burst: 15, refillMs: 2_000 };
const SETTLE_MS = 1_000;
const MAX_WORKING = 10_000;

/**
 * What says beside a thread that the bot is at work: in direct messages Slack's agent session, with its own way to stop,
 * elsewhere the line below the thread, which stands in the same place. Never rejects: an answer does not depend on it.
 */
export class ThreadStatus {
  readonly #api: SlackApi;
  readonly #log: Log;
  readonly #offUntil = new Map<string, number>();
  readonly #againMs: readonly number[];
  #hasSessions = true;
  /** Threads where a run has shown here that it works. */
  readonly #working = new Set<string>();
  #begins = BEGINS.burst;
  #countedAt = 0;
  /** The last call for a thread: the next one must not overtake it. */
  readonly #calls = new Map<string, Promise<unknown>>();

  constructor(api: SlackApi, log: Log, againMs = RELEASE_AGAIN_MS) {
    this.#api = api;
    this.#log = log;
    this.#againMs = againMs;
  }

  async show(to: ReplyTarget): Promise<void> {
    const key = keyOf(to);
    const isWorking = this.#isSession(to) && this.#working.has(key);
    if (this.#isSession(to) && this.#mayBegin()) {
      this.#remember(key);
      try {
        if (await this.#setSession(to, "processing")) return;
        this.#working.delete(key);
      } catch (error) {
        const isRefused = error instanceof GatewayError && error.delivered === "no";
        if (isRefused && !isWorking) this.#working.delete(key);
      }
    }
    // The line would take the place of the way to stop.
    if (isWorking && this.#hasSessions) return;
    await this.#setLine(to, STATUS);
  }

  /** A stream there has begun, and a session with it. */
  streams(to: ReplyTarget): void {
    if (this.#isSession(to)) this.#remember(keyOf(to));
  }

  async hide(to: ReplyTarget): Promise<void> {
    if (this.#working.has(keyOf(to))) return this.over(to, false);
    await this.#setLine(to, "");
  }

  async over(to: ReplyTarget, elsewhere: boolean): Promise<void> {
    if (!this.#working.delete(keyOf(to)) && !elsewhere) return;
    for (const againMs of [...this.#againMs, null]) {
      // The next run there releases it.
      if (!this.#isSession(to) || this.#working.has(keyOf(to))) return;
      try {
        await this.#setSession(to, "active");
        return;
      } catch (error) {
        // Where Slack takes it for no session, it does not show it as one.
        if (!["rate_limited", "unavailable"].includes(errorCode(error))) return;
        if (againMs === null) {
          this.#log.warn({ err: error, chat: to.chat }, "a thread may be shown as at work although it is not");
          return;
        }
        const wishedMs = error instanceof GatewayError ? (error.retryAfterMs ?? 0) : 0;
        await sleep(Math.max(againMs, wishedMs), undefined, { ref: false });
      }
    }
  }

  /** Waits a second at most for what is on its way. */
  async settle(): Promise<void> {
    await Promise.race([Promise.allSettled(this.#calls.values()), sleep(SETTLE_MS, undefined, { ref: false })]);
  }

  /** Only threads of direct messages with us are sessions. */
  #isSession({ chat, thread }: ReplyTarget): boolean {
    return this.#hasSessions && chat.startsWith("D") && thread !== "";
  }

  #remember(key: string): void {
    this.#working.add(key);
    if (this.#working.size > MAX_WORKING) this.#working.delete(this.#working.values().next().value!);
  }

  #mayBegin(): boolean {
    const now = performance.now();
    this.#begins = Math.min(BEGINS.burst, this.#begins + (now - this.#countedAt) / BEGINS.refillMs);
    this.#countedAt = now;
    if (this.#begins < 1) return false;
    this.#begins -= 1;
    return true;
  }

  /** False = there are no sessions at all. */
  async #setSession(to: ReplyTarget, status: "processing" | "active"): Promise<boolean> {
    const key = keyOf(to);
    const [channel_id, thread_ts] = [readChannel(to.chat), readThread(to.thread) ?? ""];
    const call = (this.#calls.get(key) ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => this.#api.call("agents.sessions.setStatus", { channel_id, thread_ts, status }));
    this.#calls.set(key, call);
    try {
      await call;
      return true;
    } catch (error) {
      if (!NO_SESSIONS.test(slackReason(error))) throw error;
      this.#hasSessions = false;
      return false;
    } finally {
      if (this.#calls.get(key) === call) this.#calls.delete(key);
    }
  }

  /** Only threads have one. */
  async #setLine(to: ReplyTarget, status: string): Promise<void> {
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

function keyOf({ chat, thread }: ReplyTarget): string {
  return `${chat} ${thread}`;
}
