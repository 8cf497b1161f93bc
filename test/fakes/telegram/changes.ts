interface Waiter {
  check: () => void;
}

/** Tells waiters that something happened. Checks are batched per turn of the event loop: thousands of calls stay cheap. */
export class Changes {
  #watchers = new Set<() => void>();
  #waiters = new Set<Waiter>();
  #scheduled = false;

  /** Something visible changed. */
  notify(): void {
    if (this.#scheduled || this.#waiters.size + this.#watchers.size === 0) {
      return;
    }
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const waiter of this.#waiters) {
        waiter.check();
      }
      for (const watcher of this.#watchers) {
        watcher();
      }
    });
  }

  /** Calls `run` after every change. @returns ends that */
  watch(run: () => void): () => void {
    this.#watchers.add(run);
    return () => this.#watchers.delete(run);
  }

  /**
   * Resolves with the first truthy value of `condition`, checked now and after every change.
   * Rejects after `timeoutMs` with `describe()` in the message, or with what the condition throws.
   */
  until<T>(condition: () => T, timeoutMs: number, describe: () => string): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
      finish();
    };
    const waiter: Waiter = {
      check: () => {
        try {
          const value = condition();
          if (value) {
            settle(() => resolve(value));
          }
        } catch (error) {
          settle(() => reject(error));
        }
      },
    };
    const timer = setTimeout(() => {
      settle(() => reject(new Error(`not within ${timeoutMs} ms: ${condition.toString()}\n${describe()}`)));
    }, timeoutMs);
    this.#waiters.add(waiter);
    waiter.check();
    return promise;
  }
}
