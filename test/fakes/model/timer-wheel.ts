const TICK_MS = 2;

/** One timer for all streams: what is due within the same two milliseconds runs in one wake-up. Never early. */
export class TimerWheel {
  readonly #due = new Map<number, (() => void)[]>();
  #timer: NodeJS.Timeout | undefined;
  #timerTick = Infinity;

  /** Runs `action` at `atMs` of `performance.now()`'s clock. */
  at(atMs: number, action: () => void): void {
    const tick = Math.ceil(atMs / TICK_MS);
    const bucket = this.#due.get(tick);
    if (bucket) bucket.push(action);
    else this.#due.set(tick, [action]);
    if (tick < this.#timerTick) this.#arm(tick);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#due.clear();
  }

  #arm(tick: number): void {
    clearTimeout(this.#timer);
    this.#timerTick = tick;
    this.#timer = setTimeout(() => this.#turn(), Math.max(0, tick * TICK_MS - performance.now()));
  }

  #turn(): void {
    this.#timerTick = Infinity;
    const now = performance.now() / TICK_MS;
    const ready = [...this.#due.keys()].filter((tick) => tick <= now).toSorted((a, b) => a - b);
    for (const tick of ready) {
      const actions = this.#due.get(tick) ?? [];
      this.#due.delete(tick);
      for (const action of actions) action();
    }
    const next = Math.min(...this.#due.keys());
    if (next < this.#timerTick) this.#arm(next);
  }
}
