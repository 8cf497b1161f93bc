/** A sequence of chances that its seed repeats: what was random in a failed run can be had again. */
export interface Chances {
  readonly seed: number;
  /** Below `limit`, from 0. */
  next(limit: number): number;
  between(low: number, high: number): number;
}

/** mulberry32: enough for tests, the same on every machine. */
export function chances(seed: number): Chances {
  let state = seed >>> 0;
  const next = (limit: number) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit;
  };
  return { seed, next, between: (low, high) => low + next(high - low) };
}
