import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type BaseAgent, startBaseAgent } from "../fakes/base-agent.ts";
import { contentText } from "../fakes/model/script.ts";
import type { RunningGateway } from "../../src/main.ts";
import { CANARIES, sceneOf } from "../support/e2e.ts";
import { asRead, atOnce, file, saying } from "../support/transcript.ts";
import { lastTexts, TelegramVoice } from "../support/voice.ts";

const KEY = "canary-of-the-agents-key-000000";
const SAID = [
  "Right here, in the gateway itself.",
  "Sunny, says the page, with a light wind.",
  "That it will be sunny.",
];

const scene = sceneOf({ env: { DEFAULT_AGENT: "tester" } });
let weather: BaseAgent;
let gateway: RunningGateway;

beforeAll(async () => {
  weather = await startBaseAgent(KEY);
  vi.stubEnv("WEATHER_KEY", KEY);
  await scene().set(`agents:
  weather:
    description: Knows the sky
    remote: { url: "${weather.url}", key: "\${WEATHER_KEY}" }
`);
  gateway = await scene().start();
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await weather[Symbol.asyncDispose]();
});

test("one talk goes from an agent here to one elsewhere and back, as one history", { timeout: 60_000 }, async () => {
  const model = scene().model;
  model.script(saying({ "where are you?": atOnce(SAID[0]!), "what did it say?": atOnce(SAID[2]!) }));
  const ann = scene().person("Ann");
  const voice = new TelegramVoice(scene(), "Ann", ann);
  const sees = (text: string) => voice.until(() => lastTexts(voice).at(-1)?.includes(text) ?? false, 20_000);
  const found = Promise.withResolvers<void>();
  weather.answers(() => [
    { tool: "search_web", args: { query: "tomorrow" } },
    { until: found.promise },
    { raw: toolResult("a very long page") },
    SAID[1]!,
  ]);

  voice.say("where are you?");
  await sees(SAID[0]!);
  voice.say("/agent weather");
  await sees("weather");
  voice.say("and the weather there?");
  await sees("⏳ search web: tomorrow");
  found.resolve();
  await sees(SAID[1]!);
  voice.say("/agent tester");
  await sees("tester");
  voice.say("what did it say?");
  await sees(SAID[2]!);
  weather.answers(() => ({ status: 500, body: `Traceback: ${KEY}` }));
  voice.say("/agent weather");
  await sees("weather");
  voice.say("and the day after?");
  await sees("⚠️");

  const asked = (messages: { role: string; content?: unknown }[]) =>
    messages.filter(({ role }) => role !== "system").map((message) => contentText(message as never));
  const elsewhere = weather.requests[0]!.body;
  expect(asked(elsewhere.messages).join("\n")).toMatch(
    /^where are you\?\nRight here[^]*\n[^]*and the weather there\?$/,
  );
  expect(elsewhere).not.toHaveProperty("tools");
  expect(elsewhere).not.toHaveProperty("session_id");
  const after = asked(model.requests.at(-1)!.messages);
  expect(after).toEqual(expect.arrayContaining([SAID[0], expect.stringContaining("and the weather there?"), SAID[1]]));
  expect(JSON.stringify(after)).not.toContain("a very long page");
  expect(scene().log.join("\n")).toContain("500");
  expect(scene().log.join("\n")).not.toContain(KEY);
  const lines = scene()
    .telegram.transcript(ann.chat)
    .map((line) => line.replaceAll(/ · \d+ s\b/g, ""));
  await expect(asRead(lines)).toMatchFileSnapshot(file("agents-elsewhere"));

  // Operators read the same as one conversation: who answered, in which run, and the trace of each.
  const { sessions } = await read<{ sessions: { session_id: string }[] }>("/v1/sessions?platform=telegram");
  expect(sessions).toHaveLength(1);
  const { messages } = await read<{ messages: Spoken[] }>(`/v1/sessions/${sessions[0]!.session_id}`);
  const answers = messages.filter(({ role, text }) => role === "assistant" && text !== "");
  expect(answers.map(({ agent, text }) => [agent, text]).slice(0, 3)).toEqual([
    ["tester", SAID[0]],
    ["weather", SAID[1]],
    ["tester", SAID[2]],
  ]);
  expect(new Set(answers.map(({ run_id: run }) => run)).size).toBe(answers.length);
  expect(weather.requests[0]!.headers["traceparent"]).toContain(`00-${answers[1]!.trace_id}-`);
  for (const { agent, trace_id: trace } of answers.slice(0, 3)) {
    await expect
      .poll(async () => read(`/v1/traces/${trace}`))
      .toMatchObject({ trace_id: trace, agent_id: agent, session_id: sessions[0]!.session_id });
  }
});

interface Spoken {
  role: string;
  text: string;
  agent: string | null;
  run_id: string;
  trace_id: string;
}

/** As an operator, who reaches every session. */
async function read<T>(path: string): Promise<T> {
  const answer = await fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${CANARIES.adminKey}` } });
  return (await answer.json()) as T;
}

function toolResult(content: string): string {
  const delta = { role: "tool", tool_call_id: "call_0", content };
  return `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`;
}
