import { LLMock } from "@copilotkit/aimock";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createOpenAIModel, type OpenAIModel } from "../../adapters/openai/openai-model.ts";
import type { RunEvent } from "../../src/agent/run-event.ts";
import { cloneOf, protocol, runIt } from "../agent/run-it.ts";
import { collect, modelRequest, textOfEvents } from "../contract/model-client.ts";
import { userMessage } from "../../src/agent/message.ts";
import { hurriedClock } from "../agent/manual-clock.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";

/** Somebody else's idea of an OpenAI-compatible server: what only our own fake agrees with would be found here. */
let mock: LLMock;
let model: OpenAIModel;

beforeEach(async () => {
  mock = new LLMock({ port: 0, host: "127.0.0.1" });
  await mock.start();
  model = createOpenAIModel({ apiKey: "sk-any", baseUrl: `${mock.url}/v1`, model: "gpt-5-mini" });
});
afterEach(async () => {
  await model.close();
  await mock.stop();
});

const tools = scriptedTools({ weather: { answer: "sunny" } });

function play(text: string): Promise<RunEvent[]> {
  return runIt(cloneOf({ model, tools, turn: [userMessage(text)] }), { clock: hurriedClock() });
}

test("a streamed answer comes whole, with its usage", async () => {
  const usage = { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 };
  mock.onMessage("hello", { content: "Good morning to everybody here.", usage }, { chunkSize: 5 });
  const events = await collect(model.stream(modelRequest("hello"), new AbortController().signal));
  expect(textOfEvents(events)).toBe("Good morning to everybody here.");
  expect(events.at(-1)).toMatchObject({
    type: "finished",
    reason: "stop",
    usage: { inputTokens: 12, outputTokens: 5 },
  });
});

test("what the model thinks is kept apart from what it says", async () => {
  mock.onMessage("think", { content: "Four.", reasoning: "Two and two is four." });
  const events = await collect(model.stream(modelRequest("think"), new AbortController().signal));
  const thought = events.map((event) => (event.type === "reasoning" ? event.text : "")).join("");
  expect([thought, textOfEvents(events)]).toEqual(["Two and two is four.", "Four."]);
});

test("parallel tool calls are all made, and their results are what the next request holds", async () => {
  const toolCalls = ["Paris", "Rome"].map((city) => ({ name: "weather", arguments: JSON.stringify({ city }) }));
  mock.addFixture({ match: { userMessage: "weather", hasToolResult: false }, response: { toolCalls }, chunkSize: 3 });
  mock.addFixture({
    match: { userMessage: "weather", hasToolResult: true },
    response: { content: "Sunny in both." },
  });
  const events = await play("weather in Paris and Rome?");
  const lines = protocol(events);
  expect(lines.filter((line) => line.includes("started"))).toEqual([
    'weather({"city":"Paris"}) started',
    'weather({"city":"Rome"}) started',
  ]);
  expect(lines.at(-1)).toBe("completed: stop");
  expect(events.filter(({ type }) => type === "usage")).toHaveLength(2);
  const body = mock.getRequests()[1]?.body as { messages: { role: string; tool_call_id?: string }[] } | undefined;
  const sent = body?.messages ?? [];
  expect(sent.map(({ role }) => role)).toEqual(["system", "user", "assistant", "tool", "tool"]);
  expect(new Set(sent.flatMap(({ tool_call_id: id }) => id ?? [])).size).toBe(2);
});

test("fault-30: a 503 and then an answer is an answer", async () => {
  mock.onMessage("hello", { content: "Here I am." });
  mock.nextRequestError(503, { message: "overloaded", type: "server_error" });
  const lines = protocol(await play("hello"));
  expect(lines).toContain("assistant complete: Here I am.");
  expect(lines.at(-1)).toBe("completed: stop");
  expect(mock.getRequests()).toHaveLength(2);
});

test("fault-28: an answer that is cut off is kept, marked and told, and not asked for again", async () => {
  // It resets the connection, which takes along what has not arrived by then.
  const slow = { chunkSize: 6, latency: 50 };
  mock.onMessage("long", { content: "This sentence will not come to its" }, { ...slow, truncateAfterChunks: 4 });
  const lines = protocol(await play("long"));
  expect(lines.at(-1)).toMatch(/^failed model_truncated: The model's answer broke off/);
  expect(lines.at(-2)).toMatch(/^assistant truncated: This/);
  expect(mock.getRequests()).toHaveLength(1);
});
