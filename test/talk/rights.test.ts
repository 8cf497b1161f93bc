import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { UserId } from "../../src/ids.ts";
import { erasureOf } from "../../src/store/erasures.ts";
import { findIdentity } from "../../src/store/identities.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { setBlocked } from "../../src/store/users.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { hold, type ScriptedModel, scriptedModel } from "../fakes/scripted-model.ts";
import { allWords } from "../support/all-words.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway;
let platform: FakePlatform;
let model: ScriptedModel;

beforeEach(async () => {
  database = await createTestDatabase();
});

afterEach(async () => {
  await running.stop(0);
  await database.drop();
});

async function start(...steps: Parameters<typeof scriptedModel>): Promise<void> {
  platform = new FakePlatform();
  model = scriptedModel(...steps, ...Array.from({ length: 20 }, () => "Answer."));
  running = await startTestGateway({ url: database.url, model, adapters: [platform] });
  await platform.listening();
}

const db = () => running.database.db;

async function say(text: string): Promise<string> {
  const before = platform.messages("7").length;
  await platform.say({ chat: "7", from: "7", text });
  await until("an answer", () => platform.messages("7").length > before);
  return platform.messages("7")[before]!.text;
}

async function userOf(id: string): Promise<UserId> {
  return (await findIdentity(db(), "telegram", id))!.userId;
}

async function block(id: string, blocked = true): Promise<void> {
  await withTransaction(db(), async (trx) =>
    setBlocked(trx, (await findIdentity(trx, "telegram", id))!.userId, blocked),
  );
}

async function settled(): Promise<void> {
  const lanes = () => db().selectFrom("lanes").selectAll().execute();
  await until("all work to be done", async () => (await lanes()).length === 0);
}

describe("security-12: somebody whom the operator has blocked", () => {
  it("is told so once and not heard, whatever they send, until they are let in again", async () => {
    await start();
    expect(await say("hello")).toBe("Answer.");
    await settled();
    await block("7");
    expect(await say("and now?")).toContain("blocked");
    for (const text of ["again", "/help", "/forget me yes", "stop"]) await platform.say({ chat: "7", from: "7", text });
    await platform.say({ chat: "-1", kind: "group", from: "7", text: "here?", addressed: true });
    expect(model.requests).toHaveLength(1);
    expect(platform.messages("7")).toHaveLength(2);
    expect(platform.messages("-1")).toHaveLength(0);
    await block("7", false);
    expect(await say("thanks")).toBe("Answer.");
  });

  it("is refused over the API, too", async () => {
    await start();
    const { service } = running.gateway;
    const ann = await service.actFor("ann");
    const { id } = await service.createTalkSession(ann);
    await withTransaction(db(), (trx) => setBlocked(trx, ann, true));
    await expect(service.addMessage(ann, id, { text: "hi" })).rejects.toMatchObject({ code: "forbidden" });
  });

  it("has what is under way ended, in groups what they alone have asked for", async () => {
    await start(hold(), hold(), hold());
    await platform.say({ chat: "7", from: "7", text: "mine" });
    await platform.say({ chat: "-1", kind: "group", from: "7", text: "ours", addressed: true });
    await platform.say({ chat: "-2", kind: "group", from: "8", text: "others'", addressed: true });
    await until("three runs", () => model.requests.length === 3);
    await block("7");
    const states = async () => {
      const rows = await db().selectFrom("runs").select("state").orderBy("state").execute();
      return rows.map(({ state }) => state);
    };
    await until("two to end", async () => (await states()).filter((state) => state === "cancelled").length === 2);
    expect(await states()).toEqual(["cancelled", "cancelled", "running"]);
  });
});

describe("security-45: /forget me", () => {
  it("says what it erases, then erases it all, and whoever comes back is new", async () => {
    await start();
    await say("My secret is CANARY.");
    const before = await userOf("7");
    expect(await say("/forget me")).toContain("/forget me yes");
    expect(await userOf("7")).toBe(before);
    expect(await say("/forget me yes")).toContain("is being erased");
    await until("the end", async () => (await erasureOf(db(), before))?.endedAt !== null);
    expect(await allWords(db())).not.toContain("CANARY");
    expect(await say("It is me.")).toBe("Answer.");
    expect(await userOf("7")).not.toBe(before);
    expect(JSON.stringify(model.requests.at(-1))).not.toContain("CANARY");
  }, 20_000);

  it("is for private chats", async () => {
    await start();
    await platform.say({ chat: "-1", kind: "group", from: "7", text: "/forget me yes", addressed: true });
    await until("an answer", () => platform.messages("-1").length === 1);
    expect(platform.messages("-1")[0]!.text).toContain("private chat");
  });
});
