import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { textOf } from "../../src/agent/message.ts";
import type { ModelRequest } from "../../src/agent/model-client.ts";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { callTool, hold, scriptedModel } from "../fakes/scripted-model.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway | null = null;
let platform: FakePlatform;

beforeEach(async () => {
  database = await createTestDatabase();
  platform = new FakePlatform();
});

afterEach(async () => {
  await running?.stop();
  running = null;
  await database.drop();
});

async function start(options: Omit<Parameters<typeof startTestGateway>[0], "url" | "adapters">): Promise<void> {
  running = await startTestGateway({ url: database.url, adapters: [platform], ...options });
  await platform.listening();
}

const shown = (chat = "7") => platform.messages(chat).map(({ text }) => text);
const shows = (text: string, chat = "7") => until(text, () => shown(chat).includes(text));
const say = async (text: string, chat = "7") => (await platform.say({ chat, from: "7", text })) as Message;
type Message = Extract<IncomingUpdate, { kind: "message" | "command" }>;
const sent = (request: ModelRequest | undefined) =>
  (request?.messages ?? []).map((message) => `${message.role}: ${textOf(message)}`);

const LONG = "Here is something long enough to be shown";
const QUEUED = "⏳ I answer this after the running one.";
const STEERED = "↪ Taken into the running answer.";
const REFUSED = "✋ I am still answering, and take no more until that is done. Please send this again then.";

describe("steer", () => {
  it("lets a message join the run after the tools of the step, where it stays in the history", async () => {
    const pause = hold();
    const tools = scriptedTools({ look: { answer: () => pause.enter().then(() => "rain") } });
    // It looks again until it was told of Oslo, however late that is noticed.
    const next = (request: ModelRequest) =>
      sent(request).includes("user: and in Oslo?") ? "Rain in both." : callTool("look", { at: model.requests.length });
    const model = scriptedModel([LONG, callTool("look")], ...Array.from({ length: 8 }, () => next));
    await start({ model, tools, onBusy: "steer" });
    await say("weather in Rome?");
    await pause.reached;
    await say("and in Oslo?");
    pause.release();
    await shows(`${LONG}\n\nRain in both.`);
    await until("the receipt", () => shown().length === 2);
    expect(shown()).toEqual([`${LONG}\n\nRain in both.`, STEERED]);
    const block = sent(model.requests.at(-1));
    expect(block.slice(-2)).toEqual(["tool: ", "user: and in Oslo?"]);
    await until("the end", async () => (await open()) === 0);
    await say("sure?");
    await until("another answer", () => shown().length === 3);
    expect(sent(model.requests.at(-1))).toEqual([...block, "assistant: Rain in both.", "user: sure?"]);
    const rows = await messages();
    expect(rows.map(({ message_id }) => message_id)).toEqual(expect.arrayContaining(await inboxIds()));
  });

  it("makes a message that comes with the last words the next turn", async () => {
    const pause = hold();
    const model = scriptedModel([LONG, pause], "To that as well.");
    await start({ model, onBusy: "steer" });
    await say("one");
    await shows(LONG);
    await say("two");
    pause.release();
    await shows("To that as well.");
    expect(shown()).toEqual([LONG, "To that as well."]);
    expect(sent(model.requests[1])).toEqual(["user: one", `assistant: ${LONG}`, "user: two"]);
  });
});

describe("queue", () => {
  it("tells those who wait that they do, once, and takes it back when their turn comes", async () => {
    const pause = hold();
    await start({ model: scriptedModel([LONG, pause], "Both, then."), onBusy: "queue" });
    await say("one");
    await shows(LONG);
    await say("two");
    await say("three");
    await shows(QUEUED);
    expect(shown()).toEqual([LONG, QUEUED]);
    pause.release();
    await shows("Both, then.");
    await until("the receipt to go", () => !shown().includes(QUEUED));
    expect(shown()).toEqual([LONG, "Both, then."]);
  });

  it("takes it back as well when what waits is withdrawn", async () => {
    const pause = hold();
    await start({ model: scriptedModel([LONG, pause]), onBusy: "queue" });
    await say("one");
    await shows(LONG);
    await say("two");
    await shows(QUEUED);
    await say("/stop");
    await until("the receipt to go", () => !shown().includes(QUEUED));
    await shows(`${LONG}\n\n⏹ Stopped.`);
    await until("the command's answer", () => shown().length === 2);
    expect(shown()).toEqual([`${LONG}\n\n⏹ Stopped.`, "⏹ Stopped. 1 message that waited will not be answered."]);
  });

  it("keeps it while another message waits than the one that is taken back", async () => {
    const pause = hold();
    const model = scriptedModel([LONG, pause]);
    await start({ model, onBusy: "queue" });
    await say("one");
    await shows(LONG);
    const [two, three] = [await say("two"), await say("three")];
    await shows(QUEUED);
    await takeBack(two);
    expect(await receipts()).toEqual([{ remove: false }]);
    await takeBack(three);
    await until("the receipt to go", () => !shown().includes(QUEUED));
    expect(await receipts()).toEqual([{ remove: true }]);
    pause.release();
    await until("the end", async () => (await open()) === 0);
    expect(shown()).toEqual([LONG]);
    expect(model.requests).toHaveLength(1);
  });

  it("keeps it while somebody else waits in the group of whom stops for themselves", async () => {
    const pause = hold();
    await start({ model: scriptedModel([LONG, pause], "To Cem, then."), onBusy: "queue" });
    const group = { chat: "-5", kind: "group", addressed: true } as const;
    await platform.say({ ...group, from: "1", text: "one" });
    await shows(LONG, "-5");
    await platform.say({ ...group, from: "2", text: "two" });
    await platform.say({ ...group, from: "3", text: "three" });
    await shows(QUEUED, "-5");
    await platform.say({ ...group, from: "2", text: "/stop", ofChat: true });
    expect(await receipts()).toEqual([{ remove: false }]);
    pause.release();
    await shows("To Cem, then.", "-5");
    await until("the receipt to go", () => !shown("-5").includes(QUEUED));
  });

  it("lets a message join the turn of which nothing was said yet", async () => {
    const never = hold();
    const model = scriptedModel([never], "Both answered.");
    await start({ model, onBusy: "queue" });
    await say("one");
    await never.reached;
    await say("two");
    await shows("Both answered.");
    expect(shown()).toEqual(["Both answered."]);
    expect(sent(model.requests[1])).toEqual(["user: one", "user: two"]);
  });
});

describe("reject", () => {
  it("refuses what comes meanwhile, says so, and takes the next message after the answer", async () => {
    const pause = hold();
    const model = scriptedModel([LONG, pause], "Now.");
    await start({ model, onBusy: "reject" });
    await say("one");
    await shows(LONG);
    await say("two");
    await shows(REFUSED);
    pause.release();
    await until("the end", async () => (await open()) === 0);
    await say("three");
    await shows("Now.");
    expect(shown()).toEqual([LONG, REFUSED, "Now."]);
    expect(sent(model.requests[1])).toEqual(["user: one", `assistant: ${LONG}`, "user: three"]);
  });
});

describe("parallel", () => {
  it("answers side by side, each answer to its message, and keeps each block together in the order of completion", async () => {
    const pauses = [hold(), hold(), hold()] as const;
    const model = scriptedModel(...pauses.map((pause, at) => [`${LONG} (${at + 1})`, pause]), "All is said.");
    await start({ model, onBusy: "parallel" });
    const asked: string[] = [];
    for (const [at] of pauses.entries()) {
      const update = await say(`question ${at + 1}`);
      asked.push("messageId" in update ? update.messageId : "");
      await shows(`${LONG} (${at + 1})`);
    }
    expect(platform.messages("7").map(({ replyTo }) => replyTo)).toEqual(asked);
    for (const at of [2, 0, 1]) {
      pauses[at]!.release();
      await until("its merge", async () => (await open()) === 2 - [2, 0, 1].indexOf(at));
    }
    await say("so?");
    await shows("All is said.");
    const order = [3, 1, 2].flatMap((no) => [`user: question ${no}`, `assistant: ${LONG} (${no})`]);
    expect(sent(model.requests[3])).toEqual([...order, "user: so?"]);
    expect(await lanes()).toBe(0);
  });

  it("has four answers at once at most, and stops them all at one word", async () => {
    const model = scriptedModel(...Array.from({ length: 5 }, (_, at) => [`${LONG} (${at + 1})`, hold()]));
    await start({ model, onBusy: "parallel" });
    for (let no = 1; no <= 4; no++) {
      await say(`question ${no}`);
      await shows(`${LONG} (${no})`);
    }
    await say("question 5");
    await until("it to wait", async () => (await waiting()) === 1);
    await say("/stop");
    await until("the end", async () => (await open()) === 0);
    expect(model.requests).toHaveLength(4);
    await until("the marks", () => shown().filter((text) => text.endsWith("⏹ Stopped.")).length === 4);
  });
});

const db = () => running!.database.db;

async function waiting(): Promise<number> {
  return (await db().selectFrom("inbox").selectAll().where("state", "=", "waiting").execute()).length;
}

async function open(): Promise<number> {
  return (await db().selectFrom("runs").selectAll().where("state", "=", "running").execute()).length;
}

async function lanes(): Promise<number> {
  return (await db().selectFrom("lanes").selectAll().execute()).length;
}

async function messages() {
  return db().selectFrom("messages").select(["message_id", "role"]).where("role", "=", "user").orderBy("seq").execute();
}

async function inboxIds() {
  return (await db().selectFrom("inbox").select("message_id").execute()).map(({ message_id }) => message_id);
}

const receipts = () => db().selectFrom("outbox").select("remove").where("kind", "=", "receipt").execute();

/** Deletes what was said, as its author. */
async function takeBack({ account, place, sender, messageId }: Message): Promise<void> {
  await platform.deliver({ kind: "deleted", account, key: `del:${messageId}`, place, sender, messageId });
}
