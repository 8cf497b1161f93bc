import { afterEach, beforeEach, expect, it } from "vitest";
import { textOf } from "../../src/agent/message.ts";
import type { FollowItem } from "../../src/talk/agent-service.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { hold, scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
});

afterEach(async () => {
  for (const each of running) await each.stop();
  running = [];
  await database.drop();
});

async function start(options: Omit<Parameters<typeof startTestGateway>[0], "url">): Promise<TestGateway> {
  const started = await startTestGateway({ url: database.url, ...options });
  running.push(started);
  return started;
}

it("answers a message over the API and keeps both in the history", async () => {
  const readers = hold();
  const model = scriptedModel([readers, "Hello", " Ann"] as never);
  const { gateway } = await start({ model });
  const ann = await gateway.service.actFor("ann");
  const session = await gateway.service.createTalkSession(ann);
  const items: FollowItem[] = [];
  const end = new AbortController();
  const reading = (async () => {
    for await (const item of await gateway.service.getMessages(ann, session.id, { follow: true, signal: end.signal })) {
      items.push(item);
      if (item.kind === "event" && item.type === "step.started") readers.release();
      if (item.kind === "message" && item.message.role === "assistant") end.abort();
    }
  })();
  await gateway.service.addMessage(ann, session.id, { text: "hi" });
  await reading;
  const told = items.map((item) => (item.kind === "event" ? item.type : `${item.kind} ${textOf(item.message)}`));
  expect(told).toEqual([
    "accepted hi",
    "run.started",
    "step.started",
    "text.delta",
    "message.completed",
    "run.completed",
    "message hi",
    "message Hello Ann",
  ]);
});

it("streams the answer into one message of the chat", async () => {
  const platform = new FakePlatform();
  const stop = hold();
  const model = scriptedModel(["This is the first part of it,", stop, " and this is the rest."] as never);
  await start({ model, adapters: [platform] });
  await platform.listening();
  await platform.say({ chat: "7", from: "7", text: "tell me" });
  await until("a first text", () => platform.messages("7").length === 1);
  stop.release();
  await until("the full text", () => platform.messages("7")[0]?.text.endsWith("the rest.") === true);
  expect(platform.messages("7")).toHaveLength(1);
  expect(platform.messages("7")[0]?.history).toEqual([
    "This is the first part of it,",
    "This is the first part of it, and this is the rest.",
  ]);
});

it("reads a text in parts as it was said, whichever part came first", async () => {
  const platform = new FakePlatform();
  const model = scriptedModel("I see.");
  await start({ model, adapters: [platform] });
  await platform.listening();
  const part = { chat: "7", from: "7", burst: "long" } as const;
  const now = Date.now();
  await platform.say({ ...part, text: "and this the second.", writtenAt: now });
  await platform.say({ ...part, text: "This is the first part, ", writtenAt: now - 1_000 });
  await until("the answer", () => platform.messages("7").length === 1);
  const [request] = model.requests;
  expect(request?.messages.map(textOf)).toEqual(["This is the first part, and this the second."]);
});

it("reads parts of one second by the ids that the chat gave them", async () => {
  const platform = new FakePlatform();
  const model = scriptedModel("I see.");
  await start({ model, adapters: [platform] });
  await platform.listening();
  const part = { chat: "7", from: "7", burst: "long", writtenAt: Math.floor(Date.now() / 1_000) * 1_000 } as const;
  await platform.say({ ...part, text: "the third.", messageId: "101" });
  await platform.say({ ...part, text: "This is the first part, ", messageId: "99" });
  await platform.say({ ...part, text: "this the second, and ", messageId: "100" });
  await until("the answer", () => platform.messages("7").length === 1);
  const [request] = model.requests;
  expect(request?.messages.map(textOf)).toEqual(["This is the first part, this the second, and the third."]);
});
