/** At most so many at once; the others wait in order until their signal aborts, `maxWaiting` of them and no more. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  readonly #maxWaiting: number;

  constructor(count: number, maxWaiting = Number.POSITIVE_INFINITY) {
    this.#free = count;
    this.#maxWaiting = maxWaiting;
  }

  /** Whoever comes now has to wait, or is turned away. */
  get full(): boolean {
    return this.#free === 0;
  }

  get free(): number {
    return this.#free;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Runs `work` in a slot; null = the abort came first, or too many wait already. */
  async during<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T | null> {
    const leave = await this.take(signal);
    if (leave === null) return null;
    try {
      return await work();
    } finally {
      leave();
    }
  }

  /** A slot, and how to leave it, once; null as above. */
  async take(signal: AbortSignal): Promise<(() => void) | null> {
    if (!(await this.#take(signal))) return null;
    return () => {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    };
  }

  async #take(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    if (this.#free > 0) {
      this.#free -= 1;
      return true;
    }
    if (this.#waiting.length >= this.#maxWaiting) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const given = () => resolve(true);
    const left = () => {
      const at = this.#waiting.indexOf(given);
      if (at === -1) return;
      this.#waiting.splice(at, 1);
      resolve(false);
    };
    this.#waiting.push(given);
    signal.addEventListener("abort", left, { once: true });
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", left);
    }
  }
}
