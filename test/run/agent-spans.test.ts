import { expect, test } from "vitest";
import type { RunEvent } from "../../src/agent/run-event.ts";
import type { Message } from "../../src/agent/message.ts";
import { newTraceId } from "../../src/ids.ts";
import type { Span } from "../../src/observe/span.ts";
import { AgentSpans } from "../../src/run/agent-spans.ts";

const said = (text: string, ...tools: string[]): RunEvent => {
  const calls = tools.map((tool) => ({ type: "tool_call" as const, callId: tool, tool, args: "{}" }));
  const message: Message = { role: "assistant", parts: [{ type: "text", text }, ...calls], status: "complete" };
  return { type: "message.completed", message };
};
const used = (input: number, more: object = {}): RunEvent => {
  return { type: "usage", model: "m", usage: { inputTokens: input, outputTokens: 1 }, ...more };
};
const step = (n: number): RunEvent => ({ type: "step.started", step: n });
const calls = (tool: string): RunEvent => ({ type: "tool.started", callId: tool, tool, args: "{}", readOnly: true });
const results = (tool: string, ok = true, ms = 0): RunEvent => {
  return { type: "tool.finished", callId: tool, tool, ok, ms, text: "result" };
};
const within = (callId: string, event: RunEvent): RunEvent => {
  return { type: "child.event", callId, instance: "clerk[1]", event };
};

/** Plays events 10 ms apart and returns the spans that ended, as lines: what, from, to, below what. */
function play(events: RunEvent[], content: ((text: string) => string) | null = null) {
  let now = 0;
  const spans: Span[] = [];
  const ended = (span: Span) => void spans.push(span);
  const shared = {
    traceId: newTraceId(),
    session: "ses_1",
    content,
    resolve: (model: string | null) => ({ provider: "openai", model }),
    now: () => now,
    ended,
  };
  const agent = new AgentSpans(shared, { agent: "boss", model: null, parentId: "root" });
  for (const event of events) {
    now += 10;
    agent.take(event);
  }
  const nameOf = (id: string | null) => spans.find(({ spanId }) => spanId === id)?.name ?? id;
  const lines = spans.map(
    (span) => `${span.name} ${span.startMs}–${span.endMs} ${span.status} < ${nameOf(span.parentId)}`,
  );
  return { spans, lines };
}

test("a step is a chat, a call a tool, and what a called agent does is below its call", () => {
  const { lines } = play([
    step(1),
    { type: "text.delta", text: "Let" },
    said("Let me see.", "look", "agent__clerk"),
    used(5),
    calls("look"),
    calls("agent__clerk"),
    within("agent__clerk", { type: "run.started", agent: "clerk" }),
    within("agent__clerk", step(1)),
    results("look", true, 15),
    within("agent__clerk", said("Done.")),
    used(7, { callId: "agent__clerk", agent: "clerk" }),
    within("agent__clerk", { type: "run.completed", stopReason: "stop" }),
    results("agent__clerk"),
    step(2),
    said("It is done."),
    used(9),
    { type: "run.completed", stopReason: "stop" },
  ]);
  expect(lines).toEqual([
    "chat m 10–30 ok < invoke_agent boss",
    "execute_tool look 75–90 ok < invoke_agent boss",
    "chat m 80–100 ok < invoke_agent clerk",
    "invoke_agent clerk 70–120 ok < execute_tool agent__clerk",
    "execute_tool agent__clerk 60–130 ok < invoke_agent boss",
    "chat m 140–150 ok < invoke_agent boss",
    "invoke_agent boss 0–170 ok < root",
  ]);
});

test("each chat has its own usage, and a summary before it is a chat of its own", () => {
  const { spans } = play([
    step(1),
    used(100),
    { type: "history.compacted", before: 90, after: 9 },
    said("Yes."),
    used(5),
    { type: "run.completed", stopReason: "stop" },
  ]);
  expect(spans.map(({ name, attributes }) => [name, attributes["gen_ai.usage.input_tokens"]])).toEqual([
    ["chat m", 100],
    ["chat m", 5],
    ["invoke_agent boss", undefined],
  ]);
  expect(spans[0]!.attributes["parley.purpose"]).toBe("summary");
  expect(spans[1]).toMatchObject({ startMs: 20, events: [{ name: "history.compacted" }] });
});

test("what fails says by which code, and what is cut short ends with its agent", () => {
  const failed = play([step(1), { type: "run.failed", code: "model_busy", message: "SECRET words" }]);
  expect(failed.lines).toEqual(["chat 10–20 error < invoke_agent boss", "invoke_agent boss 0–20 error < root"]);
  expect(failed.spans[1]!.attributes["error.type"]).toBe("model_busy");
  const stopped = play([
    step(1),
    said("", "look", "slow"),
    calls("look"),
    calls("slow"),
    results("look", false),
    { type: "run.cancelled", by: "stop" },
  ]);
  expect(stopped.lines.map((line) => line.replace(/ \d.*–\d+/, ""))).toEqual([
    "chat ok < invoke_agent boss",
    "execute_tool look error < invoke_agent boss",
    "execute_tool slow unset < invoke_agent boss",
    "invoke_agent boss ok < root",
  ]);
  for (const { spans } of [failed, stopped]) expect(JSON.stringify(spans)).not.toContain("SECRET");
});

test("calls that another side numbers anew in each step are spans of their own", () => {
  const { spans } = play([
    step(1),
    calls("call_0"),
    results("call_0"),
    step(1),
    calls("call_0"),
    results("call_0"),
    { type: "run.completed", stopReason: "stop" },
  ]);
  expect(spans).toHaveLength(5);
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(5);
});

test("words are kept only where that is asked for, as they may be", () => {
  const talk = [
    step(1),
    said("SECRET", "look"),
    calls("look"),
    results("look"),
    { type: "run.cancelled", by: "stop" },
  ] as RunEvent[];
  expect(JSON.stringify(play(talk).spans)).not.toMatch(/SECRET|result"/);
  const { spans } = play(talk, (text) => text.toLowerCase());
  expect(spans[0]!.attributes["gen_ai.output.messages"]).toBe("secret");
  expect(spans[1]!.attributes).toMatchObject({
    "gen_ai.tool.call.arguments": "{}",
    "gen_ai.tool.call.result": "result",
  });
});
