import type { Payload } from "./payload.ts";

/** One call of the Bot API as the fake saw it. */
export interface JournalEntry {
  /** Arrival, ms since the epoch by the fake's clock. */
  at: number;
  /** Which bot: 0 for the first token. */
  bot: number;
  method: string;
  /** The chat_id; null when the call is for no chat. */
  chat: number | null;
  /** Empty in the light journal. */
  payload: Payload;
  /** "ok"; Telegram's error code; "lost" when no proper answer was given (see `applied`); "pending" while it runs. */
  outcome: "ok" | "lost" | "pending" | number;
  /** HTTP status of the answer; 0 when none was given. */
  status: number;
  /** Whether it took effect. */
  applied: boolean;
  description?: string;
  /** The message that was sent, edited or removed. */
  messageId?: number;
  /** The fault that hit it. */
  fault?: string;
  /** The 429's wait in seconds. */
  retryAfter?: number;
  /** ms before the end of an announced wait. */
  earlyBy?: number;
}

/** Every call in the order of arrival. Light mode forgets payloads, so that long measurements stay small. */
export class Journal {
  readonly entries: JournalEntry[] = [];
  light: boolean;
  rateLimited = 0;

  constructor(light: boolean) {
    this.light = light;
  }

  open(at: number, bot: number, method: string, chat: number | null, payload: Payload): JournalEntry {
    const entry: JournalEntry = {
      at,
      bot,
      method,
      chat,
      payload: this.light ? {} : payload,
      outcome: "pending",
      status: 0,
      applied: false,
    };
    this.entries.push(entry);
    return entry;
  }
}

/** The last calls, for messages of failed waits. */
export function tail(entries: readonly JournalEntry[], count = 12): string {
  return entries
    .slice(-count)
    .map(({ method, chat, outcome, description }) => `  ${method} ${chat ?? ""} → ${outcome} ${description ?? ""}`)
    .join("\n");
}
