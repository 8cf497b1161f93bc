import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, it } from "vitest";
import { textOf } from "../../src/agent/message.ts";
import type { ModelRequest } from "../../src/agent/model-client.ts";
import { callTool, hold, type ScriptedModel, scriptedModel } from "../fakes/scripted-model.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { storedFaults, type StoredRow } from "../support/provider-rules.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
});

afterEach(async () => {
  for (const each of running) await each.stop(0);
  running = [];
  await database.drop();
});

async function start(options: Omit<Parameters<typeof startTestGateway>[0], "url">): Promise<TestGateway> {
  const started = await startTestGateway({ url: database.url, ...options });
  running.push(started);
  return started;
}

async function talk({ gateway }: TestGateway) {
  const ann = await gateway.service.actFor("ann");
  const session = (await gateway.service.createTalkSession(ann)).id;
  return (text: string) => gateway.service.addMessage(ann, session, { text });
}

const rowsOf = ({ database: { db } }: TestGateway) => db.selectFrom("messages").selectAll().orderBy("seq").execute();
const states = async ({ database: { db } }: TestGateway) =>
  (await db.selectFrom("runs").select("state").orderBy("started_at").execute()).map(({ state }) => state);

it("a run that a stop ends at its take-over says of the call under way that nobody knows what became of it", async () => {
  const [paying, looking] = [hold(), hold()];
  const tools = scriptedTools({
    pay: { readOnly: false, afterCrash: "skip", answer: async () => paying.enter().then(() => "paid") },
    look: { answer: async () => looking.enter().then(() => "seen") },
  });
  const model = scriptedModel([callTool("pay"), callTool("look")]);
  const dead = await start({ model, tools });
  await (
    await talk(dead)
  )("pay for it");
  await Promise.all([paying.reached, looking.reached]);
  looking.release();
  await until(
    "the result",
    async () =>
      (await dead.database.db.selectFrom("run_events").selectAll().where("type", "=", "tool.finished").execute())
        .length === 1,
  );
  await sql`with stopped as (update talk_sessions set stop_through = arrival_no)
    update lanes set owner = null, lease_until = null`.execute(dead.database.db);
  const next = await start({ model: scriptedModel(), tools });
  await until("the end", async () => (await states(next)).join() === "cancelled");
  paying.release();
  const rows = await rowsOf(next);
  expect(storedFaults(rows as unknown as StoredRow[])).toEqual([]);
  expect(rows.slice(2).map(({ parts }) => parts)).toEqual([
    [{ type: "tool_result", callId: "call_look", ok: true, text: "seen" }],
    [{ type: "tool_result", callId: "call_pay", ok: false, text: expect.stringMatching("may have taken effect") }],
  ]);
});

it("what had joined a run unread is answered when the run fails at its take-over", async () => {
  const gate = hold();
  const tools = scriptedTools({ look: { answer: async () => gate.enter().then(() => sleep(50, "seen")) } });
  const has = (request: ModelRequest) => request.messages.some((message) => textOf(message) === "two");
  // It looks again until it was told of the second message, which may be noticed late.
  const next = (request: ModelRequest) => (has(request) ? [hold()] : callTool("look", { at: model.requests.length }));
  const steps = Array.from({ length: 20 }, () => next);
  const model: ScriptedModel = scriptedModel(["Let me see.", callTool("look")], ...steps);
  const first = await start({ model, tools, onBusy: "steer" });
  const say = await talk(first);
  await say("one");
  await gate.reached;
  await say("two");
  gate.release();
  await until("the step that it joins", () => model.requests.some(has));
  await first.stop(0);
  running = [];
  const idle = await start({ model, tools, onBusy: "steer", slots: 0 });
  await sql`delete from run_events where type = 'message.completed' and data->'message'->>'role' = 'user'`.execute(
    idle.database.db,
  );
  await sql`update runs set crashes = 2, handed_over = false`.execute(idle.database.db);
  await start({ model: scriptedModel("All done."), tools, onBusy: "steer" });
  await until("the next run", async () => (await states(idle)).join() === "failed,completed");
  const rows = (await rowsOf(idle)).map(({ role, parts }) => `${role}: ${textOf({ parts })}`);
  const looks = rows.splice(3, rows.length - 5);
  expect(looks).toEqual(Array.from({ length: looks.length / 2 }, () => ["assistant: ", "tool: "]).flat());
  expect(rows).toEqual(["user: one", "assistant: Let me see.", "tool: ", "user: two", "assistant: All done."]);
});
