import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Message, textOf } from "../../src/agent/message.ts";
import type { AccessPolicy } from "../../src/platform/access-gate.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { type ScriptedModel, scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway | null = null;
let platform: FakePlatform;
let model: ScriptedModel;

beforeEach(async () => {
  database = await createTestDatabase();
});

afterEach(async () => {
  await running?.stop(0);
  running = null;
  await database.drop();
});

async function start(access: AccessPolicy): Promise<void> {
  platform = new FakePlatform({ platform: "slack" });
  model = scriptedModel(...Array.from({ length: 20 }, () => "Answer."));
  running = await startTestGateway({ url: database.url, model, adapters: [platform], access, onBusy: "queue" });
  await platform.listening();
}

const open: AccessPolicy = { mode: "open", allowedUsers: new Set() };
const inChannel = { chat: "C1", kind: "group" } as const;

/** Rows of what a talk is made of. */
async function rows(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of ["users", "identities", "places", "talk_sessions", "inbox"] as const) {
    counts[table] = (await running!.database.db.selectFrom(table).selectAll().execute()).length;
  }
  return counts;
}

async function settled(): Promise<void> {
  const lanes = () => running!.database.db.selectFrom("lanes").selectAll().execute();
  await until("all work to be done", async () => (await lanes()).length === 0);
}

/** Everything people said that the model was given in its last request. */
function asked(): string[] {
  const said = (model.requests.at(-1)?.messages ?? []).filter((message: Message) => message.role === "user");
  return said.map((message) => textOf(message));
}

describe("a reply in a thread that names nobody", () => {
  it("is answered where somebody's mention opened the talk, also if its author is new here", async () => {
    await start(open);
    await platform.say({ ...inChannel, thread: "1.0", from: "T1:U1", text: "one", addressed: true });
    await platform.say({ ...inChannel, thread: "1.0", from: "T1:U1", text: "two", addressed: "where_known" });
    await platform.say({ ...inChannel, thread: "1.0", from: "T1:U2", text: "three", addressed: "where_known" });
    await settled();
    expect(asked()).toEqual(["one", "two", "three"]);
    expect(await rows()).toMatchObject({ places: 1, talk_sessions: 1, identities: 2 });
  });

  it("security-15: is ignored without a trace anywhere else", async () => {
    await start(open);
    await platform.say({ ...inChannel, thread: "1.0", from: "T1:U1", text: "one", addressed: true });
    await settled();
    const before = await rows();
    await platform.say({ ...inChannel, thread: "2.0", from: "T1:U1", text: "else", addressed: "where_known" });
    await platform.say({ ...inChannel, from: "T1:U3", text: "top level", addressed: "where_known" });
    await platform.say({ ...inChannel, thread: "1.0", from: "T1:U1", text: "chatter", addressed: false });
    await settled();
    expect(await rows()).toEqual(before);
    expect(model.requests).toHaveLength(1);
  });

  it("security-15: of a stranger stays ignored", async () => {
    await start({ mode: "allowlist", allowedUsers: new Set(["slack:T1:U1"]) });
    await platform.say({ ...inChannel, thread: "1.0", from: "T1:U1", text: "one", addressed: true });
    await platform.say({ ...inChannel, thread: "1.0", from: "T1:U2", text: "two", addressed: "where_known" });
    await settled();
    expect(asked()).toEqual(["one"]);
    expect(await rows()).toMatchObject({ identities: 1, inbox: 1 });
  });

  it("keeps its order behind the mention that opens the talk, whoever writes, in one batch", async () => {
    await start(open);
    const say = (from: string, text: string, addressed: true | "where_known") =>
      platform.say({ ...inChannel, thread: "1.0", from, text, addressed });
    const others = platform.say({ chat: "D1", from: "T1:U9", text: "/help" });
    await Promise.all([
      others,
      say("T1:U1", "one", true),
      say("T1:U1", "two", "where_known"),
      say("T1:U1", "three", "where_known"),
    ]);
    await Promise.all([say("T1:U2", "four", "where_known"), say("T1:U1", "five", "where_known")]);
    await settled();
    expect(asked()).toEqual(["one", "two", "three", "four", "five"]);
  });
});

it("an edit of what was never said to the bot opens no talk", async () => {
  await start(open);
  const said = await platform.say({ ...inChannel, thread: "1.0", from: "T1:U1", text: "hi", addressed: "where_known" });
  if (said.kind !== "message") throw new Error("not a message");
  const { account, place, sender, messageId } = said;
  await platform.deliver({
    kind: "edited",
    account,
    key: "e1",
    place,
    sender,
    messageId,
    text: "ho",
    addressed: false,
  });
  await platform.say({ ...inChannel, thread: "1.0", from: "T1:U1", text: "still there?", addressed: "where_known" });
  expect(await rows()).toMatchObject({ identities: 0, places: 0, inbox: 0 });
});

describe("security-12: guests and people of other organisations", () => {
  const guest = { chat: "D7", from: "T2:U7", outsider: true } as const;

  it("get a code where access is open, and are let in once it is approved", async () => {
    await start(open);
    await platform.say({ ...guest, text: "hello" });
    await until("the code", () => platform.messages("D7").length === 1);
    expect(model.requests).toHaveLength(0);
    const [code] = /`[2-9A-Z]{8}`/.exec(platform.messages("D7")[0]!.text) ?? [""];
    expect(await running!.gateway.approve(code, { keyId: null })).toMatchObject({ externalId: "T2:U7" });
    await platform.say({ ...guest, text: "and now?" });
    await until("the answer", () => platform.messages("D7").some(({ text }) => text === "Answer."));
    await platform.say({ ...guest, text: "again" });
    await settled();
    expect(asked()).toEqual(["and now?", "again"]);
  });

  it("are not heard in a channel, also in a thread they could read and after an answer of theirs in private", async () => {
    await start({ mode: "open", allowedUsers: new Set(["slack:T2:U8"]) });
    await platform.say({ ...inChannel, thread: "1.0", from: "T1:U1", text: "one", addressed: true });
    await platform.say({ ...inChannel, ...guest, chat: "C1", thread: "1.0", text: "two", addressed: true });
    await platform.say({ ...inChannel, ...guest, chat: "C1", thread: "1.0", text: "/stop" });
    await platform.say({
      ...inChannel,
      ...guest,
      chat: "C1",
      from: "T2:U8",
      thread: "1.0",
      text: "3",
      addressed: true,
    });
    await settled();
    expect(asked()).toEqual(["one", "3"]);
  });
});
