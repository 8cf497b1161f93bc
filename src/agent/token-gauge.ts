/** Where nothing says how much a model reads. Most that are in use read 128,000 tokens or more; one that reads less says so. */
export const DEFAULT_CONTEXT_TOKENS = 128_000;

/** A report far from the estimate tells of something else than of words, hidden prompts for example. */
const LEAST_RATIO = 0.3;
const MOST_RATIO = 3;
/** How much the newest report counts. */
const WEIGHT = 0.3;
/** Of less than this the words of a request are too small a part. */
const WORTH_LEARNING = 1_000;

/** How full a model's window is: estimates of bytes, put right by what the model reported before. */
export class TokenGauge {
  #window: number;
  #ratio: number | null;

  /** `ratio`: reported tokens for one of an estimate, as learned before; null = never. */
  constructor(window: number = DEFAULT_CONTEXT_TOKENS, ratio: number | null = null) {
    this.#window = window;
    this.#ratio = ratio;
  }

  /** Tokens the model reads at most. */
  get window(): number {
    return this.#window;
  }

  /** Null = nothing is known. */
  get ratio(): number | null {
    return this.#ratio;
  }

  /** An estimate as the model will about count it. */
  tokens(estimate: number): number {
    return Math.ceil(estimate * (this.#ratio ?? 1));
  }

  /** The estimate of what the model counts as so many tokens. */
  estimate(tokens: number): number {
    return Math.floor(tokens / (this.#ratio ?? 1));
  }

  /** The model counted `reported` tokens where we estimated so many. */
  learn(estimate: number, reported: number): void {
    if (estimate < WORTH_LEARNING || reported <= 0) return;
    const seen = Math.min(MOST_RATIO, Math.max(LEAST_RATIO, reported / estimate));
    this.#ratio = this.#ratio === null ? seen : this.#ratio * (1 - WEIGHT) + seen * WEIGHT;
  }

  /** The model refused so much: for this run its window is smaller than was thought. */
  refuse(estimate: number): void {
    this.#window = Math.min(this.#window, this.tokens(estimate));
  }
}
