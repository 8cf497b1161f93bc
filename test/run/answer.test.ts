import { english } from "../../src/texts/english.ts";
import { describe, expect, it } from "vitest";
import type { FinalRunEvent } from "../../src/agent/run-event.ts";
import { finalText } from "../../src/run/answer.ts";

const STOPPED: FinalRunEvent = { type: "run.cancelled", by: "stop" };
const FAILED: FinalRunEvent = { type: "run.failed", code: "timeout", message: "This took too long." };

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
    expect(finalText("All.", { type: "run.completed", stopReason: "stop" }, "run_12345678", english)).toBe("All.");
  });
});
