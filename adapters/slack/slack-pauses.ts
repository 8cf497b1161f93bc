/**
 * The pauses that Slack asked for, by method. Posts are counted in each channel above all, so a refused one stops its
 * channel only; a second channel that is refused meanwhile means the whole workspace.
 */
export class SlackPauses {
  readonly #now: () => number;
  readonly #until = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** How long the method must not be called, in ms; 0 or less = it may be. */
  leftMs(method: string, channel: string | null): number {
    const until = Math.max(this.#until.get(method) ?? 0, this.#until.get(`${method} ${channel}`) ?? 0);
    return until - this.#now();
  }

  /** `channel`: null = the pause is one of the whole workspace. */
  add(method: string, channel: string | null, ms: number): void {
    for (const [key, until] of this.#until) {
      if (until <= this.#now()) this.#until.delete(key);
    }
    const key = channel === null ? method : `${method} ${channel}`;
    const others = [...this.#until.keys()].filter((it) => it !== key && it.startsWith(`${method} `));
    this.#extend(key, ms);
    if (channel !== null && others.length > 0) this.#extend(method, ms);
  }

  /** A longer pause that was asked for before stays. */
  #extend(key: string, ms: number): void {
    this.#until.set(key, Math.max(this.#until.get(key) ?? 0, this.#now() + ms));
  }
}
