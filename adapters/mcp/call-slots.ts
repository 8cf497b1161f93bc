/** Calls that wait for a slot; more are turned away. */
const MAX_WAITING = 1_000;

/** So many calls at once and no more; the others wait in line. */
export class CallSlots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(size: number) {
    this.#free = size;
  }

  /** False = the line is too long, or `signal` aborted before it was this call's turn. After true comes `release`. */
  async take(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    if (this.#free > 0) {
      this.#free -= 1;
      return true;
    }
    if (this.#waiting.length >= MAX_WAITING) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const turn = () => resolve(true);
    const leave = () => {
      const place = this.#waiting.indexOf(turn);
      if (place >= 0) this.#waiting.splice(place, 1);
      // Where its turn came in the same moment, the slot is its own, and `true` was said first.
      resolve(false);
    };
    this.#waiting.push(turn);
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
  }
}
