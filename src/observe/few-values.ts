import type { Counter, Gauge, Histogram } from "prom-client";

/** A series costs memory here and in Prometheus for as long as the process lives. */
const MAX_VALUES = 200;
/** Longer names are somebody's text. */
const MAX_LENGTH = 100;
/** What all further values of a label are called. */
const OTHER = "other";

/**
 * Keeps labels to few values, whoever chooses them: the first 200 of each label are told apart, everything else counts
 * as `other`. What it returns bounds the metrics it is given, all together.
 */
export function fewValues() {
  const known = new Map<string, Set<string>>();
  const bounded = (labels: Record<string, unknown>): Record<string, string> =>
    Object.fromEntries(Object.entries(labels).map(([label, value]) => [label, kept(label, String(value))]));
  function kept(label: string, value: string): string {
    const values = known.get(label) ?? new Set();
    known.set(label, values);
    if (values.has(value)) return value;
    if (values.size >= MAX_VALUES || value.length > MAX_LENGTH) return OTHER;
    values.add(value);
    return value;
  }
  return <M extends Counter | Gauge | Histogram>(metric: M): M => {
    const methods = metric as unknown as Record<string, (...args: unknown[]) => unknown>;
    for (const name of ["inc", "dec", "set", "observe"]) {
      const method = methods[name]?.bind(metric);
      if (!method) continue;
      methods[name] = (first, ...rest) =>
        method(typeof first === "object" && first !== null ? bounded({ ...first }) : first, ...rest);
    }
    return metric;
  };
}
