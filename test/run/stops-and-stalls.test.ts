import { afterEach, beforeEach, expect, it } from "vitest";
import type { ModelClient } from "../../src/agent/model-client.ts";
import { functionTools } from "../../src/agent/function-tools.ts";
import { newId } from "../../src/ids.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { callTool, hold, scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
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

async function start(
  model: ModelClient,
  options: Partial<Parameters<typeof startTestGateway>[0]> = {},
): Promise<TestGateway> {
  const started = await startTestGateway({ url: database.url, model, ...options });
  running.push(started);
  return started;
}

it("answers more messages than one turn takes, although the rest waits meanwhile", async () => {
  const full = await start(scriptedModel(), { slots: 0 });
  const { service } = full.gateway;
  const ann = await service.actFor("ann");
  const session = (await service.createTalkSession(ann)).id;
  await Promise.all(Array.from({ length: 201 }, (_, index) => service.addMessage(ann, session, { text: `m${index}` })));
  const pause = hold();
  const model = scriptedModel([pause, "First answer."], "Second answer.");
  await start(model);
  await pause.reached;
  // Longer than it takes to look at what waits.
  await until(
    "a look at the levels",
    async () => (await full.database.db.selectFrom("runs").selectAll().execute()).length === 1,
  );
  pause.release();
  await until("both turns", () => model.requests.length === 2);
  expect(model.requests[0]?.messages).toHaveLength(200);
  expect(model.requests[1]?.messages.at(-1)?.parts).toHaveLength(1);
});

it("shows the answer in the chat also when a message over the API joined its turn", async () => {
  const platform = new FakePlatform();
  const never = hold();
  const model = scriptedModel([never], "Both answered.");
  const { gateway, database: store } = await start(model, { adapters: [platform] });
  await platform.listening();
  await platform.say({ chat: "7", from: "7", text: "from the chat" });
  await never.reached;
  const talk = await store.db.selectFrom("talk_sessions").select(["id", "user_id"]).executeTakeFirstOrThrow();
  await gateway.service.addMessage(talk.user_id, talk.id, { text: "from the API" });
  await until("the answer", () => platform.messages("7").some((message) => message.text === "Both answered."));
});

it("leaves a tool's call open when a run is handed over, so that the next attempt makes it again", async () => {
  const called = Promise.withResolvers<void>();
  const schema = { type: "object" };
  const tool = {
    name: "look",
    description: "looks",
    schema,
    readOnly: true,
    afterCrash: "repeat",
    timeoutMs: 60_000,
  } as const;
  const forever = () => {
    called.resolve();
    return new Promise<string>(() => undefined);
  };
  const first = await start(scriptedModel(callTool("look")), { tools: functionTools([{ ...tool, run: forever }]) });
  const ann = await first.gateway.service.actFor("ann");
  const session = (await first.gateway.service.createTalkSession(ann)).id;
  await first.gateway.service.addMessage(ann, session, { text: "look" });
  await called.promise;
  running = [];
  await first.stop(0);
  const model = scriptedModel("I saw it.");
  await start(model, { tools: functionTools([{ ...tool, run: () => "a bird" }]) });
  await until("the second attempt", () => model.requests.length === 1);
  expect(model.requests[0]?.messages.at(-1)?.parts).toMatchObject([{ type: "tool_result", ok: true, text: "a bird" }]);
});

it("takes nothing in once it stops, and leaves what is due to others", async () => {
  const platform = new FakePlatform({ textLimit: 60 });
  const pause = hold();
  const model = scriptedModel(["x".repeat(150), pause]);
  const one = await start(model, { adapters: [platform] });
  await platform.listening();
  const ann = await one.gateway.service.actFor("ann");
  const session = (await one.gateway.service.createTalkSession(ann)).id;
  await platform.say({ chat: "7", from: "7", text: "tell me" });
  await pause.reached;
  const stopping = one.gateway.stop(5_000);
  await expect(one.gateway.service.addMessage(ann, session, { text: "late" })).rejects.toMatchObject({
    code: "unavailable",
  });
  pause.release();
  await stopping;
  const pages = await one.database.db.selectFrom("outbox").select(["state", "message_id"]).orderBy("page").execute();
  expect(pages.every((page) => (page.state === "sent") === (page.message_id !== null))).toBe(true);
  expect(pages.some((page) => page.state === "sending")).toBe(false);
  await start(scriptedModel(), { adapters: [platform] });
  await until(
    "all pages",
    () =>
      platform
        .messages("7")
        .map((message) => message.text)
        .join("") === "x".repeat(150),
  );
});

it("lets no lane that cannot be worked on stop the others, and comes back to it", async () => {
  const full = await start(scriptedModel(), { slots: 0 });
  const { service } = full.gateway;
  const { db } = full.database;
  const ann = await service.actFor("ann");
  const talk = async () => {
    const { id } = await service.createTalkSession(ann);
    await service.addMessage(ann, id, { text: "hi" });
    return id;
  };
  const sessions = [await talk(), await talk(), await talk()];
  const broken = sessions[1]!;
  // Its next attempt is a number too large for its column.
  const row = {
    session_id: broken,
    id: newId("run"),
    lane: 0,
    state: "running",
    attempt: 2_147_483_647,
    agent: "tester",
    policy: "queue",
  } as const;
  const rest = { owner: null, input_through: 0, reply_target: null, end_reason: null, error_code: null };
  await db
    .insertInto("runs")
    .values({ ...row, ...rest, queued_at: new Date() })
    .execute();
  const model = scriptedModel("One.", "Two.", "Three.", "Four.");
  const working = await start(model);
  await until("the others' answers", () => model.requests.length === 2);
  await service.addMessage(ann, sessions[0]!, { text: "and again" });
  await until("a later answer", () => model.requests.length === 3);
  expect(await working.gateway.readiness()).toMatchObject({ ready: true });
  await db.deleteFrom("runs").where("id", "=", row.id).execute();
  await service.addMessage(ann, broken, { text: "and now?" });
  await until("its answer", () => model.requests.length === 4);
  expect(model.requests[3]?.messages).toHaveLength(2);
});
