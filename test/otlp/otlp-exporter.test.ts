import { afterEach, beforeEach, expect, test } from "vitest";
import { createOtlpExporter } from "../../adapters/otlp/otlp-exporter.ts";
import { newTraceId } from "../../src/ids.ts";
import { newSpanId } from "../../src/ids.ts";
import type { Span } from "../../src/observe/span.ts";
import { until } from "../support/test-gateway.ts";
import { type Collector, startCollector } from "./collector.ts";

let collector: Collector;
let lost: number[];

beforeEach(async () => {
  collector = await startCollector();
  lost = [];
});
afterEach(() => collector.close());

function open(endpoint = collector.url) {
  return createOtlpExporter({
    endpoint,
    headers: () => ({ "x-key": "secret" }),
    service: "parley",
    lost: (count) => void lost.push(count),
  });
}

const span = (more: Partial<Span> = {}): Span => ({
  traceId: newTraceId(),
  spanId: newSpanId(),
  parentId: newSpanId(),
  name: "chat m",
  kind: "client",
  startMs: 1_790_000_000_000.25,
  endMs: 1_790_000_001_000,
  status: "error",
  attributes: { text: "a", count: 3, part: 0.5, flag: true, list: ["x", "y"] },
  events: [{ name: "first", atMs: 1_790_000_000_500, attributes: { n: 1 } }],
  ...more,
});

test("a span arrives as it is, by the published schema", async () => {
  const sent = span();
  const exporter = open(`${collector.url}/`);
  exporter.take([sent]);
  await exporter.close();
  expect(collector.requests).toMatchObject([
    { path: "/v1/traces", headers: { "content-type": "application/json", "x-key": "secret" } },
  ]);
  expect(collector.spans).toEqual([
    expect.objectContaining({
      traceId: sent.traceId,
      spanId: sent.spanId,
      parentSpanId: sent.parentId,
      name: "chat m",
      kind: "SPAN_KIND_CLIENT",
      startTimeUnixNano: "1790000000000250000",
      endTimeUnixNano: "1790000001000000000",
      status: "STATUS_CODE_ERROR",
      attributes: expect.objectContaining({ text: "a", count: "3", part: "0.5", flag: "true" }),
    }),
  ]);
  expect(lost).toEqual([]);
});

test("a collector that asks to wait is asked again, once it may be; what it refuses is given up", async () => {
  const exporter = open();
  collector.answers = [
    { status: 429, headers: { "retry-after": "0" } },
    { status: 503, headers: { "retry-after": "0" } },
  ];
  exporter.take([span(), span()]);
  await until("they arrive", () => collector.spans.length === 2);
  expect(collector.requests).toHaveLength(3);
  collector.answers = [{ status: 400 }];
  exporter.take([span()]);
  await until("it is given up", () => lost.length === 1);
  expect(collector.requests).toHaveLength(4);
  await exporter.close();
});

test("spans wait up to a bound, and a gateway ends in time where the collector is away", async () => {
  const exporter = open("http://127.0.0.1:9");
  const many = Array.from({ length: 10_500 }, () => span());
  exporter.take(many);
  expect(lost).toEqual([500]);
  await exporter.close();
  expect(lost.reduce((sum, count) => sum + count, 0)).toBe(10_500);
}, 15_000);
