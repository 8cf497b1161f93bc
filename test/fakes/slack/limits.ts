import { lateMs } from "../lateness.ts";

/** `burst` calls at once, one more every `refillMs`. */
export interface Bucket {
  burst: number;
  refillMs: number;
}

export type Tier = 1 | 2 | 3 | 4 | 5;

/** A limit set to null is off. */
export interface Limits {
  /** chat.postMessage in one conversation. */
  post: Bucket | null;
  /** chat.postMessage in the whole workspace. */
  postOverall: Bucket | null;
  /** Each method of a tier has this in a workspace for itself. */
  tier1: Bucket | null;
  tier2: Bucket | null;
  tier3: Bucket | null;
  tier4: Bucket | null;
  /** assistant.threads.setStatus, postEphemeral and what else Slack calls special. */
  tier5: Bucket | null;
  /** A call this soon after a 429 may have been under way already: refused, but not counted as early. ms, on a machine that has time. */
  graceMs: number;
}

/** docs.slack.dev/apis/web-api/rate-limits: calls a minute by tier, "sporadic bursts" as we guess them. */
export const SLACK_LIMITS: Limits = {
  post: { burst: 4, refillMs: 1000 },
  postOverall: { burst: 60, refillMs: 200 },
  tier1: { burst: 3, refillMs: 60_000 },
  tier2: { burst: 10, refillMs: 3000 },
  tier3: { burst: 15, refillMs: 1200 },
  tier4: { burst: 30, refillMs: 600 },
  tier5: { burst: 60, refillMs: 300 },
  graceMs: 100,
};

export const NO_LIMITS: Limits = {
  post: null,
  postOverall: null,
  tier1: null,
  tier2: null,
  tier3: null,
  tier4: null,
  tier5: null,
  graceMs: 100,
};

/** What a call counts for: its tier, or "post" which also counts in its conversation. */
export type Rate = Tier | "post" | null;

/** `retryAfter` in seconds: the call is refused. `earlyBy` in ms: it came before an announced wait was over. */
export interface Verdict {
  retryAfter?: number;
  earlyBy?: number;
}

/** Admits or refuses calls, and remembers which waits were announced. Times are ms of the fake's clock. */
export class RateLimits {
  readonly limits: Limits;
  #levels = new Map<string, { level: number; at: number }>();
  #blocks = new Map<string, { announcedAt: number; lateMs: number; until: number }>();

  constructor(limits: Limits) {
    this.limits = limits;
  }

  /** Whether an announced wait is still running for this call. */
  blocked(method: string, channel: string | null, now: number): Verdict {
    for (const key of [method, `${method} ${channel}`]) {
      const block = this.#blocks.get(key);
      if (block !== undefined && now < block.until) {
        const retryAfter = Math.ceil((block.until - now) / 1000);
        const known = now - block.announcedAt > this.limits.graceMs + lateMs() - block.lateMs;
        return known ? { retryAfter, earlyBy: block.until - now } : { retryAfter };
      }
    }
    return {};
  }

  /** Counts a call that no wait forbids. */
  admit(method: string, rate: Rate, channel: string | null, now: number): Verdict {
    const buckets = this.#bucketsOf(method, rate, channel);
    const waits = buckets.map(([key, bucket]) => this.#wait(key, bucket, now));
    const longest = Math.max(0, ...waits);
    if (longest > 0) {
      const retryAfter = Math.max(1, Math.ceil(longest / 1000));
      const [key] = buckets[waits.indexOf(longest)] ?? [method];
      this.announce(key, retryAfter, now);
      return { retryAfter };
    }
    for (const [key, bucket] of buckets) {
      const level = this.#levels.get(key)?.level ?? bucket.burst;
      this.#levels.set(key, { level: level - 1, at: now });
    }
    return {};
  }

  /** @param scope a method, or "method channel" */
  announce(scope: string, retryAfter: number, now: number): void {
    this.#blocks.set(scope, { announcedAt: now, lateMs: lateMs(), until: now + retryAfter * 1000 });
  }

  #bucketsOf(method: string, rate: Rate, channel: string | null): [string, Bucket][] {
    const wanted: [string, Bucket | null][] =
      rate === "post"
        ? [
            [`${method} ${channel}`, this.limits.post],
            [method, this.limits.postOverall],
          ]
        : [[method, rate === null ? null : this.limits[`tier${rate}`]]];
    return wanted.filter((each): each is [string, Bucket] => each[1] !== null);
  }

  /** ms until the bucket holds a whole call */
  #wait(key: string, { burst, refillMs }: Bucket, now: number): number {
    const known = this.#levels.get(key);
    if (known === undefined) {
      return 0;
    }
    known.level = Math.min(burst, known.level + (now - known.at) / refillMs);
    known.at = now;
    return known.level >= 1 ? 0 : (1 - known.level) * refillMs;
  }
}
