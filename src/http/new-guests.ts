import { GatewayError } from "../errors.ts";
import { type Client, createClientAddress } from "./client-address.ts";

const MAX_GUESTS = 20;
const WINDOW_MS = 3_600_000;
/** Clients remembered at once: whoever sent no guest for longest is forgotten first. */
const MAX_CLIENTS = 10_000;

/**
 * How many guests one address may become: 20 in any hour. One per gateway process; its memory is bounded whatever comes.
 */
export class NewGuests {
  /** When the guests of each came, oldest first. */
  readonly #times = new Map<string, number[]>();
  readonly #addressOf: (client: Client) => string;
  readonly #now: () => number;

  /** `now`: a monotonic clock in ms. `trustedProxies`: addresses and ranges whose X-Forwarded-For is believed. */
  constructor(options: { trustedProxies?: readonly string[]; now?: () => number } = {}) {
    this.#addressOf = createClientAddress(options.trustedProxies ?? []);
    this.#now = options.now ?? (() => performance.now());
  }

  /** Counts one more. Throws `rate_limited` with the time to wait, which asking does not prolong. */
  count(client: Client): void {
    const address = this.#addressOf(client);
    const now = this.#now();
    const recent = (this.#times.get(address) ?? []).filter((at) => at > now - WINDOW_MS);
    if (recent.length >= MAX_GUESTS) {
      const retryAfterMs = recent[0]! + WINDOW_MS - now;
      const minutes = Math.ceil(retryAfterMs / 60_000);
      const text = `Too many new guests came from your address. Try it again in ${minutes} min, or sign in by a link.`;
      throw new GatewayError("rate_limited", text, { retryAfterMs });
    }
    // Anew, so that the map stays in the order of the last guest.
    this.#times.delete(address);
    this.#times.set(address, [...recent, now]);
    if (this.#times.size > MAX_CLIENTS) this.#times.delete(this.#times.keys().next().value!);
  }
}
