import type { CallLimit } from "../platform/platform-adapter.ts";
import { partOf, TokenBucket } from "./token-bucket.ts";

/** Who waits to make a call. */
export interface Waiting {
  rank: number;
  /** When it began to wait, and until when it will. */
  since: number;
  until: number;
  /** Leaves the reserve alone. */
  spare: boolean;
  /** How long its chat keeps it waiting, whatever the account has left, in ms. */
  chatWaitMs(now: number): number;
  /** 0 = the call may go, and is counted in its chat by then; else how long the wait would be at least. */
  done(waitMs: number): void;
}

/** Timers are no more exact than this, and who is called together costs one look. */
const LEAST_WAIT_MS = 5;
const MAX_WAITING = 10_000;

export interface CallLineOptions {
  /** What calls are counted by; null = nothing but their chats. */
  limit: CallLimit | null;
  /** Which part of it is this replica's, from 0 to 1. */
  share: () => number;
  /** How many answers stream: each has a final before long. */
  streams: () => number;
  now: () => number;
}

/** For each second that a round of edits takes, one more call is kept for finals, up to this part of a burst. */
const MOST_RESERVE = 0.5;

/**
 * The calls of one account that are counted together, in line for its budget: the most important first, of equal ones
 * whoever has waited longest. Who waits for its chat alone keeps its place and lets others pass. There is a timer only
 * while somebody waits.
 */
export class CallLine {
  readonly #options: CallLineOptions;
  readonly #bucket: TokenBucket;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(options: CallLineOptions) {
    this.#options = options;
    this.#bucket = new TokenBucket(this.#size().burst, options.now());
  }

  /** How many wait for something more important than a draft. */
  important(below: number): number {
    const first = this.#waiting.findIndex(({ rank }) => rank >= below);
    return first < 0 ? this.#waiting.length : first;
  }

  /** 0 = the call may go, and is counted here; else how long it has to wait at least. Nobody is passed over. */
  ask(call: Pick<Waiting, "rank" | "since" | "spare" | "chatWaitMs">): number {
    if (this.#waiting.length > 0) this.#serve();
    const now = this.#options.now();
    const chatMs = call.chatWaitMs(now);
    // Whom it passes waits for its chat alone, or needs more than this call does.
    const accountMs = this.#accountWaitMs(call, now);
    if (chatMs <= 0 && accountMs <= 0) {
      this.#bucket.take();
      return 0;
    }
    const aheadMs = accountMs > 0 ? this.#placeOf(call) * this.#size().refillMs : 0;
    return Math.max(1, chatMs, accountMs + (this.#options.limit ? aheadMs : 0));
  }

  /** False = too many wait already. */
  join(call: Waiting): boolean {
    if (this.#waiting.length >= MAX_WAITING) return false;
    this.#waiting.splice(this.#placeOf(call), 0, call);
    this.#serve();
    return true;
  }

  leave(call: Waiting): void {
    const at = this.#waiting.indexOf(call);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    if (this.#waiting.length === 0) this.#serve();
  }

  giveBack(): void {
    this.#bucket.giveBack();
    this.look();
  }

  /** Something has changed for those who wait. */
  look(): void {
    if (this.#waiting.length > 0) this.#wakeAt(this.#options.now());
  }

  #serve(): void {
    const now = this.#options.now();
    let wakeAt = Number.POSITIVE_INFINITY;
    let isShort = false;
    this.#waiting = this.#waiting.filter((call) => {
      // Behind the first one whom the account keeps waiting, chats make no difference.
      const chatMs = isShort ? 0 : call.chatWaitMs(now);
      const accountMs = isShort || chatMs > 0 ? 0 : this.#accountWaitMs(call, now);
      if (!isShort && chatMs <= 0 && accountMs <= 0) {
        this.#bucket.take();
        // At once: the next one may be of the same chat.
        call.done(0);
        return false;
      }
      isShort ||= accountMs > 0;
      if (chatMs > 0 || accountMs > 0) wakeAt = Math.min(wakeAt, now + Math.max(chatMs, accountMs));
      if (now >= call.until || now + chatMs > call.until) {
        call.done(Math.max(1, chatMs, accountMs, this.#size().refillMs));
        return false;
      }
      wakeAt = Math.min(wakeAt, call.until);
      return true;
    });
    clearTimeout(this.#timer);
    this.#timerAt = Number.POSITIVE_INFINITY;
    if (this.#waiting.length > 0) this.#wakeAt(wakeAt);
  }

  #wakeAt(time: number): void {
    if (time >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = time;
    // A longer time-out than this is none to Node.
    const waitMs = Math.min(2 ** 31 - 1, Math.max(LEAST_WAIT_MS, time - this.#options.now()));
    this.#timer = setTimeout(() => this.#serve(), Math.ceil(waitMs));
  }

  #accountWaitMs({ spare }: { spare: boolean }, now: number): number {
    if (!this.#options.limit) return 0;
    const size = this.#size();
    return this.#bucket.waitMs(size, spare ? size.reserve : 0, now);
  }

  /** Of this replica, with a larger reserve while many answers stream. */
  #size(): { refillMs: number; burst: number; reserve: number } {
    const { limit, share, streams } = this.#options;
    if (!limit) return { refillMs: 0, burst: Number.POSITIVE_INFINITY, reserve: 0 };
    const { refillMs, burst, reserve } = partOf(limit, share());
    const wanted = Math.min((streams() * refillMs) / 1_000, burst * MOST_RESERVE, burst - 1);
    return { refillMs, burst, reserve: Math.max(reserve, wanted) };
  }

  #placeOf(call: Pick<Waiting, "rank" | "since">): number {
    let [low, high] = [0, this.#waiting.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(call, this.#waiting[middle]!)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function isBefore(call: Pick<Waiting, "rank" | "since">, other: Pick<Waiting, "rank" | "since">): boolean {
  return call.rank < other.rank || (call.rank === other.rank && call.since < other.since);
}
