import { expect, test } from "vitest";
import type { RunEvent } from "../../src/agent/run-event.ts";
import { toSentEvent } from "../../src/http/sent-event.ts";
import type { FollowItem, TalkSession } from "../../src/talk/agent-service.ts";

const session = { id: "ses_1", agent: "boss" } as unknown as TalkSession;

function sent(type: RunEvent["type"], data: Record<string, unknown>) {
  const item = { kind: "event", cursor: "c", runId: "run_1", attempt: 1, n: 7, type, at: new Date(0), data };
  return toSentEvent(session, item as unknown as FollowItem).data;
}

test("what happened in a called agent has the API's names, at any depth, and its caller's envelope", () => {
  const call = { type: "tool.started", callId: "inner", tool: "look", args: "{}", readOnly: true };
  const message = { role: "assistant", parts: [{ type: "text", text: "Found." }], status: "complete" };
  const said = { type: "message.completed", message };
  expect(sent("child.event", { callId: "outer", instance: "clerk[1]", event: call })).toMatchObject({
    agent: "boss",
    type: "child.event",
    call_id: "outer",
    instance: "clerk[1]",
    event: { type: "tool.started", call_id: "inner", tool: "look", args: "{}", read_only: true },
  });
  const nested = { type: "child.event", callId: "inner", instance: "guide[1]", event: said };
  expect(sent("child.event", { callId: "outer", instance: "clerk[1]", event: nested })).toMatchObject({
    event: { call_id: "inner", event: { type: "message.completed", message: { role: "assistant", text: "Found." } } },
  });
});
