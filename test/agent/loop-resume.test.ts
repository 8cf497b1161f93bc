import { describe, expect, test } from "vitest";
import { HAND_OVER } from "../../src/agent/agent-runner.ts";
import { userMessage } from "../../src/agent/message.ts";
import { callTool, scriptedModel } from "../fakes/scripted-model.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { answer, asks, card, cloneOf, gives, protocol, runIt } from "./run-it.ts";

const tools = () =>
  scriptedTools({
    look: { answer: "noon" },
    pay: { readOnly: false, afterCrash: "skip", answer: "paid" },
    order: { readOnly: false, afterCrash: "ask", answer: "ordered" },
  });

describe("a run that goes on after a crash", () => {
  test("keeps finished tool calls, runs those that never started, and numbers its steps on", async () => {
    const source = tools();
    const model = scriptedModel("It is noon.");
    const kept = [asks(["1", "look", '{"a":1}'], ["2", "look", '{"a":2}']), gives(["1", "eleven"])];
    const events = await runIt(cloneOf({ model, tools: source, kept }));
    expect(protocol(events)).toEqual([
      'look({"a":2}) started',
      "look ok: noon",
      "tool complete: 2 ok: noon",
      "step 2",
      "“It is noon.”",
      "assistant complete: It is noon.",
      "completed: stop",
    ]);
    expect(source.calls.map(({ callId }) => callId)).toEqual(["2"]);
    expect(model.requests[0]?.messages).toEqual([
      userMessage("what time is it?"),
      kept[0],
      gives(["1", "eleven"], ["2", "noon"]),
    ]);
  });

  test("treats calls that were in flight as each tool says: repeat, skip, or ask the person", async () => {
    const source = tools();
    const kept = [asks(["1", "look"], ["2", "pay"], ["3", "order"], ["4", "gone"])];
    const inFlight = new Set(["1", "2", "3", "4"]);
    const lines = protocol(await runIt(cloneOf({ model: scriptedModel("Done."), tools: source, kept, inFlight })));
    const lost = "no result: the process was restarted; it may have taken effect";
    expect(source.calls.map(({ tool }) => tool)).toEqual(["look"]);
    expect(lines.slice(0, 6)).toEqual([
      "look({}) started",
      `pay error: ${lost}`,
      `order error: ${lost}. Ask the person whether to call it again before you do.`,
      `gone error: ${lost}`,
      "look ok: noon",
      expect.stringMatching(/^tool complete: 1 ok: noon \+ 2 error: .* \+ 3 error: .* \+ 4 error: /),
    ]);
  });

  test("calls an in-flight tool that may have taken effect unknown also when it is stopped first", async () => {
    const kept = [asks(["1", "look"], ["2", "pay"])];
    const clone = cloneOf({ model: scriptedModel(), tools: tools(), kept, inFlight: new Set(["1", "2"]) });
    const lines = protocol(await runIt(clone, { signal: AbortSignal.abort() }));
    expect(lines.at(-2)).toMatch(/^tool complete: 1 error: .*restarted.* \+ 2 error: .*may have taken effect/);
    expect(lines.at(-1)).toBe("cancelled");
  });

  test("leaves an in-flight call that may be repeated to the attempt after it when it is handed over first", async () => {
    const source = tools();
    const kept = [asks(["1", "look"], ["2", "pay"])];
    const clone = cloneOf({ model: scriptedModel(), tools: source, kept, inFlight: new Set(["1", "2"]) });
    expect(protocol(await runIt(clone, { signal: AbortSignal.abort(HAND_OVER) }))).toEqual([
      expect.stringMatching(/^pay error: .*may have taken effect/),
      "cancelled",
    ]);
    expect(source.calls).toEqual([]);
  });

  test("counts the steps of earlier attempts, so that crashes do not lift the limit", async () => {
    const source = tools();
    const kept = [asks(["1", "look", "1"]), gives(["1", "x"]), asks(["2", "look", "2"])];
    const events = await runIt(
      cloneOf({ model: scriptedModel(), tools: source, kept, card: { ...card, maxSteps: 2 } }),
    );
    expect(source.calls).toEqual([]);
    expect(events.at(-1)).toEqual({ type: "run.completed", stopReason: "max_steps" });
  });

  test("gives no call an id that an earlier attempt used", async () => {
    const kept = [asks(["1", "look"]), gives(["1", "x"])];
    const model = scriptedModel(callTool("look", {}, "1"), "Done.");
    const events = await runIt(cloneOf({ model, tools: tools(), kept }));
    const started = events.find((event) => event.type === "tool.started");
    expect(started?.callId).toMatch(/^call_/);
  });

  test("gives no two calls the same id, whatever ids a provider chooses", async () => {
    const twice = callTool("look", '{"a":1}', "call_2_1");
    const model = scriptedModel(twice, [twice, callTool("look", '{"a":2}', "")], "Done.");
    const ids = (await runIt(cloneOf({ model, tools: tools() }))).flatMap((event) =>
      event.type === "tool.started" ? [event.callId] : [],
    );
    expect(new Set(ids).size).toBe(3);
  });

  test("ends a kept answer that met its limit as it would have ended", async () => {
    const model = scriptedModel();
    expect(protocol(await runIt(cloneOf({ model, kept: [answer("It is n", "truncated")] })))).toEqual([
      expect.stringMatching(/^“The answer was cut off/),
      expect.stringMatching(/^assistant complete: The answer was cut off/),
      "completed: length",
    ]);
  });

  test("has nothing left to do when the answer itself was kept", async () => {
    const model = scriptedModel();
    expect(protocol(await runIt(cloneOf({ model, kept: [answer("It is noon.")] })))).toEqual(["completed: stop"]);
  });
});
