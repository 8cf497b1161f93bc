import { expect, it } from "vitest";
import type { Message } from "../../src/agent/message.ts";
import { newId } from "../../src/ids.ts";
import { readAttempts } from "../../src/run/resume.ts";
import type { StoredEvent } from "../../src/store/run-events.ts";

const runId = newId("run");

function events(...list: [type: string, data?: object][]): StoredEvent[] {
  return list.map(([type, data = {}], index) => ({
    runId,
    attempt: 1,
    n: index + 1,
    type,
    data: data as Record<string, unknown>,
    at: new Date(0),
  }));
}

const asks: Message = {
  role: "assistant",
  parts: [
    { type: "text", text: "Let me look." },
    { type: "tool_call", callId: "a", tool: "look", args: "{}" },
    { type: "tool_call", callId: "b", tool: "look", args: "{}" },
  ],
  status: "complete",
};
const result = (callId: string): Message["parts"][number] => ({ type: "tool_result", callId, ok: true, text: "seen" });
const finished = (callId: string): [string, object] => ["tool.finished", { callId, ok: true, text: "seen" }];

it("has nothing of an attempt that left nothing", () => {
  expect(readAttempts([])).toEqual({ kept: [], inFlight: new Set(), text: "", rest: "" });
});

it("voids text for the model but knows how much the chat may show", () => {
  const remains = readAttempts(
    events(["run.started"], ["text.delta", { text: "Half an " }], ["text.delta", { text: "ans" }]),
  );
  expect(remains).toMatchObject({ kept: [], text: "Half an ans", rest: "Half an ans" });
});

it("keeps finished calls and knows those in flight", () => {
  const remains = readAttempts(
    events(
      ["message.completed", { message: asks }],
      ["tool.started", { callId: "a" }],
      ["tool.started", { callId: "b" }],
      finished("a"),
    ),
  );
  expect(remains.kept).toEqual([asks, { role: "tool", parts: [result("a")], status: "complete" }]);
  expect(remains.inFlight).toEqual(new Set(["b"]));
  expect(remains.text).toBe("Let me look.");
});

it("carries what earlier attempts kept and had in flight through an attempt that did nothing", () => {
  const remains = readAttempts(events(["run.restarted", { kept: [asks], inFlight: ["a"] }]));
  expect(remains).toEqual({ kept: [asks], inFlight: new Set(["a"]), text: "Let me look.", rest: "" });
});

it("keeps a whole batch once, and says a finished answer again", () => {
  const results: Message = { role: "tool", parts: [result("a"), result("b")], status: "complete" };
  const answer: Message = { role: "assistant", parts: [{ type: "text", text: "Done." }], status: "complete" };
  const remains = readAttempts(
    events(
      ["message.completed", { message: asks }],
      finished("a"),
      finished("b"),
      ["message.completed", { message: results }],
      ["text.delta", { text: "Done." }],
      ["message.completed", { message: answer }],
    ),
  );
  expect(remains.kept).toEqual([asks, results]);
  expect(remains.text).toBe("Let me look.\n\nDone.");
});

it("knows what an attempt had said last, also when it was cut short by a hand-over", () => {
  const cut: Message = { role: "assistant", parts: [{ type: "text", text: "Half an ans" }], status: "interrupted" };
  const remains = readAttempts(
    events(["text.delta", { text: "Half an ans" }], ["message.completed", { message: cut }]),
  );
  expect(remains).toEqual({ kept: [], inFlight: new Set(), text: "Half an ans", rest: "Half an ans" });
});

it("leaves out tools that no message called: an agent elsewhere calls them itself", () => {
  const remains = readAttempts(
    events(
      ["tool.started", { callId: "x" }],
      finished("x"),
      ["tool.started", { callId: "y" }],
      ["text.delta", { text: "So" }],
    ),
  );
  expect(remains).toEqual({ kept: [], inFlight: new Set(), text: "So", rest: "So" });
});
