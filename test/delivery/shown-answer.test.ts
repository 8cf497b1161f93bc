import { afterEach, beforeEach, expect, it } from "vitest";
import { listTrouble } from "../../src/store/troubled-pages.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { hold, scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway | null = null;

beforeEach(async () => {
  database = await createTestDatabase();
});

afterEach(async () => {
  await running?.stop();
  running = null;
  await database.drop();
});

const FIRST = "This is the first part of it,";
const WHOLE = `${FIRST} and this is all of it.`;

async function ask(platform: FakePlatform, model: ReturnType<typeof scriptedModel>): Promise<TestGateway> {
  running = await startTestGateway({ url: database.url, model, adapters: [platform] });
  await platform.listening();
  await platform.say({ chat: "7", from: "7", text: "tell me" });
  return running;
}

function texts(platform: FakePlatform): string[] {
  return platform.messages("7").map((message) => message.text);
}

it("shows the answer once when nobody knows what became of the first post, and lists that post", async () => {
  const platform = new FakePlatform();
  const pause = hold();
  platform.failNext({ code: "unavailable", call: "send", applied: true });
  const { database: store } = await ask(platform, scriptedModel([FIRST, pause, " and this is all of it."] as never));
  await until("the post to be lost", () => platform.messages("7").length === 1);
  pause.release();
  await until("the whole answer", () => texts(platform).includes(WHOLE));
  expect(texts(platform)).toEqual([FIRST, WHOLE]);
  expect(await listTrouble(store.db, { limit: 10 })).toMatchObject([{ state: "uncertain", chat: "7" }]);
});

it("posts again what certainly was not posted", async () => {
  const platform = new FakePlatform();
  platform.failNext({ code: "unavailable", call: "send" });
  const { database: store } = await ask(platform, scriptedModel(WHOLE));
  await until("the answer", () => texts(platform).includes(WHOLE));
  expect(texts(platform)).toEqual([WHOLE]);
  expect(await listTrouble(store.db, { limit: 10 })).toEqual([]);
});

it("keeps a pause the platform asked for, for every replica, and then shows the end", async () => {
  const platform = new FakePlatform();
  const pause = hold();
  const { database: store } = await ask(platform, scriptedModel([FIRST, pause, " and this is all of it."] as never));
  await until("the first part", () => texts(platform).includes(FIRST));
  platform.failNext({ code: "rate_limited", call: "edit", retryAfterMs: 1_500 });
  pause.release();
  await until("the whole answer", () => texts(platform).includes(WHOLE));
  const place = await store.db.selectFrom("places").select("blocked_until").executeTakeFirstOrThrow();
  expect(place.blocked_until?.getTime()).toBeLessThanOrEqual(Date.now());
  expect(platform.messages("7")[0]?.history).toEqual([FIRST, WHOLE]);
});

it("goes on in a new message when its message was deleted", async () => {
  const platform = new FakePlatform();
  const pause = hold();
  await ask(platform, scriptedModel([FIRST, pause, " and this is all of it."] as never));
  await until("the first part", () => texts(platform).includes(FIRST));
  await platform.editing.remove({
    account: platform.account,
    chat: "7",
    messageId: platform.messages("7")[0]!.messageId,
  });
  pause.release();
  await until("the whole answer", () => texts(platform).includes(WHOLE));
  expect(texts(platform)).toEqual([WHOLE]);
});

it("shows a long answer as pages, in order and without loss", async () => {
  const platform = new FakePlatform({ textLimit: 100 });
  const words = Array.from({ length: 200 }, (_, index) => `word${index}`).join(" ");
  const parts = words.match(/.{1,90}/gs) ?? [];
  await ask(platform, scriptedModel(parts));
  await until("the last page", () => texts(platform).join("") === words);
  expect(platform.messages("7").length).toBe(Math.ceil(words.length / 100));
});

it("holds no page as under way that waits for the chat's budget: a crash would leave it in doubt", async () => {
  const chat = () => ({ draftEveryMs: 20, refillMs: 2_000, burst: 1, reserve: 0 });
  const budget = { chat, account: [{ refillMs: 1, burst: 100, reserve: 5 }] };
  const platform = new FakePlatform({ textLimit: 100, budget });
  const { database: store } = await ask(platform, scriptedModel("word ".repeat(30)));
  const pages = () => store.db.selectFrom("outbox").select(["state", "tries"]).orderBy("page").execute();
  await until("the second page to be looked at", async () => (await pages())[1]?.tries === 1);
  await until("it to wait", async () => (await pages())[1]?.state === "planned", 500);
  expect(platform.messages("7")).toHaveLength(1);
  await until("the second page", () => platform.messages("7").length === 2);
});

it("ends the run of a chat that cannot be written to, and says nothing more there", async () => {
  const platform = new FakePlatform();
  const pause = hold();
  const model = scriptedModel([FIRST, pause, " and this is all of it."] as never);
  const { database: store } = await ask(platform, model);
  await until("the first part", () => texts(platform).includes(FIRST));
  platform.failNext({ code: "forbidden", place: { kind: "gone" }, times: 10 });
  pause.release();
  await until(
    "the run to end",
    async () => (await store.db.selectFrom("runs").select("state").executeTakeFirst())?.state !== "running",
  );
  await until(
    "the chat to be marked",
    async () => (await store.db.selectFrom("places").select("gone_at").executeTakeFirst())?.gone_at !== null,
  );
  expect(texts(platform)).toEqual([FIRST]);
});

it("tells the person when the model fails, once", async () => {
  const platform = new FakePlatform();
  await ask(platform, scriptedModel());
  await until("the sentence", () => texts(platform).length === 1);
  expect(texts(platform)[0]).toMatch(/^⚠️ The script has no more steps\. \(run_[0-9a-f]{4}\)$/);
});

it("lists a page for which something is missing in the chat, instead of trying for ever", async () => {
  const platform = new FakePlatform();
  platform.failNext({ code: "not_found", call: "send", times: 1_000 });
  const { database: store } = await ask(platform, scriptedModel(WHOLE));
  await until("the page to be listed", async () => (await listTrouble(store.db, { limit: 10 })).length === 1);
  expect(await listTrouble(store.db, { limit: 10 })).toMatchObject([{ state: "failed", chat: "7" }]);
});
