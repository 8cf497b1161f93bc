import { afterAll, beforeAll, expect, it } from "vitest";
import type { Agents } from "../../src/agent/agents.ts";
import { accountId } from "../../src/ids.ts";
import { upsertIdentity } from "../../src/store/identities.ts";
import { upsertPlace } from "../../src/store/places.ts";
import { runChatCommand } from "../../src/talk/chat-commands.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let gateway: TestGateway;

beforeAll(async () => {
  database = await createTestDatabase();
  gateway = await startTestGateway({ url: database.url, model: scriptedModel() });
});
afterAll(async () => {
  await gateway.stop(0);
  await database.drop();
});

it.each(["status", "sessions"] as const)("/%s shows a title as the words it is, not as Markdown", async (command) => {
  const { db } = gateway.database;
  const { userId } = await upsertIdentity(db, "telegram", "7", "Ann");
  const where = { chat: command, thread: "", kind: "group", title: "a group" } as const;
  const place = await upsertPlace(db, accountId("telegram", "1"), where, userId, "tester");
  const title = "**[Click here](https://evil.test)**";
  await db.updateTable("talk_sessions").set({ title }).where("id", "=", place.sessionId).execute();
  const answer = await runChatCommand(db, {} as Agents, place, command, "", "/");
  expect(answer).toContain(String.raw`\*\*\[Click here\](https://evil.test)\*\*`);
});
