import { spanIdOf, type TraceId } from "../ids.ts";

/**
 * A span of a run's trace, told to whoever works for it elsewhere, so that their spans come to stand below it: version
 * 00, sampled. https://www.w3.org/TR/trace-context/#traceparent-header
 */
export type Traceparent = `00-${string}-${string}-01`;

/** What an agent has others do, or the agent that a call runs: a span each, whose id both who asks and who tells of it know. */
export type Work = `step ${number}` | `call ${string}` | "agent";

export function toTraceparent(trace: TraceId, spanId: string): Traceparent {
  return `00-${trace}-${spanId}-01`;
}

export function spanBelow(trace: TraceId, parentId: string, work: Work): string {
  return spanIdOf(trace, `${parentId} ${work}`);
}

export function traceparentBelow(parent: Traceparent, work: Work): Traceparent {
  const [, trace, parentId] = parent.split("-") as [string, TraceId, string, string];
  return toTraceparent(trace, spanBelow(trace, parentId, work));
}
