/** A message in the form of OpenAI's chat completions; fields that are not known are kept. */
export interface ChatMessage {
  role: string;
  content?: unknown;
  [field: string]: unknown;
}

/** Where an agent keeps its conversations. Whatever is refused rejects with a `StoreError`. */
export interface SessionStore {
  /** Makes an empty session and returns its id. Rejects `conflict` if there is one with the id that is given. */
  create(id?: string): Promise<string>;
  /** The whole history; null = there is no such session. */
  load(id: string): Promise<ChatMessage[] | null>;
  /** Makes these the whole history, of a new session if there is none. */
  save(id: string, messages: readonly ChatMessage[]): Promise<void>;
  /** What the agent counts for itself; null = there is no such session. */
  costs(id: string): Promise<Record<string, unknown> | null>;
  /** Merged into what is there, field by field. Rejects `not_found`. */
  addCosts(id: string, fields: Record<string, unknown>): Promise<void>;
  /** False = there was no such session. */
  delete(id: string): Promise<boolean>;
  /** Another session with the first `count` messages, or all. Rejects `not_found`, `invalid` (there are fewer). */
  fork(id: string, count?: number): Promise<{ id: string; messages: number }>;
  /** Leaves the first `count` messages. Rejects like `fork`. */
  revert(id: string, count: number): Promise<void>;
}

export interface NewFeedback {
  rating: 1 | -1;
  /** What it is about: a session, or a trace. */
  session?: string;
  trace?: string;
  comment?: string;
}

export interface StoredFeedback {
  id: string;
  rating: 1 | -1;
  comment: string | null;
}

/** What people think of an agent's answers. */
export interface FeedbackStore {
  add(feedback: NewFeedback): Promise<string>;
  /** Null = there is none with this id. */
  get(id: string): Promise<StoredFeedback | null>;
  /** Rejects `not_found`. */
  change(id: string, change: { rating?: 1 | -1; comment?: string }): Promise<void>;
  /** Newest first. */
  list(filter: { session: string; rating?: 1 | -1 }): Promise<StoredFeedback[]>;
}

/** One thing that happened in a trace; times in seconds, of any clock. */
export interface Span {
  span_id: string;
  parent_span_id?: string | null;
  name: string;
  start_time: number;
  end_time: number;
  status?: string;
  attributes?: Record<string, unknown>;
}

export interface Trace {
  trace_id: string;
  /** ISO 8601. */
  started_at: string;
  ended_at?: string;
  model?: string;
  session_id?: string;
  status: string;
  spans: Span[];
}

/** What an agent did, step by step. */
export interface TraceStore {
  /** The same id again is the same trace, told anew. */
  write(trace: Trace): Promise<void>;
  /** Null = there is none with this id. */
  read(id: string): Promise<Trace | null>;
}

export interface Stores {
  sessions: SessionStore;
  traces: TraceStore;
  feedback: FeedbackStore;
}

/** `code`: as the server says it, `unavailable` if there is none, `incompatible` if it speaks another API. */
export class StoreError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = "StoreError";
    this.code = code;
  }
}
