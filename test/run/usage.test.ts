import { afterEach, beforeEach, expect, it } from "vitest";
import type { AgentCard } from "../../src/agent/agent-card.ts";
import { readSettings } from "../../src/agent/agent-settings.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { callTool, finish, hold, type ModelStep, scriptedModel } from "../fakes/scripted-model.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, type TestGatewayOptions, until } from "../support/test-gateway.ts";

let made: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway;
let platform: FakePlatform;

beforeEach(async () => {
  made = await createTestDatabase();
  platform = new FakePlatform();
});
afterEach(async () => {
  await running.stop(0);
  await made.drop();
});

const agent = (name: string, more: Partial<AgentCard> = {}): AgentCard => ({
  name,
  description: "",
  instruction: `You are ${name}.`,
  model: null,
  default: false,
  useHistory: true,
  sampling: {},
  maxSteps: 10,
  idleMs: null,
  ...more,
});
const BOSS = agent("boss", {
  default: true,
  children: {
    agents: ["clerk"],
    historySource: "none",
    mergeTarget: "none",
    maxParallel: null,
    timeoutMs: null,
    maxLines: null,
  },
});
const settings = readSettings(`prices: { "scripted": { input: 2, cached: 1, output: 10 } }`);
const used = (inputTokens: number, outputTokens: number, more = {}) =>
  finish("stop", { inputTokens, outputTokens, ...more });

async function start(steps: ModelStep[], more: Partial<TestGatewayOptions> = {}): Promise<void> {
  const model = scriptedModel(...steps);
  running = await startTestGateway({ url: made.url, model, adapters: [platform], settings, ...more });
  await platform.listening();
}

const rows = () => running.database.db.selectFrom("run_usage").selectAll().orderBy("agent").orderBy("model").execute();

it("a run's usage is kept by agent and model, with what called agents used", async () => {
  await start(
    [
      [callTool("agent__clerk", { message: "count" }), used(100, 10, { cachedTokens: 40 })],
      ["Three.", used(7, 3, { reasoningTokens: 2 })],
      ["There are three.", used(200, 20)],
    ],
    { cards: [BOSS, agent("clerk")] },
  );
  await platform.say({ chat: "7", from: "7", text: "how many?" });
  await until("the answer", () => platform.messages("7").some(({ text }) => text === "There are three."));
  await until("the merge", async () => (await rows()).length > 0);
  const row = { model: "scripted", cached_tokens: 0, reasoning_tokens: 0 };
  expect(await rows()).toMatchObject([
    { ...row, agent: "boss", input_tokens: 300, cached_tokens: 40, output_tokens: 30, cost_micros: 860 },
    { ...row, agent: "clerk", input_tokens: 7, output_tokens: 3, reasoning_tokens: 2, cost_micros: 44 },
  ]);
  const scrape = await running.metrics.render();
  expect(scrape).toMatch(/^parley_cost_usd_total\{agent="boss",model="scripted"\} 0\.000(86|859)/m);
  expect(scrape).toMatch(/^parley_cost_usd_total\{agent="clerk",model="scripted"\} 0\.00004/m);
});

it("what an attempt used whose process died is kept as well", async () => {
  const gate = hold();
  const tools = scriptedTools({ look: { answer: async () => gate.enter().then(() => "seen") } });
  await start([[callTool("look"), used(100, 10)]], { tools });
  await platform.say({ chat: "7", from: "7", text: "look" });
  await gate.reached;
  await running.stop(0);
  gate.release();
  platform = new FakePlatform();
  await start([["Seen.", used(200, 20)]], { tools: scriptedTools({ look: { answer: "seen" } }) });
  await until("the merge", async () => (await rows()).length > 0);
  expect(await rows()).toMatchObject([{ agent: "tester", input_tokens: 300, output_tokens: 30 }]);
});

it("a model without a price counts its tokens alone", async () => {
  await start([["Yes.", used(5, 1)]], { settings: readSettings("") });
  await platform.say({ chat: "7", from: "7", text: "well?" });
  await until("the merge", async () => (await rows()).length > 0);
  expect(await rows()).toMatchObject([{ input_tokens: 5, output_tokens: 1, cost_micros: null }]);
});
