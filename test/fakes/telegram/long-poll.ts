import { clampedNumberOf, wholeNumberOf, type Payload } from "./payload.ts";
import { Refusal } from "./refusal.ts";
import type { Timers } from "./timers.ts";
import type { UpdateQueue } from "./update-queue.ts";

/** Client.h, LONG_POLL_MAX_TIMEOUT, in seconds. */
const MAX_TIMEOUT = 50;
/** Client.h, LONG_POLL_WAIT_AFTER: a woken poll waits this long for more, in ms. */
const WAIT_AFTER_MS = 1;
/** fail_query_conflict: a conflict within this time of the last one is answered this late. */
const CONFLICT_MS = 3000;

const OTHER_POLL = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
const WEBHOOK_ACTIVE =
  "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
export const SET_WEBHOOK = "Conflict: terminated by setWebhook request";

interface WaitingPoll {
  offset: number;
  limit: number;
  finish: () => void;
  conflict: (description: string) => void;
}

/** A result that is JSON already. */
export class RawJson {
  readonly json: string;
  constructor(json: string) {
    this.json = json;
  }
}

/** getUpdates of one bot (tdlib/telegram-bot-api Client.cpp: process_get_updates_query, do_get_updates). */
export class LongPoll {
  #queue: UpdateQueue;
  #timers: Timers;
  #timeScale: number;
  #waiting: WaitingPoll | null = null;
  #waking = false;
  #onChange: () => void;
  #last = { offset: Number.NaN, at: Number.NEGATIVE_INFINITY };
  #nextQuickConflict = Number.NEGATIVE_INFINITY;

  /** @param onChange called whenever a poll begins or ends to wait */
  constructor(queue: UpdateQueue, timers: Timers, timeScale: number, onChange: () => void) {
    this.#onChange = onChange;
    this.#queue = queue;
    this.#timers = timers;
    this.#timeScale = timeScale;
  }

  /** Whether a poll is waiting for updates now. */
  get waiting(): boolean {
    return this.#waiting !== null;
  }

  /**
   * @param onClose registers what to do when the caller hangs up
   * @returns the updates; rejects with a 409 refusal when another poll or a webhook takes over
   */
  async get(payload: Payload, webhookActive: boolean, onClose: (run: () => void) => void): Promise<RawJson> {
    if (webhookActive) {
      await this.#conflictDelay();
      throw new Refusal(409, WEBHOOK_ACTIVE);
    }
    const offset = wholeNumberOf(payload, "offset");
    let limit = clampedNumberOf(payload, "limit", 100, 1, 100);
    let timeout = clampedNumberOf(payload, "timeout", 0, 0, MAX_TIMEOUT);
    this.#queue.allow(payload);
    // A client that asks the same again and again is slowed down.
    const now = performance.now();
    const since = (now - this.#last.at) / this.#timeScale;
    if (offset === this.#last.offset && since < 3000) {
      timeout = Math.max(timeout, 3 * this.#timeScale);
      limit = since < 500 ? 1 : limit;
    }
    this.#last = { offset, at: now };
    const updates = this.#queue.read(offset, limit);
    if (updates.length > 0 || timeout === 0) {
      return asJson(updates);
    }
    this.conflict(OTHER_POLL);
    return this.#wait(offset, limit, timeout, onClose);
  }

  /** New updates came in. */
  wake(): void {
    if (this.#waiting === null || this.#waking) {
      return;
    }
    this.#waking = true;
    this.#timers.after(WAIT_AFTER_MS, () => {
      this.#waking = false;
      this.#waiting?.finish();
    });
  }

  /** Ends the waiting poll with 409. */
  conflict(description: string): void {
    this.#waiting?.conflict(description);
  }

  #wait(offset: number, limit: number, timeout: number, onClose: (run: () => void) => void): Promise<RawJson> {
    const { promise, resolve, reject } = Promise.withResolvers<RawJson>();
    const leave = (): void => {
      cancel();
      if (this.#waiting === poll) {
        this.#waiting = null;
      }
      this.#onChange();
    };
    const poll: WaitingPoll = {
      offset,
      limit,
      finish: () => {
        leave();
        resolve(asJson(this.#queue.read(offset, limit)));
      },
      conflict: (description) => {
        leave();
        void this.#conflictDelay().then(() => reject(new Refusal(409, description)));
      },
    };
    const cancel = this.#timers.after(timeout * 1000, poll.finish);
    this.#waiting = poll;
    this.#onChange();
    onClose(() => {
      leave();
      resolve(asJson([]));
    });
    return promise;
  }

  #conflictDelay(): Promise<void> {
    const now = performance.now();
    if (now >= this.#nextQuickConflict) {
      this.#nextQuickConflict = now + CONFLICT_MS * this.#timeScale;
      return Promise.resolve();
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#timers.after(CONFLICT_MS * this.#timeScale, resolve);
    return promise;
  }
}

function asJson(updates: readonly { body: string }[]): RawJson {
  return new RawJson(`[${updates.map((update) => update.body).join(",")}]`);
}
