import { GatewayError } from "../errors.ts";
import { takeCalls } from "../store/api-rates.ts";
import type { Root } from "../store/schema.ts";
import { retrying } from "../store/transaction.ts";

/** A replica takes the calls of half a second at once, so that few requests ask the database. */
const BATCHES_PER_MINUTE = 120;
/** What it has not used by then is lost. */
const HOLD_MS = 1_000;
/** Keys and persons remembered at once. */
const MAX_HELD = 10_000;

interface Held {
  calls: number;
  until: number;
}

/** How often a key or a person may call, over all replicas. */
export class CallRates {
  readonly #db: Root;
  readonly #perMinute: number;
  readonly #held = new Map<string, Held>();
  readonly #asking = new Map<string, Promise<void>>();

  constructor(db: Root, perMinute: number) {
    this.#db = db;
    this.#perMinute = perMinute;
  }

  /** One call of `scope`. Rejects `rate_limited` with the time to wait. */
  async take(scope: string): Promise<void> {
    for (;;) {
      const held = this.#held.get(scope);
      if (held && held.calls > 0 && performance.now() < held.until) {
        held.calls -= 1;
        return;
      }
      let asking = this.#asking.get(scope);
      if (!asking) {
        asking = this.#ask(scope).finally(() => this.#asking.delete(scope));
        this.#asking.set(scope, asking);
      }
      // One question for all that wait; each round lets one of them go at least.
      await asking;
    }
  }

  async #ask(scope: string): Promise<void> {
    const batch = Math.max(1, Math.floor(this.#perMinute / BATCHES_PER_MINUTE));
    const grant = await retrying(() => takeCalls(this.#db, scope, this.#perMinute, batch));
    if ("retryAfterMs" in grant) {
      const { retryAfterMs } = grant;
      throw new GatewayError("rate_limited", "Too many calls. Wait, and make fewer of them.", { retryAfterMs });
    }
    this.#held.delete(scope);
    this.#held.set(scope, { calls: grant.calls, until: performance.now() + HOLD_MS });
    if (this.#held.size > MAX_HELD) this.#held.delete(this.#held.keys().next().value!);
  }
}
