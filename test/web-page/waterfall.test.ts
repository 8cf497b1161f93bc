import { expect, test } from "vitest";
import { type SpanNode, waterfall } from "../../web/admin/parts/waterfall.ts";

function span(name: string, start: number, end: number | null, children: SpanNode[] = []): SpanNode {
  const more = { kind: "internal", status: "ok", attributes: {}, events: [] };
  return { span_id: name, name, start_time: start, end_time: end, children, ...more };
}

test("spans stand below their parent by their time, each in its place of the whole", () => {
  const { rows, totalMs } = waterfall([
    span("run", 100, 110, [span("late", 105, 110), span("early", 101, 102, [span("deep", 101, 101)])]),
  ]);
  expect(totalMs).toBe(10_000);
  expect(rows.map(({ span: { name }, depth, left, width, ms }) => [name, depth, left, width, ms])).toEqual([
    ["run", 0, 0, 100, 10_000],
    ["early", 1, 10, 10, 1_000],
    ["deep", 2, 10, 0, 0],
    ["late", 1, 50, 50, 5_000],
  ]);
});

test("what goes on lasts until the end of the picture", () => {
  const { rows } = waterfall([span("run", 0, null, [span("tool", 1, null), span("model", 2, 4)])]);
  expect(rows.map(({ left, width, ms }) => [left, width, ms])).toEqual([
    [0, 100, null],
    [25, 75, null],
    [50, 50, 2_000],
  ]);
  expect(waterfall([]).rows).toEqual([]);
});
