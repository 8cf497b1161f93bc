import { expect, test } from "vitest";
import { type CallDelta, CallGatherer } from "../../adapters/openai/openai-calls.ts";

function gather(...deltas: CallDelta[]) {
  const gatherer = new CallGatherer();
  for (const delta of deltas) gatherer.add(delta);
  return gatherer.calls();
}

function piece(index: number | undefined, id: string | undefined, name?: string, args?: string): CallDelta {
  return {
    ...(index !== undefined && { index }),
    ...(id !== undefined && { id }),
    function: { ...(name !== undefined && { name }), ...(args !== undefined && { arguments: args }) },
  };
}

test("pieces with an index join their call, interleaved or not", () => {
  const calls = gather(
    piece(0, "a", "f", ""),
    piece(1, "b", "g", ""),
    piece(0, undefined, undefined, '{"x":'),
    piece(1, undefined, undefined, "{}"),
    piece(0, undefined, undefined, "1}"),
  );
  expect(calls.map(({ id, name, args }) => [id, name, args])).toEqual([
    ["a", "f", '{"x":1}'],
    ["b", "g", "{}"],
  ]);
});

test("a new id under an old index is a new call, and pieces without id go to the latest", () => {
  const calls = gather(
    piece(0, "a", "f", '{"x"'),
    piece(0, undefined, undefined, ":1}"),
    piece(0, "b", "f", "{}"),
    piece(0, "b", undefined, " "),
  );
  expect(calls.map(({ id, args }) => [id, args])).toEqual([
    ["a", '{"x":1}'],
    ["b", "{} "],
  ]);
});

test("two calls of one tool under one index are told apart by their ids before any argument came", () => {
  expect(gather(piece(0, "a", "f", ""), piece(0, "b", "f", ""), piece(0, "a", undefined, "{}"))).toMatchObject([
    { id: "a", args: "{}" },
    { id: "b", args: "" },
  ]);
});

test("without index, pieces go to the call of their id, else to the last one", () => {
  const calls = gather(
    piece(undefined, "a", "f", "{"),
    piece(undefined, undefined, undefined, "}"),
    piece(undefined, "b", "g", "["),
    piece(undefined, "a", undefined, " "),
    piece(undefined, undefined, undefined, "]"),
  );
  expect(calls.map(({ args }) => args)).toEqual(["{} ", "[]"]);
});

test("an id that comes late names the call that has none", () => {
  expect(gather(piece(0, "", "f", ""), piece(0, "a", undefined, "{}"))).toMatchObject([{ id: "a", args: "{}" }]);
});

test("without ids another name, or a name after whole arguments, begins another call", () => {
  expect(gather(piece(undefined, "", "f", ""), piece(undefined, "", "g", ""))).toHaveLength(2);
  expect(gather(piece(0, "", "f", "{}"), piece(0, "", "f", "{}"))).toHaveLength(2);
  expect(gather(piece(0, "", "f", '{"x":'), piece(0, "", "f", "1}"))).toMatchObject([{ args: '{"x":1}' }]);
});

test("a name that is repeated with every piece is still one call", () => {
  expect(gather(piece(0, "a", "f", "{"), piece(0, "a", "f", "}"))).toMatchObject([{ id: "a", name: "f", args: "{}" }]);
});

test("pieces without a name go on with their call, though each has an id of its own", () => {
  const calls = gather(
    piece(0, "a1", "f", ""),
    piece(0, "a2", undefined, '{"x":'),
    piece(0, "a3", undefined, "1}"),
    piece(1, "b1", "f", ""),
    piece(1, "b2", undefined, "{}"),
    piece(0, "a4", undefined, " "),
  );
  expect(calls.map(({ id, args }) => [id, args])).toEqual([
    ["a1", '{"x":1} '],
    ["b1", "{}"],
  ]);
});

test("calls that share one id are told apart by their index, their name or their whole arguments", () => {
  const byIndex = gather(
    piece(0, "f", "f", '{"x":'),
    piece(1, "f", "f", ""),
    piece(1, "f", undefined, "{}"),
    piece(0, "f", undefined, "1}"),
  );
  expect(byIndex.map(({ args }) => args)).toEqual(['{"x":1}', "{}"]);
  expect(gather(piece(0, "0", "f", "{}"), piece(0, "0", "g", "{}"))).toMatchObject([{ name: "f" }, { name: "g" }]);
  const whole = gather(piece(undefined, "f", "f", '{"x":1}'), piece(undefined, "f", "f", '{"x":2}'));
  expect(whole.map(({ args }) => args)).toEqual(['{"x":1}', '{"x":2}']);
  expect(gather(piece(0, "a", "f", "{}"), piece(0, "a", "f", ""))).toMatchObject([{ args: "{}" }]);
  expect(gather(piece(0, "a", "f", '{"x":'), piece(undefined, "a", "f", "1}"))).toMatchObject([{ args: '{"x":1}' }]);
});

test("arguments given as an object are written as JSON", () => {
  expect(gather({ index: 0, id: "a", function: { name: "f", arguments: { x: 1 } } })).toMatchObject([
    { args: '{"x":1}' },
  ]);
});

test("fields outside the API are kept with their call", () => {
  const calls = gather(
    { ...piece(0, "a", "f", "{}"), type: "function", extra_content: { google: 1 } },
    { ...piece(1, "b", "g", "{}"), other: 2 },
    piece(2, "c", "h", "{}"),
  );
  expect(calls.map(({ extra }) => extra)).toEqual([{ extra_content: { google: 1 } }, { other: 2 }, null]);
});

test("pieces that never get a name are no call", () => {
  expect(gather(piece(0, "a", undefined, "{}"), { index: 1 })).toEqual([]);
});

test("more calls than any real answer has are refused", () => {
  expect(() => gather(...Array.from({ length: 200 }, (_, index) => piece(index, `c${index}`, "f")))).toThrow(
    RangeError,
  );
});
