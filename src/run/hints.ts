import type { SessionId } from "../ids.ts";

/**
 * "Look now" inside one process. Hints may be lost or doubled: whoever waits for one also polls. A replica hears its
 * own changes here first and ignores its own notifications from the database.
 */
export class Hints {
  readonly #claims = new Set<() => void>();
  readonly #outbox = new Set<() => void>();
  readonly #levels = new Set<(session: SessionId) => void>();
  readonly #sessions = new Map<SessionId, Set<() => void>>();

  /** Work may have become ready in some lane. */
  work(): void {
    for (const wake of this.#claims) wake();
  }

  /** Something is due in the outbox. */
  outbox(): void {
    for (const wake of this.#outbox) wake();
  }

  /** A session has new messages or a stop, or something of it was heard from another replica. */
  session(session: SessionId): void {
    for (const heard of this.#levels) heard(session);
    this.news(session);
  }

  /** A session has something new to read, by which none of its runs is ended. */
  news(session: SessionId): void {
    for (const wake of this.#sessions.get(session) ?? []) wake();
  }

  onWork(wake: () => void): () => void {
    this.#claims.add(wake);
    return () => this.#claims.delete(wake);
  }

  onOutbox(wake: () => void): () => void {
    this.#outbox.add(wake);
    return () => this.#outbox.delete(wake);
  }

  onLevels(heard: (session: SessionId) => void): () => void {
    this.#levels.add(heard);
    return () => this.#levels.delete(heard);
  }

  /** Whether a reader of this process follows the session just now. */
  followed(session: SessionId): boolean {
    return this.#sessions.has(session);
  }

  /** Registers a reader until the returned function is called. */
  follow(session: SessionId, wake: () => void): () => void {
    const readers = this.#sessions.get(session) ?? new Set();
    this.#sessions.set(session, readers.add(wake));
    return () => {
      readers.delete(wake);
      if (readers.size === 0) this.#sessions.delete(session);
    };
  }
}

/** Waits for a hint or the time-out, whichever is first; a hint given before `wait` is not missed. */
export class Doorbell {
  #rung = false;
  #open: (() => void) | undefined;

  readonly ring = (): void => {
    this.#rung = true;
    this.#open?.();
  };

  async wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (this.#rung || signal.aborted) {
      this.#rung = false;
      return;
    }
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#open = undefined;
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      signal.addEventListener("abort", done, { once: true });
      this.#open = done;
    });
    this.#rung = false;
  }
}
