import { afterEach, beforeEach, expect, test } from "vitest";
import type { PlatformAdapter } from "../../src/platform/platform-adapter.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import { type FakeTelegram, startFakeTelegram } from "../fakes/telegram/fake-telegram.ts";
import { endTelegram, keepLog, type KeptLog, telegramAt } from "./start-telegram.ts";

const GARDEN = -55;

let telegram: FakeTelegram;
let adapter: PlatformAdapter;
let log: KeptLog;
let intake: AbortController;

beforeEach(async () => {
  telegram = await startFakeTelegram({ limits: "off", strict: true });
  log = keepLog();
  adapter = telegramAt(telegram, { log, drafts: true });
  intake = new AbortController();
  telegram.privateChat(telegram.user(7, "Ann"));
  telegram.group(GARDEN, "Garden");
  await adapter.connect(intake.signal);
});

afterEach(() => endTelegram({ telegram, adapter, intake, running: null }));

function to(chat: number): ReplyTarget {
  return { account: adapter.account, chat: String(chat), thread: "", replyTo: null };
}

function payloads() {
  return telegram.calls("sendMessageDraft").map((it) => it.payload);
}

test("a draft grows under one id that the answer's own makes, and can be stopped", async () => {
  const rich = { entities: [{ type: "bold", offset: 0, length: 2 }] };
  await adapter.nativeDraft!.show(to(7), "run_a", { text: "hi", rich });
  await adapter.nativeDraft!.show(to(7), "run_a", { text: "hi there" });
  await adapter.nativeDraft!.show(to(7), "run_b", { text: "ho" });
  const [first, second, other] = payloads();
  expect(first).toEqual({
    chat_id: 7,
    draft_id: expect.any(Number),
    text: "hi",
    entities: rich.entities,
    can_stop: true,
  });
  expect(second).toEqual({ chat_id: 7, draft_id: first?.["draft_id"], text: "hi there", can_stop: true });
  expect(other?.["draft_id"]).not.toBe(first?.["draft_id"]);
  expect(telegram.botMessages(7)).toEqual([]);
});

test("formatting that Telegram does not take is left away, the draft is not", async () => {
  const description = "Bad Request: ENTITY_BOUNDS_INVALID";
  telegram.fault({ kind: "status", status: 400, description, when: (payload) => payload["entities"] !== undefined });
  const rich = { entities: [{ type: "bold", offset: 0, length: 2 }] };
  await adapter.nativeDraft!.show(to(7), "run_a", { text: "hi", rich });
  expect(payloads().at(-1)).toMatchObject({ text: "hi" });
  expect(payloads()).toHaveLength(2);
});

test("there is none in groups, and none anywhere unless the operator wants them", () => {
  expect(adapter.nativeDraft?.mayShow(to(7))).toBe(true);
  expect(adapter.nativeDraft?.mayShow(to(GARDEN))).toBe(false);
  expect(telegramAt(telegram).nativeDraft).toBeUndefined();
});

test("a refusal is certain, and says nothing of other drafts", async () => {
  telegram.fault({ kind: "status", status: 400, description: "Bad Request: something else" });
  const refused = { code: "invalid", delivered: "no" };
  await expect(adapter.nativeDraft!.show(to(7), "run_a", { text: "hi" })).rejects.toMatchObject(refused);
  expect(adapter.nativeDraft!.mayShow(to(7))).toBe(true);
});

test("a server that does not know drafts is asked for no more of them, and named once in the log", async () => {
  telegram.fault({ kind: "status", status: 404, description: "Not Found: method not found", times: 2 });
  const shows = ["run_a", "run_b"].map((id) => adapter.nativeDraft!.show(to(7), id, { text: "hi" }));
  for (const { status, reason } of (await Promise.allSettled(shows)) as PromiseRejectedResult[]) {
    expect([status, reason.code]).toEqual(["rejected", "invalid"]);
  }
  expect(adapter.nativeDraft!.mayShow(to(7))).toBe(false);
  expect(log.lines.filter(({ level }) => level === "warn").map(({ message }) => message)).toEqual([
    "this server of Telegram's Bot API has no drafts",
  ]);
});
