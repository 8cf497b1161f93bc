import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, it } from "vitest";
import { textOf } from "../../src/agent/message.ts";
import type { ModelRequest } from "../../src/agent/model-client.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { callTool, hold, type ScriptedModel, scriptedModel } from "../fakes/scripted-model.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let platform: FakePlatform;
let running: TestGateway[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
  platform = new FakePlatform();
});

afterEach(async () => {
  for (const each of running) await each.stop();
  running = [];
  await database.drop();
});

async function start(options: Omit<Parameters<typeof startTestGateway>[0], "url">): Promise<TestGateway> {
  const started = await startTestGateway({ url: database.url, adapters: [platform], ...options });
  running.push(started);
  await platform.listening();
  return started;
}

/** What the model was sent, one line a message. */
function sent(request: ModelRequest | undefined): string[] {
  return (request?.messages ?? []).map((message) => `${message.role}: ${textOf(message)}`);
}

const say = (text: string) => platform.say({ chat: "7", from: "7", text });

const LONG = "Here is something long enough to be shown";

async function openRuns({ db }: TestGateway["database"]): Promise<number> {
  return (await db.selectFrom("runs").select("id").where("state", "=", "running").execute()).length;
}

/** A tool that runs until the test lets it go. */
function slowTool() {
  const gate = hold();
  const tools = scriptedTools({ look: { answer: async () => gate.enter().then(() => sleep(50, "seen")) } });
  return { gate, tools };
}

it.each(["written down", "only bound"])("a take-over keeps what had joined and was %s", async (how) => {
  const { gate, tools } = slowTool();
  const told = () => model.requests.filter((request) => sent(request).includes("user: two"));
  // It looks again until it was told of the second message, which may be noticed late.
  const next = () => {
    if (told().length === 0) return callTool("look", { at: model.requests.length });
    return told().length === 1 ? [hold()] : "All done.";
  };
  const model: ScriptedModel = scriptedModel([LONG, callTool("look")], ...Array.from({ length: 20 }, () => next));
  const first = await start({ model, tools, onBusy: "steer" });
  await say("one");
  await gate.reached;
  await say("two");
  gate.release();
  await until("the step that it joins", () => told().length === 1);
  await first.stop(0);
  running = [];
  platform = new FakePlatform();
  const again = await startTestGateway({ url: database.url, model, tools, onBusy: "steer", slots: 0 });
  running.push(again);
  if (how === "only bound") {
    const { rows } = await sql`
      delete from run_events where type = 'message.completed' and data->'message'->>'role' = 'user'
      returning 1`.execute(again.database.db);
    expect(rows).toHaveLength(1);
  }
  await start({ model, tools, onBusy: "steer" });
  await until("the next attempt", () => told().length === 2);
  const [block, taken] = told().map(sent) as [string[], string[]];
  const looks = block.slice(3, -1);
  expect(looks).toEqual(Array.from({ length: looks.length / 2 }, () => ["assistant: ", "tool: "]).flat());
  expect(block).toEqual(["user: one", `assistant: ${LONG}`, "tool: ", ...looks, "user: two"]);
  expect(taken).toEqual(block);
  await until("the end", async () => (await openRuns(again.database)) === 0);
  const stored = await again.database.db.selectFrom("messages").select(["role", "parts"]).orderBy("seq").execute();
  expect(stored.map(({ role, parts }) => `${role}: ${textOf({ parts })}`)).toEqual([...block, "assistant: All done."]);
  const ids = await sql<{ n: number }>`
    select count(*) as n from messages m join inbox b using (message_id) where m.role = 'user'`.execute(
    again.database.db,
  );
  expect(ids.rows[0]?.n).toBe(2);
});
