import { afterAll, beforeAll, expect, it } from "vitest";
import { newId } from "../../src/ids.ts";
import type { AgentService } from "../../src/talk/agent-service.ts";
import { card } from "../agent/run-it.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let gateway: TestGateway;
let service: AgentService;

beforeAll(async () => {
  database = await createTestDatabase();
  const cards = [card, { ...card, name: "helper", default: false, toolOnly: true }];
  gateway = await startTestGateway({ url: database.url, model: scriptedModel("1", "2", "3", "4"), cards });
  service = gateway.gateway.service;
});
afterAll(async () => {
  await gateway.stop(0);
  await database.drop();
});

it("security-16: nobody's message is taken for a repeat of somebody else's under the same key", async () => {
  const [ann, mallory] = [await service.actFor("ann"), await service.actFor("mallory")];
  const { id } = await service.createTalkSession(ann);
  const say = (user: typeof ann, text: string) => service.addMessage(user, id, { text, idempotencyKey: "1" });
  // While this one is committed, the next ones gather for the batch after it.
  const busy = service.addMessage(ann, id, { text: "first" });
  const [before, own, after] = await Promise.allSettled([say(mallory, "?"), say(ann, "hello"), say(mallory, "?")]);
  await busy;
  const refused = { status: "rejected", reason: { code: "not_found", message: "There is no such session." } };
  expect(before).toMatchObject(refused);
  expect(after).toMatchObject(refused);
  expect(own.status).toBe("fulfilled");
  const { messageId } = (own as PromiseFulfilledResult<{ messageId: string }>).value;
  const stored = gateway.database.db
    .selectFrom("inbox")
    .select("parts")
    .where("message_id", "=", messageId as never);
  expect(await stored.execute()).toEqual([{ parts: [{ type: "text", text: "hello" }] }]);
});

it("makes no session with an agent that is there for other agents alone", async () => {
  const ann = await service.actFor("ann");
  await expect(service.createTalkSession(ann, { agent: "helper" })).rejects.toMatchObject({
    code: "invalid",
    message: 'There is no agent "helper".',
  });
});

it("refuses an empty message alike, whether the session is there, unknown or no session at all", async () => {
  const ann = await service.actFor("ann");
  const { id } = await service.createTalkSession(ann);
  for (const session of [id, newId("ses"), "no session"]) {
    await expect(service.addMessage(ann, session, { text: " " })).rejects.toMatchObject({ code: "invalid" });
  }
});

it("refuses a key that was used for another text, also when both come at once, and takes the same text again", async () => {
  const ann = await service.actFor("ann");
  const { id } = await service.createTalkSession(ann);
  const say = (text: string) => service.addMessage(ann, id, { text, idempotencyKey: "k" });
  const busy = service.addMessage(ann, id, { text: "first" });
  const [one, other] = await Promise.allSettled([say("a\0\ud800"), say("b")]);
  await busy;
  expect(one.status).toBe("fulfilled");
  expect(other).toMatchObject({ status: "rejected", reason: { code: "conflict" } });
  expect(await say("a\0\ud800")).toEqual((one as PromiseFulfilledResult<object>).value);
});
