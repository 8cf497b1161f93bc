import type { CallLimit } from "../platform/platform-adapter.ts";

interface BucketSize {
  refillMs: number;
  burst: number;
}

/** A replica's part of a limit. At least one call may always go at once when there was none for long. */
export function partOf({ refillMs, burst, reserve }: CallLimit, share: number): BucketSize & { reserve: number } {
  const part = Math.max(1, burst * share);
  return { refillMs: refillMs / share, burst: part, reserve: Math.min(reserve * share, part - 1) };
}

/** Calls that may be made now: `burst` at most, one more every `refillMs`. Its owner brings the clock, in ms. */
export class TokenBucket {
  #tokens: number;
  #at: number;

  constructor(tokens: number, now: number) {
    this.#tokens = tokens;
    this.#at = now;
  }

  /** When it was last looked at. */
  get at(): number {
    return this.#at;
  }

  /** How long until a call leaves `reserve` others; 0 = it may go now. */
  waitMs({ refillMs, burst }: BucketSize, reserve: number, now: number): number {
    this.#tokens = Math.min(burst, this.#tokens + (now - this.#at) / refillMs);
    this.#at = now;
    return this.#tokens >= 1 + reserve ? 0 : (1 + reserve - this.#tokens) * refillMs;
  }

  take(): void {
    this.#tokens -= 1;
  }

  /** A call that was let go was not made. */
  giveBack(): void {
    this.#tokens += 1;
  }
}
