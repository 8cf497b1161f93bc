import { GatewayError } from "../errors.ts";
import { type Client, createClientAddress } from "./client-address.ts";

/** The floor other gateways set for webhooks: 20 failures a minute, then a pause. */
const MAX_FAILURES = 20;
const WINDOW_MS = 60_000;
const BLOCK_MS = 300_000;
/** Clients remembered at once: whoever failed longest ago is forgotten first. */
const MAX_CLIENTS = 10_000;

interface Standing {
  /** When it failed, oldest first; at most `MAX_FAILURES`. */
  failures: number[];
  /** 0 = not blocked. */
  blockedUntil: number;
}

/**
 * Stops guessing of secrets, keys and codes: a client that failed too often is refused before what it presents is even
 * looked at, also when it happens to be right. One per gateway process; its memory is bounded whatever comes.
 */
export class AuthFailures {
  readonly #records = new Map<string, Standing>();
  readonly #addressOf: (client: Client) => string;
  readonly #now: () => number;

  /** `now`: a monotonic clock in ms. `trustedProxies`: addresses and ranges whose X-Forwarded-For is believed. */
  constructor(options: { trustedProxies?: readonly string[]; now?: () => number } = {}) {
    this.#addressOf = createClientAddress(options.trustedProxies ?? []);
    this.#now = options.now ?? (() => performance.now());
  }

  /** How many clients are remembered. */
  get size(): number {
    return this.#records.size;
  }

  /** Call before authentication. Throws `rate_limited` with the time to wait while the client is blocked. */
  check(client: Client): void {
    const address = this.#addressOf(client);
    const record = this.#records.get(address);
    if (record === undefined || record.blockedUntil === 0) return;
    const retryAfterMs = record.blockedUntil - this.#now();
    if (retryAfterMs > 0) throw new GatewayError("rate_limited", "Too many failed attempts.", { retryAfterMs });
    this.#records.delete(address);
  }

  /** Call after a failed authentication. A later success takes nothing back: it would pay for more guesses. */
  failed(client: Client): void {
    const address = this.#addressOf(client);
    const now = this.#now();
    const known = this.#records.get(address);
    const isBlocked = known !== undefined && known.blockedUntil > now;
    const recent = known?.blockedUntil === 0 ? known.failures.filter((at) => at > now - WINDOW_MS) : [];
    const failures = [...recent, now];
    const record =
      failures.length < MAX_FAILURES ? { failures, blockedUntil: 0 } : { failures: [], blockedUntil: now + BLOCK_MS };
    // Anew, so that the map stays in the order of the last failure.
    this.#records.delete(address);
    this.#records.set(address, isBlocked ? known : record);
    if (this.#records.size > MAX_CLIENTS) this.#records.delete(this.#records.keys().next().value!);
  }
}
