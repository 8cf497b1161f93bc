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
