export interface SpanNode {
  span_id: string;
  name: string;
  kind: string;
  start_time: number;
  end_time: number | null;
  status: string;
  attributes: Record<string, unknown>;
  events: Record<string, unknown>[];
  children: SpanNode[];
}

export interface SpanRow {
  span: SpanNode;
  depth: number;
  /** Shares of the whole, in percent. */
  left: number;
  width: number;
  ms: number | null;
}

/** A trace's spans in the order in which they are read, with their place in time. What goes on lasts until the end. */
export function waterfall(tree: readonly SpanNode[]): { rows: SpanRow[]; totalMs: number } {
  const flat: { span: SpanNode; depth: number }[] = [];
  const waiting = tree.map((span) => ({ span, depth: 0 })).toReversed();
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    flat.push(next);
    const { depth } = next;
    const children = next.span.children.toSorted((a, b) => a.start_time - b.start_time);
    waiting.push(...children.map((span) => ({ span, depth: depth + 1 })).toReversed());
  }
  if (flat.length === 0) return { rows: [], totalMs: 0 };
  const from = Math.min(...flat.map(({ span }) => span.start_time));
  const until = Math.max(...flat.map(({ span }) => span.end_time ?? span.start_time));
  const whole = Math.max(until - from, 1e-6);
  const rows = flat.map(({ span, depth }) => {
    const end = span.end_time ?? until;
    return {
      span,
      depth,
      left: ((span.start_time - from) / whole) * 100,
      width: Math.max(0, ((end - span.start_time) / whole) * 100),
      ms: span.end_time === null ? null : (span.end_time - span.start_time) * 1_000,
    };
  });
  return { rows, totalMs: whole * 1_000 };
}
