import { english } from "../../src/texts/english.ts";
import { describe, expect, it } from "vitest";
import type { Message } from "../../src/agent/message.ts";
import type { FinalRunEvent } from "../../src/agent/run-event.ts";
import { Answer, finalText } from "../../src/run/answer.ts";

const STOPPED: FinalRunEvent = { type: "run.cancelled", by: "stop" };
const FAILED: FinalRunEvent = { type: "run.failed", code: "timeout", message: "This took too long." };

describe("remarks", () => {
  const remarks = "⚠️ No result from: mail.";
  it("stand under the whole answer, and not under one that was broken off", () => {
    const end = (event: FinalRunEvent) => finalText("```\nx", event, "run_12345678", english, { remarks });
    expect(end({ type: "run.completed", stopReason: "stop" })).toBe("```\nx\n```\n\n⚠️ No result from: mail.");
    expect(end(FAILED)).toBe("```\nx\n```\n\n⚠️ No result from: mail.\n\n⚠️ This took too long. (run_1234)");
    expect(end(STOPPED)).toBe("```\nx\n```\n\n⏹ Stopped.");
  });
});

describe("the line under an answer that was cut off", () => {
  it.each([
    ["a sentence", "So far", "So far\n\n⏹ Stopped."],
    ["a block of code", "Look:\n```js\nlet a", "Look:\n```js\nlet a\n```\n\n⏹ Stopped."],
    ["a longer fence", "````md\n```\nx\n```", "````md\n```\nx\n```\n````\n\n⏹ Stopped."],
    ["a fence of tildes", "~~~\n```\nx", "~~~\n```\nx\n~~~\n\n⏹ Stopped."],
    ["code that was ended", "```\nx\n```\nand", "```\nx\n```\nand\n\n⏹ Stopped."],
    ["code within a line", "``` x ``` and", "``` x ``` and\n\n⏹ Stopped."],
  ])("stands outside of %s", (_what, said, shown) => {
    expect(finalText(said, STOPPED, "run_12345678", english)).toBe(shown);
  });

  it("is not shown where nothing was said, unless the run failed", () => {
    expect(finalText(" ", STOPPED, "run_12345678", english)).toBe("");
    expect(finalText("", FAILED, "run_12345678", english)).toBe("⚠️ This took too long. (run_1234)");
    expect(finalText(" ", STOPPED, "run_12345678", english, { stands: true })).toBe("⏹ Stopped.");
    expect(finalText("All.", { type: "run.completed", stopReason: "stop" }, "run_12345678", english)).toBe("All.");
  });
});

it("closes the calls that a run leaves open, and tells those that may have taken effect from those never made", () => {
  const call = (callId: string) => ({ type: "tool_call" as const, callId, tool: "pay", args: "{}" });
  const asks: Message = { role: "assistant", parts: ["1", "2", "3"].map(call), status: "complete" };
  const answer = new Answer([asks], [], ["1"]);
  answer.take({ type: "tool.started", callId: "2", tool: "pay", args: "{}", readOnly: false });
  const texts = answer.closing()?.message.parts.map((part) => (part.type === "tool_result" ? part.text : ""));
  expect(texts).toEqual([
    "outcome unknown – the call may have taken effect",
    "outcome unknown – the call may have taken effect",
    "not run: the answer ended before it",
  ]);
  answer.take(answer.closing()!);
  expect(answer.closing()).toBeNull();
});
