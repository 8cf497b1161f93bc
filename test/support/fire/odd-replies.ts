import * as fc from "fast-check";
import type { Tool, ToolSource } from "../../../src/agent/tool-source.ts";
import type { Reply } from "./quirky-model.ts";

const text = fc.constantFrom("Yes. ", "No", "\n", " ", "", "\0", "ab\ud83d", "```\ncode", "ünï 😀");
const call: fc.Arbitrary<Reply["calls"][number]> = fc.record({
  id: fc.constantFrom("", "", "0", "call_0", "call_2_1", "functions.look:0", "x".repeat(50)),
  tool: fc.constantFrom("look", "look", "pay", "pay", "order", "huge", "fails", "garbage", "hangs", "gone", "höre zu"),
  args: fc.constantFrom("{}", '{"a":1}', '{"a":1}', '{"a":2}', '{"a":"\\ud800"}', '{"a":', "", "[1]"),
});
/** Answers, calls and failures of a model, odd ones among them. */
export const anyReply: fc.Arbitrary<Reply> = fc.record({
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
const describe = (name: string, changes: Partial<Tool> = {}): Tool => ({
  name,
  description: "",
  schema: { type: "object" },
  readOnly: true,
  afterCrash: "repeat",
  ...changes,
});
const HUGE = "\0\ud800😀".repeat(12_000);
const TOOLS = [
  describe("look"),
  describe("pay", { readOnly: false, afterCrash: "skip" }),
  describe("order", { readOnly: false, afterCrash: "ask" }),
  describe("huge"),
  describe("fails"),
  describe("garbage"),
  describe("hangs", { readOnly: false }),
];

/** Tools of every kind. `calls` gets the ids of calls that may not be made twice. */
export function oddTools(calls: string[]): ToolSource {
  return {
    list: async () => TOOLS,
    call: async ({ callId, tool }, signal) => {
      if (tool === "pay" || tool === "order") calls.push(callId);
      if (tool === "hangs")
        return new Promise((resolve) => signal.addEventListener("abort", () => resolve({ ok: true, text: "late" })));
      if (tool === "fails") throw new Error("it broke");
      if (tool === "garbage") return undefined as never;
      if (tool !== "look") await new Promise((resolve) => setImmediate(resolve));
      return { ok: true, text: tool === "huge" ? HUGE : " " };
    },
  };
}
