import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NO_SETTINGS } from "../../src/agent/agent-settings.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { failWith, hold, type ScriptedModel, scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, type TestGatewayOptions, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway | null = null;
let platform: FakePlatform;
let model: ScriptedModel;

beforeEach(async () => {
  database = await createTestDatabase();
  platform = new FakePlatform({ buttons: true, feedback: "message", textLimit: 60 });
});

afterEach(async () => {
  await running?.stop(0);
  running = null;
  await database.drop();
});

const ANN = { chat: "C1", from: "U1" } as const;
const GROUP = { chat: "G1", kind: "group", thread: "1.0" } as const;

async function start(
  steps: Parameters<typeof scriptedModel>,
  options: Partial<TestGatewayOptions> = {},
): Promise<void> {
  model = scriptedModel(...steps);
  running = await startTestGateway({ url: database.url, model, adapters: [platform], ...options });
  await platform.listening();
}

interface Thumbs {
  messageId: string;
  up: string;
  down: string;
  chosen: "up" | "down" | null;
}

/** The thumbs that stand in a chat. */
function thumbs(chat: string = ANN.chat): Thumbs[] {
  return platform.messages(chat).flatMap(({ messageId, rich }) => {
    const { up, down, chosen } = (rich ?? {}) as Partial<Thumbs>;
    return up === undefined ? [] : [{ messageId, up, down: down!, chosen: chosen! }];
  });
}

async function answer(
  text = "Berlin.",
  where: { chat: string; kind?: "group"; thread?: string } = ANN,
): Promise<Thumbs> {
  model.push(text);
  const before = thumbs(where.chat).length;
  await platform.say({ ...where, from: "U1", text: "tell me", addressed: true });
  await until("the thumbs", () => thumbs(where.chat).length === before + 1);
  return thumbs(where.chat).at(-1)!;
}

const votes = () =>
  running!.database.db
    .selectFrom("feedback")
    .select(["rating", "comment", "source", "agent", "user_id"])
    .orderBy("created_at")
    .execute();
const chosen = (vote: "up" | "down" | null) => until(`${vote} is marked`, () => thumbs().at(-1)?.chosen === vote);

describe("thumbs under an answer", () => {
  it("stand under the last page of a whole answer, from its final edit on", async () => {
    const pause = hold();
    await start([
      ["This is the first part of it,", pause, " which goes on for so long that it needs a second message."],
    ]);
    await platform.say({ ...ANN, text: "tell me" });
    await until("a first text", () => platform.messages("C1").length === 1);
    expect(thumbs()).toEqual([]);
    pause.release();
    await until("the thumbs", () => thumbs().length === 1);
    const [first, last] = platform.messages("C1");
    expect(first?.rich).toBeUndefined();
    expect(thumbs()[0]).toMatchObject({ messageId: last!.messageId, chosen: null });
    expect(platform.messages("C1")).toHaveLength(2);
  });

  it("stand there after a take-over, and under nothing but answers", async () => {
    await start([["This is the first part of it,", hold()]]);
    await platform.say({ ...ANN, text: "tell me" });
    await until("a first text", () => platform.messages("C1").length === 1);
    await running!.stop(0);
    await start([["This is the first part of it, and the rest."], failWith("refused")]);
    await until("the thumbs", () => thumbs().length === 1);
    expect(platform.messages("C1").map(({ text }) => text)).toEqual(["This is the first part of it, and the rest."]);
    await platform.say({ ...ANN, text: "once more" });
    await platform.say({ ...ANN, text: "/status" });
    await until("both", () => platform.messages("C1").length === 3);
    expect(thumbs()).toHaveLength(1);
  });

  it("stand in groups only where everybody sees their own vote, or the operator wants them", async () => {
    const off = { ...NO_SETTINGS, places: new Map([["telegram:C1", { feedback: false }]]) };
    await start(["One.", "Two."], { settings: off });
    await platform.say({ ...ANN, text: "tell me" });
    await platform.say({ ...GROUP, from: "U1", text: "tell me", addressed: true });
    await until("the answers", () => platform.messages("C1").length + platform.messages("G1").length === 2);
    expect([...thumbs("C1"), ...thumbs("G1")]).toEqual([]);
    await running!.stop();
    await start([], {
      settings: { ...NO_SETTINGS, agents: new Map([["tester", { feedback: true }]]), feedback: false },
    });
    await answer("Three.", GROUP);
  });
});

describe("a press of a thumb", () => {
  it("is a vote that another one changes and the same one takes back, and shows", async () => {
    await start([]);
    const { messageId, up, down } = await answer();
    await platform.press({ ...ANN, messageId, value: up });
    await chosen("up");
    expect(await votes()).toMatchObject([{ rating: 1, source: "telegram", agent: "tester" }]);
    await platform.press({ ...ANN, messageId, value: down });
    await chosen("down");
    expect(await votes()).toMatchObject([{ rating: -1 }]);
    await platform.press({ ...ANN, messageId, value: down });
    await chosen(null);
    expect(await votes()).toEqual([]);
    expect(platform.told).toEqual(["U1: Thank you!", "U1: Thank you, that helps.", "U1: Your vote is taken back."]);
    const counted = (await running!.metrics.feedback.get()).values.map(({ labels, value }) => [labels.rating, value]);
    expect(counted).toEqual([
      ["up", 1],
      ["down", 1],
    ]);
  });

  it("counts on another replica, after a restart, and once however often it is delivered", async () => {
    await start([]);
    const { messageId, up } = await answer();
    await running!.stop(0);
    await start([]);
    const update = await platform.press({ ...ANN, messageId, value: up });
    await platform.deliver(update);
    await chosen("up");
    expect(await votes()).toMatchObject([{ rating: 1 }]);
  });

  it("security-12: does nothing for strangers, elsewhere, and with a forged value", async () => {
    await start([], { access: { mode: "allowlist", allowedUsers: new Set(["telegram:U1", "telegram:U3"]) } });
    const { messageId, up } = await answer();
    const [, token = ""] = up.split(":");
    const stopped = up.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
    for (const press of [
      { ...ANN, from: "U2", value: up },
      { ...ANN, from: "U3", value: up },
      { ...ANN, chat: "C2", value: up },
      { ...ANN, value: stopped },
      { ...ANN, value: `vote-up:${token}x` },
      { ...ANN, value: "vote-up:" },
    ]) {
      await platform.press({ messageId, ...press });
    }
    expect(await votes()).toEqual([]);
    expect(model.requests).toHaveLength(1);
  });

  it("security-13: in a group is everybody's own, and marks nobody's for all", async () => {
    await start([], { settings: { ...NO_SETTINGS, feedback: true } });
    const { messageId, up, down } = await answer("Berlin.", GROUP);
    await platform.press({ ...GROUP, from: "U1", messageId, value: up });
    await platform.press({ ...GROUP, from: "U2", messageId, value: down });
    const cast = await votes();
    expect(cast.map(({ rating }) => rating)).toEqual([1, -1]);
    expect(new Set(cast.map(({ user_id }) => user_id)).size).toBe(2);
    expect(thumbs("G1")[0]).toMatchObject({ chosen: null });
    expect(platform.messages("G1")).toHaveLength(1);
  });
});

describe("why an answer is not liked", () => {
  it("is asked in a message, whose answer goes to the vote and not to the agent", async () => {
    await start([]);
    const { messageId, down } = await answer();
    await platform.press({ ...ANN, messageId, value: down });
    await until("the question", () => platform.messages("C1").length === 2);
    const question = platform.messages("C1")[1]!;
    expect(question).toMatchObject({ rich: { hint: "What was wrong?" } });
    await platform.say({ ...ANN, text: "It is Bonn", answers: question.messageId });
    await until("thanks", () => platform.messages("C1").length === 3);
    expect(await votes()).toMatchObject([{ rating: -1, comment: "It is Bonn" }]);
    expect(model.requests).toHaveLength(1);
    // What is answered once is a message like any other.
    model.push("Yes?");
    await platform.say({ ...ANN, text: "and Ulm?", answers: question.messageId });
    await until("an answer", () => model.requests.length === 2);
  });

  it("is asked no more once the vote is another one, and what was said of it goes with it", async () => {
    await start([]);
    const { messageId, up, down } = await answer();
    await platform.press({ ...ANN, messageId, value: down });
    await until("the question", () => platform.messages("C1").length === 2);
    const { messageId: question } = platform.messages("C1")[1]!;
    await platform.press({ ...ANN, messageId, value: up });
    await until("the question is gone", () => platform.messages("C1").length === 1);
    model.push("Yes?");
    await platform.say({ ...ANN, text: "It is Bonn", answers: question });
    await until("an answer", () => model.requests.length === 2);
    expect(await votes()).toMatchObject([{ rating: 1, comment: null }]);
  });

  it("is asked in a form, of each person in a group for themselves", async () => {
    platform = new FakePlatform({ platform: "slack", buttons: true, feedback: "form" });
    await start([]);
    const { messageId, down } = await answer("Berlin.", GROUP);
    await platform.press({ ...GROUP, from: "T1:U2", messageId, value: down });
    await until("the form", () => platform.told.length === 1);
    expect(platform.told).toEqual([`T1:U2 is asked: ${down}`]);
    const filled = (from: string, key: string) =>
      platform.deliver({
        kind: "reason",
        account: platform.account,
        key,
        place: { kind: "group", chat: "G1", thread: "1.0", title: "" },
        sender: { id: from, name: from },
        value: down,
        text: `from ${from}`,
      });
    await filled("T1:U3", "k1");
    await filled("T1:U2", "k2");
    expect(await votes()).toMatchObject([{ rating: -1, source: "slack", comment: "from T1:U2" }]);
  });
});
