import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newId } from "../../src/ids.ts";
import { listTrouble } from "../../src/store/troubled-pages.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { hold, scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase, runStatement } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway | null = null;
let platform: FakePlatform;

beforeEach(async () => {
  database = await createTestDatabase();
  platform = new FakePlatform({ platform: "slack", marks: true });
});

afterEach(async () => {
  await running?.stop(0);
  running = null;
  await database.drop();
});

const FIRST = "This is the first part of it,";
const WHOLE = `${FIRST} and this is all of it.`;
const LOST = { code: "unavailable", call: "send", delivered: "unknown" } as const;

async function start(...steps: Parameters<typeof scriptedModel>): Promise<void> {
  running = await startTestGateway({ url: database.url, model: scriptedModel(...steps), adapters: [platform] });
  await platform.listening();
}

const db = () => running!.database.db;
const texts = () => platform.messages("7").map((message) => message.text);
const say = (text: string) => platform.say({ chat: "7", from: "7", text });

async function trouble(): Promise<string[]> {
  return (await listTrouble(db(), { limit: 10 })).map(({ state }) => state);
}

describe("a post of an answer whose own answer was lost", () => {
  it("is found by its mark and goes on as the same message", async () => {
    const pause = hold();
    await start([FIRST, pause, " and this is all of it."]);
    platform.failNext({ ...LOST, applied: true });
    await say("tell me");
    await until("the post to be found", async () => {
      const [page] = await db().selectFrom("outbox").select("state").execute();
      return page?.state === "sent";
    });
    pause.release();
    await until("the whole answer", () => texts().includes(WHOLE));
    expect(platform.everyMessage("7")).toHaveLength(1);
    expect(platform.looked).toEqual([platform.messages("7")[0]?.mark]);
    expect(await trouble()).toEqual([]);
  });

  it("is posted again when it certainly is not there", async () => {
    await start([FIRST, " and this is all of it."]);
    platform.failNext(LOST);
    await say("tell me");
    await until("the whole answer", () => texts().includes(WHOLE));
    expect(platform.everyMessage("7")).toHaveLength(1);
    expect(platform.looked).toHaveLength(2);
    expect(await trouble()).toEqual([]);
  });

  it("is listed when nobody can know, and the answer stands below it", async () => {
    await start([FIRST, " and this is all of it."]);
    platform.failNext({ ...LOST, applied: true });
    platform.failNext({ code: "unavailable", call: "find", times: 3 });
    await say("tell me");
    await until("the whole answer", () => texts().at(-1) === WHOLE);
    expect(platform.everyMessage("7")).toHaveLength(2);
    expect(await trouble()).toEqual(["uncertain"]);
  });
});

describe("a command's answer that was lost", () => {
  it.each([
    ["that is found is not said again", { applied: true }, 0, []],
    ["that certainly is not there is said once more", {}, 0, []],
    ["that nobody can find is listed", { applied: true }, 3, ["uncertain"]],
  ] as const)("%s", async (_, applied, blind, listed) => {
    await start();
    platform.failNext({ ...LOST, ...applied });
    if (blind > 0) platform.failNext({ code: "unavailable", call: "find", times: blind });
    await say("/help");
    await say("/status");
    await until("both answers", () => texts().length === 2);
    expect(texts()[0]).toMatch(/^\/start/);
    expect(texts()[1]).toMatch(/Nothing is running\./);
    await until("the list", async () => (await trouble()).join() === listed.join());
  });
});

describe("a post whose process died in the middle", () => {
  /** The first page stands in the chat, or not, and the database does not know it: as after a crash while posting. */
  async function crash(options: { applied: boolean; blind?: number }): Promise<void> {
    await start([FIRST, hold()]);
    await say("tell me");
    await until("a first text", () => texts().length === 1);
    const [message] = platform.messages("7");
    await until("it is written down", async () => {
      const [page] = await db().selectFrom("outbox").select("state").execute();
      return page?.state === "sent";
    });
    await running!.stop(0);
    running = null;
    if (!options.applied) {
      await platform.editing.remove({ account: platform.account, chat: "7", messageId: message!.messageId });
    }
    if (options.blind) platform.failNext({ code: "unavailable", call: "find", times: options.blind });
    await runStatement(database.url, "update outbox set state = 'sending', message_id = null");
    await start(WHOLE);
    await until("the whole answer", () => texts().includes(WHOLE));
  }

  it("is found, and the next attempt goes on in the same message", async () => {
    await crash({ applied: true });
    expect(platform.everyMessage("7")).toHaveLength(1);
    expect(await trouble()).toEqual([]);
  });

  it("is posted anew when it certainly is not there", async () => {
    await crash({ applied: false });
    expect(texts()).toEqual([WHOLE]);
    expect(await trouble()).toEqual([]);
  });

  it("is listed when nobody can know", async () => {
    await crash({ applied: true, blind: 3 });
    expect(texts()).toEqual([FIRST, WHOLE]);
    expect(await trouble()).toEqual(["uncertain"]);
  });

  it.each([
    ["is found", true, 0, ["late", "next"], []],
    ["is said once more when it certainly is not there", false, 0, ["late", "next"], []],
    ["is listed when nobody can know", false, 3, ["next"], ["uncertain"]],
  ] as const)("as an answer of the gateway itself %s", async (_, applied, blind, shown, listed) => {
    await start();
    await say("/help");
    await until("an answer", () => texts().length === 1);
    await running!.stop(0);
    running = null;
    if (blind > 0) platform.failNext({ code: "unavailable", call: "find", times: blind });
    const [late, next] = [newId("out"), newId("out")];
    const to = { account: platform.account, chat: "7", thread: "", replyTo: null };
    if (applied) await platform.send(to, { text: "late" }, late);
    await runStatement(
      database.url,
      `
      insert into outbox (id, kind, account_id, chat, thread, place_kind, content, state, due_at, created_at,
                          lease_until)
      values ('${late}', 'reply', '${platform.account}', '7', '', 'private', '{"text":"late"}', 'sending', now(),
              now() - interval '2 seconds', now() - interval '1 second'),
             ('${next}', 'reply', '${platform.account}', '7', '', 'private', '{"text":"next"}', 'planned', now(), now(),
              null)`,
    );
    await start();
    await until("the next post", () => texts().includes("next"));
    expect(texts().slice(1)).toEqual(shown);
    expect(await trouble()).toEqual(listed);
  });
});
