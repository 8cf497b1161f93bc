import type { Clock } from "./clock.ts";

/** Failures in a row after which a server rests. */
const FAILURES = 3;
const REST_MS = 5_000;
const MAX_REST_MS = 120_000;

/** Keeps runs from waiting for a server, or an agent, that is down. After a rest one failure is enough for a longer one. */
export class CircuitBreaker {
  readonly #clock: Pick<Clock, "now">;
  readonly #random: () => number;
  #failures = 0;
  #restsUntil = 0;

  constructor(clock: Pick<Clock, "now">, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  get resting(): boolean {
    return this.#clock.now() < this.#restsUntil;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#restsUntil = 0;
  }

  /** `slow`: it made its callers wait until their time was over; none of the next ones is to wait as long. */
  failed(slow: boolean): void {
    this.#failures = Math.max(this.#failures + 1, slow ? FAILURES : 0);
    if (this.#failures < FAILURES) return;
    const rest = Math.min(REST_MS * 2 ** (this.#failures - FAILURES), MAX_REST_MS);
    // Replicas do not come back all at once.
    this.#restsUntil = this.#clock.now() + rest * (0.75 + this.#random() / 2);
  }
}
