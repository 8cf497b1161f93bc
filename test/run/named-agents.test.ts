import { afterEach, beforeEach, expect, it } from "vitest";
import type { AgentCard } from "../../src/agent/agent-card.ts";
import type { BusyPolicy } from "../../src/agent/busy-policy.ts";
import type { ModelRequest } from "../../src/agent/model-client.ts";
import { turnText } from "../../src/agent/turn-text.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { hold, type ModelStep, type ScriptedModel, scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway | null = null;
let platform: FakePlatform;
let model: ScriptedModel;

beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await running?.stop(0);
  running = null;
  await database.drop();
});

const card = (name: string): AgentCard => ({
  name,
  description: "",
  instruction: `You are the ${name}.`,
  model: null,
  default: name === "tester",
  useHistory: true,
  sampling: {},
  maxSteps: 10,
  idleMs: null,
});

async function start(onBusy: BusyPolicy, ...steps: ModelStep[]): Promise<void> {
  platform = new FakePlatform();
  model = scriptedModel(...steps);
  const cards = [card("tester"), card("poet"), { ...card("helper"), toolOnly: true }];
  running = await startTestGateway({ url: database.url, model, adapters: [platform], cards, onBusy });
  await platform.listening();
}

const say = (text: string, more: object = {}) => platform.say({ chat: "7", from: "7", text, ...more });

async function idle(): Promise<void> {
  const { db } = running!.database;
  await until("the end", async () => (await db.selectFrom("lanes").select("lane").execute()).length === 0);
}

/** Says it, and waits until it is answered. */
async function ask(text: string): Promise<void> {
  // So that nobody takes it for the rest of what was said before.
  await running!.database.db
    .updateTable("inbox")
    .set({ received_at: new Date(Date.now() - 60_000) })
    .execute();
  await say(text);
  await idle();
}

const agentOf = (request: ModelRequest) => /You are the (\w+)/.exec(request.instruction)![1];
const agents = () => model.requests.map(agentOf);
const read = (request = model.requests.at(-1)!) => request.messages.map((message) => turnText(message));

it("a message that names an agent is answered by it, and the talk goes on with its own", async () => {
  await start("interrupt", "I test.", "Roses are red.", "I test again.", "Who?");
  await ask("hello");
  await ask("@Poet a verse");
  expect(read()).toEqual(["hello", "I test.", "[from here on poet answers, until here tester did]\n@Poet a verse"]);
  await ask("and now?");
  expect(read().at(-1)).toBe("[from here on tester answers, until here poet did]\nand now?");
  // One for other agents alone is nobody whom people can name.
  await ask("@helper look");
  expect(agents()).toEqual(["tester", "poet", "tester", "tester"]);
  const runs = await running!.database.db.selectFrom("runs").select("agent").orderBy("started_at").execute();
  expect(runs.map(({ agent }) => agent)).toEqual(["tester", "poet", "tester", "tester"]);
});

it("/agent leaves a note for whoever follows, one however often it is said, and none for whoever stays", async () => {
  await start("interrupt", "I test.", "A verse.", "Another.");
  await ask("hello");
  for (const agent of ["poet", "tester", "poet"]) await say(`/agent ${agent}`);
  await ask("a verse");
  await ask("another");
  expect(read()).toEqual([
    "hello",
    "I test.",
    "[from here on poet answers, until here tester did]\na verse",
    "A verse.",
    "another",
  ]);
  const rows = await running!.database.db.selectFrom("messages").select("parts").orderBy("seq").execute();
  const note = { type: "context", kind: "agent", author: "tester", text: "poet" };
  expect(rows.map(({ parts }) => parts.filter(({ type }) => type === "context"))).toEqual([[], [], [note], [], [], []]);
});

it.each(["interrupt", "steer", "queue"] as const)(
  "by policy %s what is for another agent waits for the answer under way, in its order",
  async (policy) => {
    const pause = hold();
    await start(policy, ["This answer takes its time,", pause, " as you see."] as never, "A verse.", "Back again.");
    await say("hello");
    await until("a first text", () => platform.messages("7").length === 1);
    await say("@poet a verse");
    await running!.database.db
      .updateTable("inbox")
      .set({ received_at: new Date(Date.now() - 3_000) })
      .execute();
    await say("and then?");
    await until("people are told", () => platform.messages("7").some(({ text }) => text.startsWith("⏳")));
    pause.release();
    await idle();
    expect(agents()).toEqual(["tester", "poet", "tester"]);
    expect(read(model.requests[2])).toEqual([
      "hello",
      "This answer takes its time, as you see.",
      "[from here on poet answers, until here tester did]\n@poet a verse",
      "A verse.",
      "[from here on tester answers, until here poet did]\nand then?",
    ]);
  },
);

it("what is said right behind it, the rest of a text or what is forwarded with it, goes to the same agent", async () => {
  await start("interrupt", "One.");
  await say("@poet this is the first part, ", { burst: "long" });
  await say("and this the second.");
  await idle();
  expect(agents()).toEqual(["poet"]);
  expect(read().join("")).toContain("and this the second.");
});
