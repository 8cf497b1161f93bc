import { afterEach, beforeEach, expect, it } from "vitest";
import type { AgentCard } from "../../src/agent/agent-card.ts";
import type { ModelRequest } from "../../src/agent/model-client.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { callTool, failWith, finish, hold, type ModelStep, scriptedModel } from "../fakes/scripted-model.ts";
import { type ScriptedTool, scriptedTools, untilAbort } from "../fakes/scripted-tools.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

const agent = (name: string, more: Partial<AgentCard> = {}): AgentCard => ({
  name,
  description: `Is the ${name}.`,
  instruction: `You are ${name}.`,
  model: null,
  default: false,
  useHistory: true,
  sampling: {},
  maxSteps: 10,
  idleMs: null,
  ...more,
});

const CARDS = [
  agent("boss", {
    default: true,
    children: {
      agents: ["clerk", "critic", "dreamer"],
      historySource: "none",
      mergeTarget: "none",
      maxParallel: 3,
      timeoutMs: 400,
      maxLines: null,
    },
  }),
  agent("clerk"),
  agent("critic"),
  agent("dreamer"),
];

let made: Awaited<ReturnType<typeof createTestDatabase>>;
const running: TestGateway[] = [];

beforeEach(async () => {
  made = await createTestDatabase();
});

afterEach(async () => {
  for (const gateway of running.splice(0)) await gateway.stop(0);
  await made.drop();
});

async function start(
  platform: FakePlatform,
  steps: Record<string, ModelStep[]>,
  tools: Record<string, ScriptedTool> = {},
  cards = CARDS,
) {
  const play = ({ instruction }: ModelRequest): ModelStep => {
    return steps[instruction.slice("You are ".length, -1)]?.shift() ?? failWith("refused", { message: "No steps." });
  };
  const model = scriptedModel(...Array.from({ length: 20 }, () => play));
  const gateway = await startTestGateway({
    url: made.url,
    model,
    adapters: [platform],
    tools: scriptedTools(tools),
    cards,
  });
  running.push(gateway);
  await platform.listening();
  return gateway;
}

const ask = (name: string) => callTool(`agent__${name}`, { message: "go" }, `to_${name}`);
const shows = (platform: FakePlatform, text: string) =>
  until(`the chat to show ${text}`, () => platform.messages("7").at(-1)?.text === text);

it("keeps what three agents did in their caller's run, and nothing of it in the history", async () => {
  const platform = new FakePlatform();
  const usage = { inputTokens: 7, outputTokens: 3 };
  const { database, metrics } = await start(
    platform,
    {
      boss: [
        [ask("clerk"), ask("critic"), ask("dreamer"), finish("stop", usage)],
        ["Done.", finish("stop", usage)],
      ],
      clerk: [callTool("look"), ["Found.", finish("stop", usage)]],
      critic: [failWith("refused", { message: "No such model." })],
      dreamer: [hold()],
    },
    { look: { answer: "a file" } },
  );
  await platform.say({ chat: "7", from: "7", text: "tell me" });
  await shows(platform, "Done.\n\n⚠️ No result from: critic, dreamer.");

  const events = await database.db.selectFrom("run_events").select(["type", "data"]).orderBy("n").execute();
  const within = (instance: string) =>
    events.flatMap(({ data }) => (data["instance"] === instance ? [data["event"] as { type: string }] : []));
  expect(within("clerk[1]").map(({ type }) => type)).toEqual([
    "run.started",
    "step.started",
    "message.completed",
    "tool.started",
    "tool.finished",
    "message.completed",
    "step.started",
    "message.completed",
    "run.completed",
  ]);
  expect(within("critic[1]").at(-1)).toEqual({ type: "run.failed", code: "model_refused", message: "No such model." });
  expect(within("dreamer[1]").at(-1)).toMatchObject({ type: "run.failed", code: "timeout" });
  expect(events.filter(({ type }) => type === "usage").map(({ data }) => data["callId"])).toEqual([
    undefined,
    "to_clerk",
    undefined,
  ]);
  const { values } = await metrics.tokens.get();
  expect(values.map(({ labels, value }) => [labels.direction, value])).toEqual([
    ["input", 21],
    ["output", 9],
  ]);
  const history = await database.db.selectFrom("messages").select(["role", "parts"]).orderBy("seq").execute();
  expect(history.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant"]);
  expect(JSON.stringify(history[2]?.parts)).toContain("agent__dreamer failed: It had no answer within 0.4 s.");
});

it("asks an agent again that was at work when its replica stopped", async () => {
  const platform = new FakePlatform();
  const reached = Promise.withResolvers<void>();
  const look: ScriptedTool = { answer: (_args, signal) => (reached.resolve(), untilAbort(signal)) };
  const boss = { ...CARDS[0]!, children: { ...CARDS[0]!.children!, timeoutMs: 60_000 } };
  const cards = [boss, ...CARDS.slice(1)];
  const first = await start(platform, { boss: [ask("clerk")], clerk: [callTool("look")] }, { look }, cards);
  await platform.say({ chat: "7", from: "7", text: "tell me" });
  await reached.promise;
  running.pop();
  await first.stop(0);
  const again = new FakePlatform();
  const { database } = await start(again, { boss: ["Done."], clerk: ["Found."] }, { look }, cards);
  const results = () => database.db.selectFrom("messages").select("parts").where("role", "=", "tool").execute();
  await until("the merge", async () => (await results()).length === 1);
  expect((await results())[0]?.parts).toEqual([{ type: "tool_result", callId: "to_clerk", ok: true, text: "Found." }]);
});
