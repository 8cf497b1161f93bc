import type { FileId } from "../ids.ts";

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

/** Contract: `call` never throws; a failing, unknown or aborted tool is a result with `ok: false`. */
export interface ToolSource {
  list(): Promise<Tool[]>;
  call(call: ToolCall, signal: AbortSignal): Promise<ToolResult>;
}
