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
    const isSecond = channel !== null && [...this.#until.keys()].some((key) => key.startsWith(`${method} `));
    if (channel !== null) this.#until.set(`${method} ${channel}`, this.#now() + ms);
    if (channel === null || isSecond) this.#until.set(method, this.#now() + ms);
  }
}
