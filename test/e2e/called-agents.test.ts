import { beforeAll, expect, test } from "vitest";
import type { RunningGateway } from "../../src/main.ts";
import { contentText, type Script, type SentChatMessage } from "../fakes/model/script.ts";
import { CANARIES, sceneOf } from "../support/e2e.ts";
import { HeldTools } from "../support/held-tools.ts";
import { asRead, atOnce, file, inTwo } from "../support/transcript.ts";
import { annInPrivate, lastTexts } from "../support/voice.ts";

/** So that the chat shows each step before the next one. */
const STEP_MS = 2_500;
const BEGIN = "Let me ask around the town.";

const child = (name: string) => `---\ntool_only: true\n---\nYou are the ${name}. ${CANARIES.systemPrompt}\n`;
const CARDS = {
  "guide.md": `---
agents: [historian, critic, dreamer]
max_parallel: 3
child_timeout_sec: 25
---
You are the guide. ${CANARIES.systemPrompt}
`,
  "historian.md": child("historian"),
  "critic.md": child("critic"),
  "dreamer.md": child("dreamer"),
};

const USAGE = { input: 100, output: 10 };

/** What each agent does, step by step. */
const STEPS: Record<string, Script[]> = {
  guide: [
    {
      ...atOnce(BEGIN),
      toolCalls: ["historian", "critic", "dreamer"].map((name) => {
        return { id: `to_${name}`, name: `agent__${name}`, args: { message: `the bridge, as a ${name}` } };
      }),
    },
    { ...inTwo("The bridge is from 1450,", " as far as I know."), ttftMs: STEP_MS },
  ],
  historian: [
    { text: "", toolCalls: [{ id: "search", name: "web_search", args: { query: "bridge" } }], ttftMs: STEP_MS },
    atOnce("Built in 1450."),
  ],
  critic: [
    { text: "", toolCalls: [{ id: "read", name: "read_page", args: { url: "x" } }], ttftMs: 2 * STEP_MS },
    { fault: "404" },
  ],
  dreamer: [{ fault: "stall-before" }],
};

const scene = sceneOf({ slack: {}, cards: CARDS, env: { DEFAULT_AGENT: "guide" } });
const tools = new HeldTools("web_search", "read_page");
let running: RunningGateway;

beforeAll(async () => {
  running = await scene().start({ slack: "socket", tools: tools.source });
  scene().model.script(({ messages }) => {
    const steps = STEPS[agentOf(messages)] ?? [];
    return { usage: USAGE, ...steps[messages.filter(({ role }) => role === "assistant").length] };
  });
});

test("three agents asked at once: one answers, one fails, one takes too long", { timeout: 120_000 }, async () => {
  const places = annInPrivate(scene());
  const shown = ({ voice }: (typeof places)[number]) => (lastTexts(voice).at(-1) ?? "").replaceAll(/[`\u200B]/g, "");
  const allSee = (pattern: RegExp) =>
    Promise.all(places.map((place) => place.voice.until(() => pattern.test(shown(place)), 60_000)));
  const endAll = (tool: string) => places.forEach(() => tools.end(tool));
  for (const { voice } of places) voice.say("how old is the bridge?");
  await allSee(/⏳ historian: the bridge, as a historian[^→]*\n⏳ critic[^→]*\n⏳ dreamer/u);
  await allSee(/⏳ historian: .* → web search/u);
  await allSee(/⏳ critic: .* → read page/u);
  endAll("read_page");
  await allSee(/✗ critic/u);
  endAll("web_search");
  await allSee(/✓ historian/u);
  await allSee(/✗ dreamer/u);
  await allSee(/as far as I know\.\n\n⚠️ No result from: critic, dreamer\.$/u);

  const asked = requestsOf("guide").filter(({ messages }) => messages.at(-1)?.role === "tool");
  expect(asked).toHaveLength(places.length);
  for (const { messages } of asked) {
    const results = messages.filter(({ role }) => role === "tool");
    expect(results.map((message) => [message.tool_call_id, contentText(message)])).toEqual([
      ["to_historian", "Built in 1450."],
      ["to_critic", expect.stringMatching(/^Error: agent__critic failed: The model provider does not know this model/)],
      ["to_dreamer", "Error: agent__dreamer failed: It had no answer within 25 s."],
    ]);
  }
  const turn = requestsOf("historian")[0]?.messages.slice(1).map(contentText);
  expect(turn).toEqual(["the bridge, as a historian"]);
  // The guide twice, the historian twice, the critic once before it failed.
  const runs = 5 * places.length;
  expect(await tokens()).toEqual({ input: runs * USAGE.input, output: runs * USAGE.output });
  for (const { platform, voice, lines } of places) {
    await voice.until(() => !lines().at(-1)?.endsWith("[Stop]"), 30_000);
    await expect(asRead(steady(lines()))).toMatchFileSnapshot(file(`${platform}-called-agents`));
  }
});

/** How long something took, and how often one saw that it still goes on, differs from run to run. */
function steady(lines: string[]): string[] {
  const masked = lines.map((line) => line.replaceAll(/ · \d+ s\b/g, "").replaceAll(/\d+ s\b/g, "<n> s"));
  return masked.filter((line, at) => line.replace("~", ":") !== masked[at - 1]?.replace("~", ":"));
}

function agentOf(messages: readonly SentChatMessage[]): string {
  return /You are the (\w+)/.exec(contentText(messages[0]))?.[1] ?? "";
}

function requestsOf(agent: string) {
  return scene().model.requests.filter(({ messages }) => agentOf(messages) === agent);
}

/** What the gateway has counted, of all agents. */
async function tokens(): Promise<Record<string, number>> {
  const text = await (await scene().api(running, "GET", "/metrics")).text();
  const found = [...text.matchAll(/^parley_tokens_total\{.*direction="(\w+)".*\} (\d+)/gm)];
  return Object.fromEntries(found.map(([, direction = "", count]) => [direction, Number(count)]));
}
