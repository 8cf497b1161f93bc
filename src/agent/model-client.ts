import type { Message } from "./message.ts";
import type { FileId } from "../ids.ts";
import type { ModelTrouble } from "../texts/run-texts.ts";
import type { ToolDescription } from "./tool-source.ts";
import type { Traceparent } from "./traceparent.ts";

/** Sampling of one request; absent = the provider's default. */
export interface Sampling {
  temperature?: number;
  topP?: number;
  maxTokens?: number;
  /** These three are not OpenAI's; many other servers know them. */
  topK?: number;
  minP?: number;
  repetitionPenalty?: number;
  presencePenalty?: number;
  frequencyPenalty?: number;
  stopSequences?: string[];
  parallelToolCalls?: boolean;
  /** How long a model that thinks shall think: `low`, `high` and whatever else its provider knows. */
  reasoning?: string;
}

export interface Usage {
  inputTokens: number;
  outputTokens: number;
  /** Of the input those the provider had kept; of the output those nobody is shown. */
  cachedTokens?: number;
  reasoningTokens?: number;
}

/** Pictures that go to the model, by the file that a message's part names. */
export type SentImages = ReadonlyMap<FileId, { mediaType: string; base64: string }>;

export interface ModelRequest {
  /** As `provider.model`; a client of one provider takes its own names alone. Null = the client's default model. */
  model: string | null;
  instruction: string;
  /** Repaired history and the turn: starts with a user message, every call has its result. */
  messages: readonly Message[];
  /** Of the messages' pictures those that are shown to the model; the others are words only. */
  images?: SentImages;
  tools: readonly ToolDescription[];
  sampling: Sampling;
  /** From the request to the first event, and between two events, in ms. */
  firstTokenMs: number;
  idleMs: number;
  /** The request's span, for a server that may know of it; left out: nobody traces it. */
  traceparent?: Traceparent;
}

/**
 * What a model says, in order: text, reasoning and calls as they become known, then exactly one `finished` or `failed`
 * as the last event. All text that came in one read of the socket is one event.
 */
export type ModelEvent =
  | { type: "text"; text: string }
  | { type: "reasoning"; text: string }
  | { type: "tool_call"; callId: string; tool: string; args: string; extra?: unknown }
  /** Of tools that the other side calls itself; the end of one may never be told. */
  | { type: "tool_started"; callId: string; tool: string; args: string }
  | { type: "tool_finished"; callId: string; text: string }
  | { type: "finished"; reason: "stop" | "length" | "refusal"; usage?: Usage; model: string }
  | { type: "failed"; failure: ModelFailure };

/**
 * `retryable`: the same request may succeed later. `refused`: it never will (bad key, bad request).
 * `context_too_long`: history must shrink first. `images_refused`: the model looks at no pictures. `truncated`: the stream ended without a finish reason.
 */
export interface ModelFailure {
  kind:
    | "retryable"
    | "refused"
    | "context_too_long"
    | "images_refused"
    | "truncated"
    | "first_token_timeout"
    | "idle_timeout"
    | "aborted";
  /** What people are told, in their language; absent = `message`. */
  what?: ModelTrouble;
  /** In English; may be shown to the person. */
  message: string;
  retryAfterMs?: number;
  /** It was not asked at all: its provider rests after too many failures. */
  resting?: true;
  /** The other side may have done something by then: it is not asked again by itself. */
  mayHaveActed?: boolean;
  cause?: unknown;
}

/**
 * Contract: never throws; failure, abort included, is the last event. Closes the connection when `signal` aborts or
 * the consumer stops early. Does not retry on its own.
 */
export interface ModelClient {
  stream(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent>;
  /** The client whose settings stay what they are now, for one run; left out: they never change. */
  pinned?(): ModelClient;
  /** What one request to a model may hold, its answer included, in tokens; null = unknown. */
  contextTokens?(model: string | null): number | null;
}
