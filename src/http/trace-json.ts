import { type Static, Type } from "typebox";
import type { StoredSpan, TraceSummary } from "../store/traces.ts";

const Maybe = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) => Type.Union([type, Type.Null()]);

export const TraceSummaryJson = Type.Object({
  trace_id: Type.String(),
  session_id: Maybe(Type.String()),
  run_id: Maybe(Type.String({ description: "null = told by an agent that runs elsewhere" })),
  agent_id: Maybe(Type.String()),
  user_id: Maybe(Type.String()),
  platform: Maybe(Type.String()),
  started_at: Type.String(),
  ended_at: Maybe(Type.String()),
  duration_ms: Maybe(Type.Number()),
  status: Type.String({ description: "Of runs: running, ok, error, cancelled" }),
  model: Maybe(Type.String()),
  span_count: Type.Integer(),
  tool_calls: Type.Integer(),
  prompt_tokens: Maybe(Type.Integer()),
  completion_tokens: Maybe(Type.Integer()),
});

export function toTraceSummaryJson(trace: TraceSummary): Static<typeof TraceSummaryJson> {
  return {
    trace_id: trace.trace_id,
    session_id: trace.session_id,
    run_id: trace.run_id,
    agent_id: trace.agent,
    user_id: trace.user_id,
    platform: trace.platform,
    started_at: trace.started_at.toISOString(),
    ended_at: trace.ended_at?.toISOString() ?? null,
    duration_ms: trace.duration_ms,
    status: trace.status,
    model: trace.model,
    span_count: trace.span_count,
    tool_calls: trace.tool_calls,
    prompt_tokens: trace.input_tokens,
    completion_tokens: trace.output_tokens,
  };
}

const Attributes = Type.Record(Type.String(), Type.Unknown());
export const SpanJson = Type.Object({
  trace_id: Type.String(),
  span_id: Type.String(),
  parent_span_id: Maybe(Type.String()),
  name: Type.String(),
  kind: Type.String(),
  start_time: Type.Number({ description: "Seconds; of runs since the epoch" }),
  end_time: Maybe(Type.Number({ description: "null = it goes on, or its process died" })),
  status: Type.String(),
  attributes: Attributes,
  events: Type.Array(Attributes),
});

export function toSpanJson({ reported: _reported, ...span }: StoredSpan): Static<typeof SpanJson> {
  return span;
}

export interface SpanNode extends Static<typeof SpanJson> {
  children: SpanNode[];
}

/**
 * Spans below each other, each once. At the top stands whose parent is not among them, and of a ring, which only an
 * agent can tell of, the earliest.
 */
export function toTree(spans: readonly Static<typeof SpanJson>[]): SpanNode[] {
  const nodes = new Map(spans.map((span) => [span.span_id, { ...span, children: [] as SpanNode[] }]));
  const parentOf = (node: SpanNode) => nodes.get(node.parent_span_id ?? "");
  const top: SpanNode[] = [];
  const reached = new Set<SpanNode>();
  const putOnTop = (first: SpanNode) => {
    top.push(first);
    const waiting = [first];
    for (let node = waiting.pop(); node; node = waiting.pop()) {
      if (reached.has(node)) continue;
      reached.add(node);
      waiting.push(...node.children);
    }
  };
  for (const node of nodes.values()) parentOf(node)?.children.push(node);
  for (const node of nodes.values()) if (!parentOf(node)) putOnTop(node);
  for (const node of nodes.values()) {
    if (reached.has(node)) continue;
    const parent = parentOf(node)!;
    parent.children = parent.children.filter((child) => child !== node);
    putOnTop(node);
  }
  return top;
}
