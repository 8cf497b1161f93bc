import type { Span, SpanValue } from "../../src/observe/span.ts";

/** https://github.com/open-telemetry/opentelemetry-proto/blob/v1.9.0/opentelemetry/proto/trace/v1/trace.proto */
const KINDS = { internal: 1, client: 3, consumer: 5 } as const satisfies Record<Span["kind"], number>;
const STATUS = { unset: 0, ok: 1, error: 2 } as const satisfies Record<Span["status"], number>;

/**
 * An ExportTraceServiceRequest as OTLP has it in JSON: ids in hexadecimal, numbers of 64 bits as text.
 * https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
export function toOtlpJson(spans: readonly Span[], service: string): object {
  return {
    resourceSpans: [
      {
        resource: { attributes: toKeyValues({ "service.name": service }) },
        scopeSpans: [{ scope: { name: "parley" }, spans: spans.map(toSpan) }],
      },
    ],
  };
}

function toSpan(span: Span): object {
  const { parentId, attributes, events } = span;
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(parentId !== null && { parentSpanId: parentId }),
    name: span.name,
    kind: KINDS[span.kind],
    startTimeUnixNano: nanos(span.startMs),
    endTimeUnixNano: nanos(span.endMs ?? span.startMs),
    attributes: toKeyValues(attributes),
    events: events.map(({ name, atMs, attributes: its }) => {
      return { timeUnixNano: nanos(atMs), name, attributes: toKeyValues(its) };
    }),
    status: { code: STATUS[span.status] },
  };
}

/** Microseconds are what a number still holds of today's date. */
function nanos(ms: number): string {
  return `${Math.round(ms * 1_000)}000`;
}

function toKeyValues(attributes: Record<string, SpanValue>): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: toValue(value) }));
}

function toValue(value: SpanValue): object {
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number")
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  if (typeof value === "string") return { stringValue: value };
  return { arrayValue: { values: value.map(toValue) } };
}
