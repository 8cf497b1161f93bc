import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Message } from "../../src/agent/message.ts";
import type { Tool, ToolSource } from "../../src/agent/tool-source.ts";
import { card } from "../agent/run-it.ts";
import { type Cut, CutSession, type Turn } from "../support/fire/cut-session.ts";
import { quirkyModel, type Reply } from "../support/fire/quirky-model.ts";
import { storedFaults } from "../support/provider-rules.ts";

const SEED = 20_261_128;
const SESSIONS = 4_500;

const text = fc.constantFrom("Yes. ", "No", "\n", " ", "", "\0", "ab\ud83d", "```\ncode", "ünï 😀");
const call: fc.Arbitrary<Reply["calls"][number]> = fc.record({
  id: fc.constantFrom("", "", "0", "call_0", "call_2_1", "functions.look:0", "x".repeat(50)),
  tool: fc.constantFrom("look", "look", "pay", "pay", "order", "huge", "fails", "garbage", "hangs", "gone", "höre zu"),
  args: fc.constantFrom("{}", '{"a":1}', '{"a":1}', '{"a":2}', '{"a":"\\ud800"}', '{"a":', "", "[1]"),
});
const reply: fc.Arbitrary<Reply> = fc.record({
  texts: fc.array(text, { maxLength: 3 }),
  calls: fc.array(call, { maxLength: 4 }),
  finish: fc.oneof(
    { weight: 6, arbitrary: fc.constant("stop") },
    { weight: 1, arbitrary: fc.constantFrom("tool_calls", "length", "content_filter", "error", "eos", null) },
  ),
  indices: fc.constantFrom("own", "zero", "none"),
  split: fc.boolean(),
  refuses: fc.oneof(
    { weight: 12, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constantFrom("retryable", "refused", "context_too_long", "truncated") },
  ),
});
const cut: fc.Arbitrary<Cut> = fc.record({
  after: fc.integer({ min: 1, max: 10 }),
  how: fc.constantFrom("crash", "crash", "hand over", "stop", "interrupt", "timeout"),
  late: fc.boolean(),
});
const turn: fc.Arbitrary<Turn> = fc.record({
  said: fc.array(fc.constantFrom("one", "two", " ", "\0"), { minLength: 1, maxLength: 2 }),
  steered: fc.array(fc.constantFrom("and three", "and four", ""), { maxLength: 2 }),
  cuts: fc.array(cut, { minLength: 1, maxLength: 5 }),
  flushEvery: fc.integer({ min: 1, max: 6 }),
  stoppedAtMerge: fc.nat(9).map((chance) => chance === 0),
  window: fc.integer({ min: 1, max: 30 }),
});
const said = (role: Message["role"], words: string): Message => ({
  role,
  parts: [{ type: "text", text: words }],
  status: "complete",
});
const seed = fc.constantFrom(
  [],
  [said("user", "example"), said("assistant", "like this")],
  [said("assistant", "Hello.")],
  [said("user", "Remember this.")],
);
const life = fc.record({
  turns: fc.array(turn, { minLength: 1, maxLength: 4 }),
  replies: fc.array(reply, { minLength: 2, maxLength: 20 }),
  maxSteps: fc.integer({ min: 1, max: 6 }),
  parallel: fc.boolean(),
  seed,
});

const describe = (name: string, changes: Partial<Tool> = {}): Tool => ({
  name,
  description: "",
  schema: { type: "object" },
  readOnly: true,
  afterCrash: "repeat",
  ...changes,
});
const TOOLS = [
  describe("look"),
  describe("pay", { readOnly: false, afterCrash: "skip" }),
  describe("order", { readOnly: false, afterCrash: "ask" }),
  describe("huge"),
  describe("fails"),
  describe("garbage"),
  describe("hangs", { readOnly: false }),
];

/** Tools that keep what was called that may not be called twice. */
function tools(calls: string[]): ToolSource {
  return {
    list: async () => TOOLS,
    call: async ({ callId, tool }, signal) => {
      if (tool === "pay" || tool === "order") calls.push(callId);
      if (tool === "hangs")
        return new Promise((resolve) => signal.addEventListener("abort", () => resolve({ ok: true, text: "late" })));
      if (tool === "fails") throw new Error("it broke");
      if (tool === "garbage") return undefined as never;
      if (tool !== "look") await new Promise((resolve) => setImmediate(resolve));
      return { ok: true, text: tool === "huge" ? "\0\ud800😀".repeat(20_000) : " " };
    },
  };
}

test("10,000 cuts, crashes and stops leave histories that every provider takes", { timeout: 120_000 }, async () => {
  let cuts = 0;
  let sent = 0;
  await fc.assert(
    fc.asyncProperty(life, async ({ turns, replies, maxSteps, parallel, seed: before }) => {
      const script = [...replies];
      const calls: string[] = [];
      const done: Reply = { texts: ["Done."], calls: [], finish: "stop", indices: "own", split: false, refuses: null };
      const model = quirkyModel(() => script.shift() ?? done);
      const session = new CutSession({
        card: { ...card, maxSteps, seed: before, sampling: { parallelToolCalls: parallel } },
        model,
        tools: tools(calls),
      });
      for (const each of turns) await session.take(each);
      // Whatever was given back is taken by a turn that nobody cuts.
      await session.take({ said: ["last"], steered: [], cuts: [], flushEvery: 1, stoppedAtMerge: false, window: 100 });
      cuts += session.cuts;
      sent += model.sent;

      expect(model.refused).toEqual([]);
      expect(storedFaults(session.rows, session.states)).toEqual([]);
      expect(session.rows.filter(({ role }) => role === "user").map((row) => row.message_id)).toEqual(session.said);
      const known = new Set(session.rows.flatMap(({ parts }) => parts.flatMap((part) => part.callId ?? [])));
      expect(
        calls.filter((id) => !known.has(id)),
        "calls with effects that the history does not know",
      ).toEqual([]);
    }),
    { seed: SEED, numRuns: SESSIONS },
  );

  expect(cuts).toBeGreaterThan(10_000);
});
