/** Owns every timer of the fake, so that closing leaves none behind. */
export class Timers {
  #running = new Set<NodeJS.Timeout>();

  /** @returns cancels; harmless once it ran */
  after(ms: number, run: () => void): () => void {
    const timer = setTimeout(() => {
      this.#running.delete(timer);
      run();
    }, ms);
    this.#running.add(timer);
    return () => {
      clearTimeout(timer);
      this.#running.delete(timer);
    };
  }

  clear(): void {
    for (const timer of this.#running) {
      clearTimeout(timer);
    }
    this.#running.clear();
  }
}
