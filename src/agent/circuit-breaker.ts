import type { Clock } from "./clock.ts";

/** Failures in a row after which a server rests, where nobody says another number. */
const FAILURES = 3;
const REST_MS = 5_000;
const MAX_REST_MS = 120_000;
/** A server that asks for more is looked at again by then. */
const MAX_ASKED_MS = 10 * 60_000;

/** Keeps runs from waiting for a server, or an agent, that is down. After a rest one failure is enough for a longer one. */
export class CircuitBreaker {
  readonly #clock: Pick<Clock, "now">;
  readonly #random: () => number;
  readonly #limit: number;
  #failures = 0;
  #restsUntil = 0;
  #probing = false;

  constructor(clock: Pick<Clock, "now">, random: () => number, failures = FAILURES) {
    this.#clock = clock;
    this.#random = random;
    this.#limit = failures;
  }

  get resting(): boolean {
    return this.restsForMs > 0;
  }

  get restsForMs(): number {
    return Math.max(0, this.#restsUntil - this.#clock.now());
  }

  /**
   * Whether one more may ask. After a rest a single one may; the others wait until `succeeded`, `failed` or `unknown`
   * says what became of it.
   */
  admit(): boolean {
    if (this.resting || this.#probing) return false;
    this.#probing = this.#failures >= this.#limit;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#restsUntil = 0;
    this.#probing = false;
  }

  /** Nothing was learnt of the server, or not yet all: one more may ask. */
  unknown(): void {
    this.#probing = false;
  }

  /**
   * `slow`: it made its callers wait until their time was over; none of the next ones is to wait as long. `askedMs`: the
   * rest that the server asked for.
   */
  failed(slow: boolean, askedMs = 0): void {
    this.#probing = false;
    const asked = this.#clock.now() + Math.min(askedMs, MAX_ASKED_MS);
    // Of those that were asked before the rest began: many at once are no longer rest.
    if (this.resting) return void (this.#restsUntil = Math.max(this.#restsUntil, asked));
    this.#failures = Math.max(this.#failures + 1, slow ? this.#limit : 0);
    if (this.#failures < this.#limit) return;
    const rest = Math.min(REST_MS * 2 ** (this.#failures - this.#limit), MAX_REST_MS);
    // Replicas do not come back all at once.
    this.#restsUntil = Math.max(asked, this.#clock.now() + rest * (0.75 + this.#random() / 2));
  }
}
