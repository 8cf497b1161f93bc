import type { FileId } from "../ids.ts";
import type { Message } from "./message.ts";
import type { RunEvent } from "./run-event.ts";
import type { Traceparent } from "./traceparent.ts";

/** JSON Schema of type object. */
export type ToolSchema = Record<string, unknown>;

export interface ToolDescription {
  /** 1–64 characters of `[A-Za-z0-9_-]`. */
  name: string;
  description: string;
  schema: ToolSchema;
}

export interface Tool extends ToolDescription {
  /** False unless the tool is known to change nothing: absence of knowledge means it may have effects. */
  readOnly: boolean;
  /** What to do with a call that was in flight when its process died. */
  afterCrash: "repeat" | "skip" | "ask";
  /** Each call needs a person's approval. */
  asks?: true;
  /** The longest one call may take, in ms; left out: what the runner gives every tool. */
  maxMs?: number;
}

export interface ToolCall {
  callId: string;
  tool: string;
  /** The arguments as the model wrote them: JSON, possibly invalid. */
  args: string;
}

/** `text` is what the model reads, at most 30 kB (the middle is cut out). `file`: what the person is to be sent. */
export interface ToolResult {
  ok: boolean;
  text: string;
  file?: FileId;
}

/** What a call may tell and know of the run that makes it. */
export interface CallContext {
  /** Tells of what happens within the call. Resolves when it is as durable as it must be, or nobody listens any more. */
  report(event: RunEvent): Promise<void>;
  /** What the run knows: its history and its own messages up to the step that made the call. */
  history(): readonly Message[];
  /** The call's span; left out: nobody traces it. */
  traceparent?: Traceparent;
}

/** Contract: `call` never throws; a failing, unknown or aborted tool is a result with `ok: false`. */
export interface ToolSource {
  list(): Promise<Tool[]>;
  call(call: ToolCall, signal: AbortSignal, context?: CallContext): Promise<ToolResult>;
  /** Whose tools the last list lacks, because they could not be asked; left out: nobody's. */
  unreachable?(): readonly string[];
}
