export interface ThreadStatus {
  status: string;
  loadingMessages: readonly string[];
  at: number;
}

export type SessionStatus = "active" | "processing" | "suspended" | "closed";

/** assistant.threads.setStatus: it goes away by itself after this long. */
const STATUS_LIFE_MS = 120_000;

/** What assistants show beside the messages of a thread: a status line, a title, prompts; and the agent session there. */
export class AgentThreads {
  /** By "channel thread". */
  readonly sessions = new Map<string, { status: SessionStatus; title: string }>();
  readonly titles = new Map<string, string>();
  /** By channel, or "channel thread". */
  readonly prompts = new Map<string, { title: string; message: string }[]>();
  /** Every status ever set, "" for cleared ones. */
  readonly history: { channel: string; thread: string; status: string; at: number }[] = [];
  #statuses = new Map<string, ThreadStatus>();
  #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  setStatus(channel: string, thread: string, status: string, loadingMessages: readonly string[]): void {
    const at = this.#now();
    this.history.push({ channel, thread, status, at });
    if (status === "") {
      this.#statuses.delete(key(channel, thread));
    } else {
      this.#statuses.set(key(channel, thread), { status, loadingMessages, at });
    }
  }

  /** The app replied: Slack takes the status away. */
  cleared(channel: string, thread: string): void {
    this.#statuses.delete(key(channel, thread));
  }

  /** What the thread shows now; null = nothing. */
  status(channel: string, thread: string): ThreadStatus | null {
    const found = this.#statuses.get(key(channel, thread));
    return found === undefined || this.#now() - found.at >= STATUS_LIFE_MS ? null : found;
  }

  session(channel: string, thread: string): { status: SessionStatus; title: string } | undefined {
    return this.sessions.get(key(channel, thread));
  }
}

export function key(channel: string, thread: string): string {
  return `${channel} ${thread}`;
}
