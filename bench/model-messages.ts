/** How the model answers from now on. */
export interface ModelPace {
  /** Characters of an answer. */
  chars: number;
  chunkChars: number;
  ttftMs: number;
  chunkEveryMs: number;
}

/** One request as the model saw it. Times are epoch milliseconds with fractions. */
export interface ModelEntry {
  question: string;
  /** Which process asked, if it names itself as the model. */
  model: string;
  at: number;
  firstChunkAt: number | null;
  lastChunkAt: number | null;
  closedAt: number | null;
  closedBy: "client" | "server" | null;
}

/** What the driver asks of the model's process; each is answered by an `Answered` with the same `id`. */
export type ModelOrder = { id: number } & (
  | { do: "pace"; pace: ModelPace }
  | { do: "journal" }
  | { do: "forget" }
  | { do: "wait-first-chunk"; question: string }
);

export interface Answered {
  id: number;
  journal?: ModelEntry[];
}
