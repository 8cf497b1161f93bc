import { afterEach, beforeEach, expect, test } from "vitest";
import type { Accept, PlatformAdapter, SentMessage } from "../../src/platform/platform-adapter.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import { type FakeTelegram, startFakeTelegram } from "../fakes/telegram/fake-telegram.ts";
import { endTelegram, keepLog, type KeptLog, telegramAt } from "./start-telegram.ts";

const VALUE = "stop:run_0123456789abcdef0123456789abcdef";

let telegram: FakeTelegram;
let adapter: PlatformAdapter;
let log: KeptLog;
let intake: AbortController;
let running: Promise<void> | null;
let now: number;

beforeEach(async () => {
  now = Date.UTC(2026, 0, 1);
  telegram = await startFakeTelegram({ limits: "off", timeScale: 0.01, strict: true, now: () => now });
  log = keepLog();
  adapter = telegramAt(telegram, { log });
  intake = new AbortController();
  running = null;
  telegram.privateChat(telegram.user(7, "ann"));
  await adapter.connect(intake.signal);
});

afterEach(() => endTelegram({ telegram, adapter, intake, running }));

function toAnn(): ReplyTarget {
  return { account: adapter.account, chat: "7", thread: "", replyTo: null };
}

async function answerWithButton(): Promise<SentMessage> {
  const [page] = adapter.render("half an **answer**");
  return adapter.send(toAnn(), adapter.buttons!.withStop(page!, VALUE, "Стоп"));
}

async function start(accept: Accept): Promise<void> {
  running = adapter.start(accept, intake.signal);
  await telegram.until(() => telegram.polling());
}

function press(at: SentMessage): string {
  const messageId = Number(at.messageId);
  return telegram.pressButton({ chat: 7, from: telegram.user(7), messageId, data: VALUE }).queryId;
}

test("a growing answer has its button until the edit that is the last", async () => {
  const at = await answerWithButton();
  const [whole] = adapter.render("half an **answer**, whole");
  await adapter.editing!.edit(at, adapter.buttons!.withStop(whole!, VALUE, "Стоп"));
  await adapter.editing!.edit(at, whole!);
  expect(telegram.transcript(7)).toEqual([
    "bot#1: half an answer\n    [Стоп]",
    "bot#1~ half an answer, whole\n    [Стоп]",
    "bot#1~ half an answer, whole",
  ]);
  expect(telegram.botMessages(7)[0]?.entities).toMatchObject([{ type: "bold" }]);
});

test("the button stays when the formatting is not taken", async () => {
  telegram.fault({ kind: "status", status: 400, description: "Bad Request: ENTITIES_TOO_LONG" });
  await answerWithButton();
  expect(telegram.botMessages(7)[0]?.entities).toEqual([]);
  expect(telegram.transcript(7)).toEqual(["bot#1: half an answer\n    [Стоп]"]);
});

test("a value that a button cannot carry is a mistake of ours", () => {
  for (const value of ["", "x".repeat(65), "ü"]) {
    expect(() => adapter.buttons!.withStop({ text: "hi" }, value, "Stop")).toThrow("64 characters");
  }
});

test("a press is answered at once, before it is stored", async () => {
  const at = await answerWithButton();
  const seen: unknown[] = [];
  await start((update) => {
    seen.push(update);
    return new Promise(() => {});
  });
  const query = press(at);
  await telegram.until(() => telegram.answered(query) && seen.length === 1);
  expect(seen).toMatchObject([{ kind: "press", value: VALUE, messageId: at.messageId, sender: { id: "7" } }]);
  expect(telegram.pendingUpdates()).toBe(1);
});

test("a press counts although nobody could be told so in time", async () => {
  const at = await answerWithButton();
  const seen: string[] = [];
  await start(async (update) => void seen.push(update.kind));
  telegram.fault({
    kind: "status",
    status: 400,
    method: "answerCallbackQuery",
    description: "Bad Request: query is too old and response timeout expired or query ID is invalid",
  });
  press(at);
  await telegram.until(() => telegram.pendingUpdates() === 0 && seen.length === 1);
  expect(seen).toEqual(["press"]);
  await expect.poll(() => log.lines.map((it) => it.message)).toContain("the press of a button was not answered");
});
