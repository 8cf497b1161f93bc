import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { agent } from "../../agents/examples/dice.ts";
import { userMessage } from "../../src/agent/message.ts";
import type { RunEvent } from "../../src/agent/run-event.ts";
import { expectWhole } from "../contract/agent-runner.ts";
import { contentText } from "../fakes/model/script.ts";
import { type FakeModel, startFakeModel } from "../fakes/model-server.ts";
import { everyRunner, moduleCard, outsideClone } from "./outside-cards.ts";
import { answer, asks, gives, protocol } from "./run-it.ts";

let model: FakeModel;

beforeEach(async () => {
  model = await startFakeModel();
  vi.stubEnv("OPENAI_API_KEY", "sk-example");
  vi.stubEnv("OPENAI_BASE_URL", model.url);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await model.close();
});

const history = [userMessage("hi"), asks(["1", "clock"]), gives(["1", "noon"]), answer("Hello.")];

async function run(signal = new AbortController().signal, on?: (event: RunEvent) => void): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  const clone = outsideClone(moduleCard(agent), { history, turn: [userMessage("throw two dice")] });
  for await (const event of everyRunner().run(clone, signal)) {
    events.push(event);
    on?.(event);
  }
  expectWhole(events);
  return events;
}

test("the example answers with a framework's tool loop behind it", async () => {
  model.script(({ messages }) =>
    messages.at(-1)?.role === "tool"
      ? { text: "There they are.", chunkChars: 100 }
      : { text: "", toolCalls: [{ id: "t", name: "throw_dice", args: { count: 2 } }] },
  );
  const events = await run();
  expect(protocol(events).filter((line) => !line.startsWith("usage"))).toEqual([
    'throw_dice({"count":2}) started',
    expect.stringMatching(/^throw_dice ok: [1-6], [1-6]$/),
    "“There they are.”",
    "assistant complete: There they are.",
    "completed: stop",
  ]);
  expect(events.some(({ type }) => type === "usage")).toBe(true);
  expect(model.requests[0]?.messages.slice(1).map(contentText)).toEqual(["hi", "Hello.", "throw two dice"]);
});

test("a failing model fails its run alone, and a stop reaches the model", async () => {
  model.script(() => ({ fault: "401" }));
  expect(protocol(await run()).at(-1)).toMatch(/^failed agent_failed: The agent has failed/);
  model.script(() => ({ text: "Half an answer", fault: "stall-mid" }));
  const controller = new AbortController();
  const stopped = await run(controller.signal, ({ type }) => type === "text.delta" && controller.abort());
  expect(protocol(stopped).at(-1)).toBe("cancelled");
  await model.until(() => model.requests.every(({ closedBy }) => closedBy !== null));
});
