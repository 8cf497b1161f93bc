import { errorCode } from "../errors.ts";

interface Waiting<In, Out> {
  item: In;
  resolve(out: Out): void;
  reject(error: unknown): void;
}

export interface GroupCommitOptions {
  /** Items of one batch at most. */
  max: number;
  /** Items that may wait; `add` rejects beyond. */
  bound: number;
  /** What an item beyond the bound is rejected with. */
  full(): Error;
  /** Lets a batch collect this long before it starts; 0 = at once. */
  windowMs?: number;
}

/**
 * One batch in flight: what arrives meanwhile goes into the next one. When a batch fails, its items are tried one by
 * one, so that a poisoned item fails alone. When the database is away, they fail all at once, and those that wait with
 * them: stored a moment later, they would overtake what failed. `commit` returns one result per item, in order.
 */
export class GroupCommit<In, Out> {
  #waiting: Waiting<In, Out>[] = [];
  #running = false;
  readonly #commit: (items: In[]) => Promise<Out[]>;
  readonly #options: GroupCommitOptions;

  constructor(commit: (items: In[]) => Promise<Out[]>, options: GroupCommitOptions) {
    this.#commit = commit;
    this.#options = options;
  }

  add(item: In): Promise<Out> {
    if (this.#waiting.length >= this.#options.bound) return Promise.reject(this.#options.full());
    const { promise, resolve, reject } = Promise.withResolvers<Out>();
    this.#waiting.push({ item, resolve, reject });
    if (!this.#running) void this.#drain();
    return promise;
  }

  async #drain(): Promise<void> {
    this.#running = true;
    if (this.#options.windowMs) await new Promise((done) => setTimeout(done, this.#options.windowMs));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#options.max);
      await this.#run(batch, batch.length > 1);
    }
    this.#running = false;
  }

  async #run(batch: Waiting<In, Out>[], divisible: boolean): Promise<void> {
    try {
      const results = await this.#commit(batch.map((waiting) => waiting.item));
      batch.forEach((waiting, index) => waiting.resolve(results[index] as Out));
    } catch (error) {
      const isAway = errorCode(error) === "unavailable";
      if (isAway) batch = [...batch, ...this.#waiting.splice(0)];
      if (!divisible || isAway) return batch.forEach((waiting) => waiting.reject(error));
      for (const waiting of batch) await this.#run([waiting], false);
    }
  }
}
