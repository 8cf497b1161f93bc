import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { type Hold, hold, type ScriptedModel, scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway | null = null;
let platform: FakePlatform;
let model: ScriptedModel;

beforeEach(async () => {
  database = await createTestDatabase();
  platform = new FakePlatform({ platform: "slack", commandSign: "/parley " });
});

afterEach(async () => {
  await running?.stop(0);
  running = null;
  await database.drop();
});

async function start(...steps: Parameters<typeof scriptedModel>): Promise<void> {
  model = scriptedModel(...steps);
  running = await startTestGateway({ url: database.url, model, adapters: [platform], onBusy: "queue" });
  await platform.listening();
}

const db = () => running!.database.db;
const channel = { chat: "C1", kind: "group" } as const;
const ofChat = { text: "/stop", ofChat: true } as const;

async function places(): Promise<number> {
  return (await db().selectFrom("places").selectAll().execute()).length;
}

/** What the bot said last in a chat, outside of all threads. */
async function told(chat: string, count = 1): Promise<string> {
  await until("an answer", () => platform.messages(chat, "").length === count);
  return platform.messages(chat, "").at(-1)!.text;
}

/** A message in a thread of its own, whose answer has begun. */
async function ask(where: { chat: string; kind?: "group"; thread: string; from: string }, pause: Hold): Promise<void> {
  await platform.say({ ...where, text: `by ${where.from}`, addressed: true });
  await pause.reached;
}

describe("a command that names a chat and no thread", () => {
  it.each([
    ["status", /^No talk is open here yet/],
    ["sessions", /^No talk is open here yet/],
    ["help", /^\/parley start – .*\/parley stop – .*No talk is open here yet/s],
    ["start", /No talk is open here yet/],
    ["new", /a new message begins a new one\.$/],
    ["stop", /^Nothing is running\.$/],
    ["dance", /^I do not know that command\. \/parley help lists/],
  ])("/%s says so where nobody has talked, in private and in a group, and makes no place", async (word, says) => {
    await start();
    await platform.say({ ...channel, ...ofChat, from: "T1:U1", text: `/${word}`, messageId: "https://respond" });
    await platform.say({ chat: "D1", ...ofChat, from: "T1:U1", text: `/${word}`, messageId: "https://respond" });
    expect(await told("C1")).toMatch(says);
    expect(await told("D1")).toMatch(says);
    expect(platform.messages("C1")[0]).toMatchObject({ thread: "", replyTo: "https://respond" });
    // Also in private: the bot may not be part of a talk between two people.
    expect(platform.messages("D1")[0]).toMatchObject({ thread: "", replyTo: "https://respond" });
    expect(await places()).toBe(0);
  });

  it("is about the talk that was used last: in private the person's, in a group anybody's", async () => {
    await start("Answer.", "Answer.", "Answer.");
    for (const [chat, kind, thread] of [
      ["D1", "private", "1.0"],
      ["D1", "private", "2.0"],
      ["C1", "group", "3.0"],
    ] as const) {
      await platform.say({ chat, kind, thread, from: "T1:U1", text: `about ${thread}`, addressed: true });
      await until("the answer", () => platform.messages(chat, thread).some(({ text }) => text === "Answer."));
    }
    await platform.say({ chat: "D1", ...ofChat, from: "T1:U1", text: "/status" });
    await platform.say({ ...channel, ...ofChat, from: "T1:U2", text: "/status" });
    expect(await told("D1")).toContain("about 2.0");
    expect(await told("C1")).toContain("about 3.0");
    await platform.say({ chat: "D1", ...ofChat, from: "T1:U1", text: "/new" });
    expect(await told("D1", 2)).toMatch(/^A new talk begins.* \/parley sessions brings it back\.$/);
    model.push("Afresh.");
    await platform.say({ chat: "D1", thread: "2.0", from: "T1:U1", text: "and?" });
    await until("the answer", () => model.requests.length === 4);
    expect(model.requests[3]?.messages).toHaveLength(1);
    expect(await places()).toBe(3);
  });
});

describe("/stop of a chat", () => {
  it("ends in a group every answer that this person asked for, and nobody else's", async () => {
    const pauses = [hold(), hold(), hold()] as const;
    await start(...pauses.map((pause) => ["It begins", pause, "Answer."]));
    await ask({ ...channel, thread: "1.0", from: "T1:U1" }, pauses[0]);
    await ask({ ...channel, thread: "2.0", from: "T1:U2" }, pauses[1]);
    await ask({ chat: "C2", kind: "group", thread: "1.0", from: "T1:U1" }, pauses[2]);
    // What others wait for in the same thread is none of this person's.
    await platform.say({ ...channel, thread: "1.0", from: "T1:U2", text: "later", addressed: true });
    await platform.say({ ...channel, thread: "1.0", from: "T1:U1", text: "mine", addressed: true });
    model.push("Later.");
    await platform.say({ ...channel, ...ofChat, from: "T1:U1" });
    expect(await told("C1")).toBe("⏹ Stopped. 1 message that waited will not be answered.");
    await until("the next answer", () => platform.messages("C1", "1.0").some(({ text }) => text === "Later."));
    const states = await db().selectFrom("runs").select(["state", "end_reason"]).orderBy("started_at").execute();
    expect(states.map((run) => `${run.state} ${run.end_reason}`)).toEqual([
      "cancelled stop",
      "running null",
      "running null",
      "completed stop",
    ]);
    pauses[1].release();
    pauses[2].release();
  });

  it("ends in private all of this person's answers there, and what waits behind them", async () => {
    const pauses = [hold(), hold(), hold()] as const;
    await start(...pauses.map((pause) => ["It begins", pause, "Answer."]));
    await ask({ chat: "D1", thread: "1.0", from: "T1:U1" }, pauses[0]);
    await ask({ chat: "D1", thread: "2.0", from: "T1:U1" }, pauses[1]);
    await ask({ chat: "D2", thread: "1.0", from: "T1:U2" }, pauses[2]);
    await platform.say({ chat: "D1", thread: "2.0", from: "T1:U1", text: "more" });
    await platform.say({ chat: "D1", ...ofChat, from: "T1:U1" });
    expect(await told("D1")).toBe("⏹ Stopped. 1 message that waited will not be answered.");
    await until("the model to be left", () => model.open === 1);
    const lanes = () => db().selectFrom("lanes").selectAll().execute();
    await until("the work to be done", async () => (await lanes()).length === 1);
    await platform.say({ chat: "D1", ...ofChat, from: "T1:U1" });
    expect(await told("D1", 2)).toBe("Nothing is running.");
    pauses[2].release();
  });
});
