export type WatchEnd = "aborted" | "first_token" | "idle" | "tail";

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Ends the waits of one stream: at the caller's abort, or when what is expected does not come in time. Only waiting
 * counts, not the time the consumer takes. One timer serves the stream, and reading costs none: it is looked at when
 * it fires.
 */
export class StreamWatch {
  readonly #caller: AbortSignal;
  readonly #controller = new AbortController();
  #expected: WatchEnd = "first_token";
  #ms = 0;
  #dueAt: number | null = null;
  #waiting = false;
  #timer: NodeJS.Timeout | undefined;
  #firesAt = Infinity;
  /** Why the stream must end; null while it may go on. */
  ended: WatchEnd | null = null;

  constructor(caller: AbortSignal) {
    this.#caller = caller;
    caller.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Aborts at the end of the watch, whatever the reason. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** From the next wait on, `what` must come within `ms` of waiting. */
  expect(what: Exclude<WatchEnd, "aborted">, ms: number): void {
    this.#expected = what;
    this.#ms = Math.min(ms, LONGEST_TIMER_MS);
    this.#dueAt = null;
  }

  /** Waits for `step`, which must end soon after `signal` aborts. */
  async during<T>(step: Promise<T>): Promise<T> {
    this.#waiting = true;
    this.#dueAt ??= performance.now() + this.#ms;
    if (this.#firesAt > this.#dueAt) this.#arm(this.#dueAt);
    try {
      return await step;
    } finally {
      this.#waiting = false;
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#caller.removeEventListener("abort", this.#onAbort);
  }

  #arm(dueAt: number): void {
    clearTimeout(this.#timer);
    this.#firesAt = dueAt;
    this.#timer = setTimeout(() => this.#fired(), Math.max(1, Math.ceil(dueAt - performance.now())));
  }

  #fired(): void {
    this.#firesAt = Infinity;
    if (!this.#waiting || this.#dueAt === null) return;
    if (performance.now() < this.#dueAt) this.#arm(this.#dueAt);
    else this.#end(this.#expected);
  }

  readonly #onAbort = (): void => this.#end("aborted");

  #end(reason: WatchEnd): void {
    if (this.ended !== null) return;
    this.ended = reason;
    this.#controller.abort();
  }
}
