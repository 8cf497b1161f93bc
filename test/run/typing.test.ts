import { afterEach, beforeEach, expect, it } from "vitest";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { hold, scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway | null = null;
let platform: FakePlatform;

beforeEach(async () => {
  database = await createTestDatabase();
  platform = new FakePlatform({ platform: "slack", typingLastsMs: 120_000 });
});

afterEach(async () => {
  await running?.stop(0);
  running = null;
  await database.drop();
});

async function start(...steps: Parameters<typeof scriptedModel>): Promise<void> {
  running = await startTestGateway({ url: database.url, model: scriptedModel(...steps), adapters: [platform] });
  await platform.listening();
}

const say = (text: string) => platform.say({ chat: "D1", thread: "1.0", from: "T1:U1", text });

it("takes typing away before a run ends of which nothing is shown, and the next one shows it again", async () => {
  const silent = hold();
  await start([silent], "The answer to both.");
  await say("one");
  await silent.reached;
  await say("two");
  await until("the answer", () => platform.messages("D1").length === 1);
  expect(platform.typingShown).toHaveLength(2);
  expect(platform.typingHidden).toEqual(["D1/1.0"]);
});

it("takes typing away from a run that is stopped before it has said anything, or that is handed over", async () => {
  const pauses = [hold(), hold()] as const;
  await start([pauses[0]], [pauses[1]]);
  await say("one");
  await pauses[0].reached;
  await say("/stop");
  await until("it is hidden", () => platform.typingHidden.length === 1);
  await say("two");
  await pauses[1].reached;
  await running!.stop(0);
  running = null;
  expect(platform.typingHidden).toHaveLength(2);
});

it("leaves it to the message where one comes", async () => {
  await start("The answer.");
  await say("one");
  await until("the answer", () => platform.messages("D1").length === 1);
  expect(platform.typingShown).toHaveLength(1);
  expect(platform.typingHidden).toEqual([]);
});

it("takes typing away when the platform takes no text of the answer", async () => {
  await start("An answer that is long enough for a draft.");
  platform.failNext({ code: "invalid", call: "send", times: 2 });
  await say("one");
  await until("it is hidden", () => platform.typingHidden.length === 1);
});
