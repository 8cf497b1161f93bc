import type { ServerResponse } from "node:http";
import type { SentChatMessage } from "./script.ts";

/** One request the model got, and what became of its answer. Times are epoch milliseconds. */
export interface JournalEntry {
  /** Its place in the journal, from 0. */
  n: number;
  at: number;
  body: Record<string, unknown>;
  messages: SentChatMessage[];
  model: string;
  /** Bearer key present, and the right one if the server was given one. */
  apiKeyOk: boolean;
  /** When the first and the last piece of the answer went out. */
  firstChunkAt: number | null;
  lastChunkAt: number | null;
  /** Set together: when and by whom the exchange ended; `server` also when it was simply complete. */
  closedAt: number | null;
  closedBy: "client" | "server" | null;
  /** The text that had gone out by now. */
  readonly sentText: string;
}

export class Exchange implements JournalEntry {
  readonly n: number;
  readonly at: number;
  readonly body: Record<string, unknown>;
  readonly messages: SentChatMessage[];
  readonly model: string;
  readonly apiKeyOk: boolean;
  firstChunkAt: number | null = null;
  lastChunkAt: number | null = null;
  closedAt: number | null = null;
  closedBy: "client" | "server" | null = null;
  text = "";
  sentChars = 0;

  constructor(n: number, at: number, body: Record<string, unknown>, apiKeyOk: boolean) {
    this.n = n;
    this.at = at;
    this.body = body;
    this.messages = Array.isArray(body["messages"]) ? (body["messages"] as SentChatMessage[]) : [];
    this.model = typeof body["model"] === "string" ? body["model"] : "";
    this.apiKeyOk = apiKeyOk;
  }

  get sentText(): string {
    return this.text.slice(0, this.sentChars);
  }

  close(by: "client" | "server"): void {
    if (this.closedBy !== null) return;
    this.closedBy = by;
    this.closedAt = epochNow();
  }

  /** Must be called before anything is answered. */
  watch(response: ServerResponse): void {
    response.on("close", () => this.close(response.writableFinished ? "server" : "client"));
  }
}

/** Epoch milliseconds with fractions, comparable between processes of one machine. */
export function epochNow(): number {
  return performance.timeOrigin + performance.now();
}
