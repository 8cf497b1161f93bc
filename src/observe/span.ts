import { createHash, randomBytes } from "node:crypto";
import type { TraceId } from "../ids.ts";

export type SpanValue = string | number | boolean | string[];

/** One thing that a run did, as OpenTelemetry has it. Times in ms since the epoch. */
export interface Span {
  traceId: TraceId;
  spanId: string;
  /** Null = the trace's root. */
  parentId: string | null;
  name: string;
  kind: "internal" | "client" | "consumer";
  startMs: number;
  /** Null = it goes on, or nobody knows when it ended. */
  endMs: number | null;
  status: "unset" | "ok" | "error";
  attributes: Record<string, SpanValue>;
  events: { name: string; atMs: number; attributes: Record<string, SpanValue> }[];
}

/** 16 hexadecimal digits: https://www.w3.org/TR/trace-context/#parent-id */
export function newSpanId(): string {
  return randomBytes(8).toString("hex");
}

/** The id of what a trace has once, the same whoever tells of it. */
export function spanIdOf(trace: TraceId, what: string): string {
  return createHash("sha256").update(`${trace} ${what}`).digest("hex").slice(0, 16);
}
