import type { Args } from "./args.ts";

/** One call of the Web API, or of a response_url (method "response_url"). */
export interface JournalEntry {
  /** ms since the epoch, by the fake's clock. */
  at: number;
  method: string;
  channel: string | null;
  args: Args;
  /** Slack's word of the refusal; "lost" when a fault let no proper answer through (see `applied`); "pending" while it runs. */
  outcome: "ok" | "lost" | "pending" | (string & {});
  /** HTTP status of the answer; 0 when none was given. */
  status: number;
  /** Whether it took effect. */
  applied: boolean;
  /** The message that was posted, edited or removed. */
  ts?: string;
  /** The fault that hit it. */
  fault?: string;
  /** The 429's wait in seconds. */
  retryAfter?: number;
  /** ms before the end of an announced wait. */
  earlyBy?: number;
}

/** Every call in the order of arrival. Light mode forgets arguments, so that long measurements stay small. */
export class Journal {
  readonly entries: JournalEntry[] = [];
  readonly earlyCalls: JournalEntry[] = [];
  rateLimited = 0;
  #light: boolean;

  constructor(light: boolean) {
    this.#light = light;
  }

  open(at: number, method: string, channel: string | null, args: Args): JournalEntry {
    const kept = this.#light ? {} : args;
    const entry: JournalEntry = { at, method, channel, args: kept, outcome: "pending", status: 0, applied: false };
    this.entries.push(entry);
    return entry;
  }
}

/** The last calls, for messages of failed waits. */
export function tail(entries: readonly JournalEntry[], count = 12): string {
  return entries
    .slice(-count)
    .map(({ method, channel, outcome, status }) => `  ${method} ${channel ?? ""} → ${outcome} ${status}`)
    .join("\n");
}
