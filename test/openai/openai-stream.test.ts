import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ChatStream } from "../../adapters/openai/openai-stream.ts";
import type { ModelEvent } from "../../src/agent/model-client.ts";
import { expectOneFinal, textOfEvents } from "../contract/model-client.ts";
import { planStream } from "../fakes/model/frames.ts";
import type { Fault, Quirk, Script } from "../fakes/model/script.ts";
import { failureOf } from "./openai-subject.ts";

function chatStream(): ChatStream {
  let minted = 0;
  return new ChatStream({
    model: "asked",
    newCallId: () => `minted_${++minted}`,
    wrapExtra: (fields) => ({ fields }),
    redact: (text) => text,
  });
}

function play(pieces: readonly Buffer[]): ModelEvent[] {
  const chat = chatStream();
  return [...pieces.flatMap((piece) => chat.push(piece)), ...chat.end()];
}

function bytesOf(script: Script): Buffer {
  const { frames } = planStream(script, { model: "m", includeUsage: true, inputTokens: 3 });
  return Buffer.concat(frames.map(({ bytes }) => bytes));
}

function events(...lines: string[]): ModelEvent[] {
  return play([Buffer.from(lines.map((line) => `${line}\n`).join(""))]);
}

function data(chunk: object): string {
  return `data: ${JSON.stringify(chunk)}\n`;
}

function delta(content: object, finish: string | null = null): string {
  return data({ choices: [{ index: 0, delta: content, finish_reason: finish }] });
}

/** A chunk whose text is JSON's inside of a string, as written. */
function escaped(text: string): string {
  return `data: {"choices":[{"delta":{"content":"${text}"}}]}\n\n`;
}

function call(index: number, args: string): object {
  return { index, id: `c${index}`, function: { name: "f", arguments: args } };
}

/** Neighbouring texts joined: how many events there are depends on the reads, what they say does not. */
function joined(all: readonly ModelEvent[]): ModelEvent[] {
  const text = textOfEvents(all);
  const reasoning = all.map((event) => (event.type === "reasoning" ? event.text : "")).join("");
  const others = all.filter(({ type }) => type !== "text" && type !== "reasoning");
  return [{ type: "reasoning", text: reasoning }, { type: "text", text }, ...others];
}

const QUIRKS: Quirk[] = [
  "idx0",
  "gemini-no-index",
  "interleaved",
  "empty-ids",
  "usage-every-chunk",
  "crlf",
  "comments",
];
const FAULTS: (Fault | undefined)[] = [undefined, "truncate", "truncate-done", "malformed", "error-event", "refusal"];

const anyScript = fc.record({
  text: fc.string({ unit: "grapheme", maxLength: 60 }),
  reasoning: fc.string({ maxLength: 20 }),
  chunkChars: fc.integer({ min: 1, max: 9 }),
  quirk: fc.uniqueArray(fc.constantFrom(...QUIRKS), { maxLength: 3 }),
  fault: fc.constantFrom(...FAULTS),
  toolCalls: fc.array(fc.record({ name: fc.constantFrom("a", "b"), args: fc.dictionary(fc.string(), fc.integer()) }), {
    maxLength: 3,
  }),
});

test("any cut of the bytes gives the same events", () => {
  const cuts = fc.array(fc.integer({ min: 0, max: 10_000 }), { maxLength: 30 });
  fc.assert(
    fc.property(anyScript, cuts, ({ fault, ...script }, places) => {
      const bytes = bytesOf({ ...script, ...(fault && { fault }) });
      const sorted = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
      const pieces = sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
      expect(joined(play(pieces))).toEqual(joined(play([bytes])));
    }),
    { numRuns: 300 },
  );
});

test("byte by byte it is still the same, and each event is well formed", () => {
  fc.assert(
    fc.property(anyScript, ({ fault, ...script }) => {
      const bytes = bytesOf({ ...script, ...(fault && { fault }) });
      const slow = play(Array.from(bytes, (_, at) => bytes.subarray(at, at + 1)));
      expect(joined(slow)).toEqual(joined(play([bytes])));
      expectOneFinal(slow);
      for (const event of slow) if (event.type === "text") expect(event.text.isWellFormed()).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("no bytes at all can make it throw or say more than one last word", () => {
  const line = fc.oneof(
    fc.string().map((text) => `data: ${text}`),
    fc.json().map((json) => `data: ${json}`),
    fc.object().map((value) => `data: ${JSON.stringify({ choices: [value] })}`),
    fc
      .object({ key: fc.constantFrom("content", "tool_calls", "refusal", "function", "id", "index") })
      .map((value) => delta(value as object)),
    fc.constantFrom("data: [DONE]", "", ": comment", "event: error", "id: 1", delta({}, "stop")),
  );
  fc.assert(
    fc.property(fc.array(line), fc.uint8Array({ maxLength: 40 }), (lines, noise) => {
      expectOneFinal(play([Buffer.from(lines.join("\n")), Buffer.from(noise)]));
    }),
    { numRuns: 500 },
  );
});

test("a finish reason proves the answer whole, [DONE] does not", () => {
  expect(events(delta({ content: "a" }), delta({}, "stop")).at(-1)).toMatchObject({ type: "finished", reason: "stop" });
  expect(failureOf(events(delta({ content: "a" }), "data: [DONE]\n"))).toMatchObject({ kind: "truncated" });
  expect(failureOf(events(delta({ content: "a" })))).toMatchObject({ kind: "truncated" });
  expect(failureOf(events())).toMatchObject({ kind: "truncated" });
});

test("an empty finish reason is none", () => {
  expect(failureOf(events(delta({ content: "a" }, ""), "data: [DONE]\n"))).toMatchObject({ kind: "truncated" });
  const all = events(delta({ content: "a" }, ""), delta({ content: "b" }, ""), delta({}, "length"), delta({}, ""));
  expect(textOfEvents(all)).toBe("ab");
  expect(all.at(-1)).toMatchObject({ type: "finished", reason: "length" });
});

test("an event cut in the middle at the end is a truncation, and a whole one without its blank line counts", () => {
  expect(failureOf(events(delta({ content: "a" }), 'data: {"choices":[{"del'))).toMatchObject({ kind: "truncated" });
  const unfinished = `${delta({ content: "a" })}\n${delta({}, "stop").trimEnd()}`;
  expect(play([Buffer.from(unfinished)]).at(-1)).toMatchObject({ type: "finished" });
});

test("what comes after the last word is ignored", () => {
  const all = events(delta({ content: "a" }, "stop"), "data: [DONE]\n", delta({ content: "b" }), "data: {broken\n");
  expect(textOfEvents(all)).toBe("a");
  expect(all.at(-1)).toMatchObject({ type: "finished" });
});

test.each([
  ["stop", "stop"],
  ["tool_calls", "stop"],
  ["eos", "stop"],
  ["length", "length"],
  ["MAX_TOKENS", "length"],
  ["model_context_window_exceeded", "length"],
  ["content_filter", "refusal"],
  ["SAFETY", "refusal"],
  ["sensitive", "refusal"],
])("finish reason %s is told as %s", (given, told) => {
  expect(events(delta({ content: "a" }, given)).at(-1)).toMatchObject({ type: "finished", reason: told });
});

test.each([
  ["stop", "retryable", /empty/],
  ["length", "refused", /limit .* Please ask for less/],
  ["content_filter", "refused", /filter .* Please use other words/],
  ["error", "truncated", /broke off/],
])("an empty answer that ends with %s fails as %s", (reason, kind, message) => {
  expect(failureOf(events(delta({ reasoning_content: "hm" }), delta({}, reason)))).toMatchObject({
    kind,
    message: expect.stringMatching(message),
  });
});

test.each(["error", "abort", "network_error", "insufficient_system_resource"])(
  "fault-28: finish reason %s proves no answer whole",
  (reason) => {
    const all = events(delta({ content: "Half an ans" }), delta({ tool_calls: [call(0, "{}")] }, reason));
    expect(textOfEvents(all)).toBe("Half an ans");
    expect(failureOf(all)).toMatchObject({ kind: "truncated" });
  },
);

test.each([
  [{ error: { message: "busy", code: 429 } }, "retryable"],
  [{ error: { message: "busy", code: "rate_limit_exceeded" } }, "retryable"],
  [{ error: "overloaded" }, "retryable"],
  [{ object: "error", message: "maximum context length is 4096 tokens", code: 400 }, "context_too_long"],
  [{ error: { message: "no", type: "invalid_request_error", code: 400 } }, "refused"],
  [{ error: { message: "no credit", code: 402 } }, "refused"],
])("an error event %j fails as %s", (event, kind) => {
  expect(failureOf(events(delta({ content: "a" }), data(event), delta({}, "stop")))).toMatchObject({ kind });
});

test("an event without data, as some keep a connection alive with, is none", () => {
  const all = events("data:\n", "event: ping\ndata: \n", delta({ content: "a" }), "data\n", delta({}, "stop"));
  expect(all).toMatchObject([{ text: "a" }, { type: "finished" }]);
});

test("an event named error is one, whatever it holds", () => {
  expect(failureOf(events("event: error", data({ message: "boom" })))).toMatchObject({ kind: "retryable" });
});

test("halves of a surrogate pair in two chunks come out as one character", () => {
  const [high, low] = ["\\ud83c", "\\udf0d"] as const;
  const all = play([
    Buffer.from(escaped(`a${high}`)),
    Buffer.from(escaped(`${low}b`)),
    Buffer.from(`${escaped(high)}${delta({}, "stop")}\n`),
  ]);
  expect(all.filter(({ type }) => type === "text")).toEqual([
    { type: "text", text: "a" },
    { type: "text", text: "🌍b" },
    { type: "text", text: "\ufffd" },
  ]);
});

test("content as a list of parts, and a whole answer in one message, are read too", () => {
  expect(
    textOfEvents(
      events(
        delta(
          {
            content: [
              { type: "text", text: "a" },
              { type: "text", text: "b" },
            ],
          },
          "stop",
        ),
      ),
    ),
  ).toBe("ab");
  const message = { content: "whole", tool_calls: [{ id: "c", function: { name: "f", arguments: "{}" } }] };
  const all = events(data({ choices: [{ message, finish_reason: "stop" }] }));
  expect(all).toMatchObject([{ text: "whole" }, { type: "tool_call", callId: "c", tool: "f" }, { type: "finished" }]);
});

test("an endless event and endless arguments end as failures with bounded memory", () => {
  const chat = chatStream();
  const megabyte = Buffer.alloc(1024 * 1024, 0x61);
  const all = [chat.push(Buffer.from("data: ")), ...Array.from({ length: 12 }, () => chat.push(megabyte))].flat();
  expect(failureOf([...all, ...chat.end()])).toMatchObject({
    kind: "retryable",
    message: "The model's answer could not be read.",
  });

  const piece = delta({ tool_calls: [{ index: 0, id: "c", function: { name: "f", arguments: "a".repeat(500_000) } }] });
  expect(failureOf(events(...Array.from({ length: 6 }, () => piece)))).toMatchObject({ kind: "retryable" });
});

test("a long event in small pieces costs no more than its length", () => {
  const chat = chatStream();
  const words = "a".repeat(4_000_000);
  const bytes = Buffer.from(`${delta({ content: words }, "stop")}\n`);
  const before = process.cpuUsage();
  const all = Array.from({ length: Math.ceil(bytes.length / 256) }, (_, at) =>
    chat.push(bytes.subarray(at * 256, (at + 1) * 256)),
  ).flat();
  expect(textOfEvents(all)).toBe(words);
  expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
});

test("arguments that the answer limit cut are not called; whole ones are", () => {
  const all = events(delta({ content: "a", tool_calls: [call(0, '{"a":1}'), call(1, '{"a":')] }, "length"));
  expect(all.filter(({ type }) => type === "tool_call")).toMatchObject([{ callId: "c0", args: '{"a":1}' }]);
  expect(all.at(-1)).toMatchObject({ type: "finished", reason: "length" });
});

test("a call without arguments is made with none", () => {
  expect(events(delta({ tool_calls: [call(0, "")] }, "stop"))).toMatchObject([{ args: "{}" }, { type: "finished" }]);
});

test.each([-1, 1.5, 1e21, "7", null])("usage of %j tokens is none", (count) => {
  const usageOf = (usage: object) => events(delta({ content: "a" }, "stop"), data({ choices: [], usage })).at(-1);
  expect(usageOf({ prompt_tokens: count, completion_tokens: 2 })).not.toHaveProperty("usage");
  expect(usageOf({ prompt_tokens: 1, completion_tokens: count })).not.toHaveProperty("usage");
  const details = { cached_tokens: count };
  const counted = usageOf({ prompt_tokens: 1, completion_tokens: 2, prompt_tokens_details: details });
  expect(counted).toHaveProperty("usage", { inputTokens: 1, outputTokens: 2 });
});

test("usage that came early is not forgotten by later chunks without any", () => {
  const usage = { prompt_tokens: 1, completion_tokens: 2 };
  const all = events(data({ choices: [{ delta: { content: "a" } }], usage }), delta({}, "stop"), data({ usage: null }));
  expect(all.at(-1)).toMatchObject({ usage: { inputTokens: 1, outputTokens: 2 } });
});
