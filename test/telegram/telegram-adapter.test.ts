import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { PlatformAdapter } from "../../src/platform/platform-adapter.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import { type FakeTelegram, startFakeTelegram } from "../fakes/telegram/fake-telegram.ts";
import { endTelegram, ENGLISH_MENU, keepLog, type KeptLog, telegramAt } from "./start-telegram.ts";

const BOLD = { entities: [{ type: "bold", offset: 0, length: 2 }] };

let telegram: FakeTelegram;
let adapter: PlatformAdapter;
let log: KeptLog;
let intake: AbortController;
let running: Promise<void> | null;

beforeEach(async () => {
  telegram = await startFakeTelegram({ limits: "off", timeScale: 0.01, strict: true });
  log = keepLog();
  adapter = telegramAt(telegram, { log });
  intake = new AbortController();
  running = null;
  telegram.privateChat(telegram.user(7, "Ann"));
  telegram.group(-1_000_000_000_002, "Forum", { forum: true });
  telegram.group(-55, "Garden");
  await adapter.connect(intake.signal);
});

afterEach(() => endTelegram({ telegram, adapter, intake, running }));

function to(chat: number, thread = "", replyTo: string | null = null): ReplyTarget {
  return { account: adapter.account, chat: String(chat), thread, replyTo };
}

function payloads(method: string) {
  return telegram.calls(method).map((it) => it.payload);
}

function hasEntities(payload: Record<string, unknown>): boolean {
  return payload["entities"] !== undefined;
}

async function startUntilPolling(): Promise<void> {
  const before = telegram.calls("getMyCommands").length;
  running = adapter.start(() => Promise.resolve(), intake.signal);
  await telegram.until(() => telegram.polling() && telegram.calls("getMyCommands").length > before);
}

/** Another adapter, whose Telegram answers every call with this. */
async function answeredBy(result: unknown, use: (adapter: PlatformAdapter) => Promise<void>): Promise<void> {
  const server = createServer((_, response) => response.end(JSON.stringify({ ok: true, result })));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const apiRoot = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const other = telegramAt(telegram, { apiRoot, log });
  try {
    await use(other);
  } finally {
    await other.close();
    server.closeAllConnections();
    server.close();
  }
}

describe("sending", () => {
  test("security-23: no send and no edit ever shows a link preview", async () => {
    const at = await adapter.send(to(7), { text: "see http://example.com" });
    await adapter.editing!.edit(at, { text: "see http://example.com?x=secret", rich: BOLD });
    for (const payload of [...payloads("sendMessage"), ...payloads("editMessageText")]) {
      expect(payload["link_preview_options"]).toEqual({ is_disabled: true });
    }
  });

  test("an answer in a topic goes there, as a reply, and is sent even if the question is gone", async () => {
    const topic = telegram.topic(-1_000_000_000_002, "Roses");
    const sent = await adapter.send(to(-1_000_000_000_002, String(topic.id), "999"), { text: "hi", rich: BOLD });
    expect(payloads("sendMessage")).toEqual([
      {
        chat_id: -1_000_000_000_002,
        message_thread_id: topic.id,
        reply_parameters: { message_id: 999, allow_sending_without_reply: true },
        text: "hi",
        entities: BOLD.entities,
        link_preview_options: { is_disabled: true },
      },
    ]);
    expect(telegram.botMessages(-1_000_000_000_002, topic.id).map((it) => String(it.messageId))).toEqual([
      sent.messageId,
    ]);
  });

  test.each([
    "can't parse entities: a mistake",
    "entity URL 'http://x' is invalid: Wrong HTTP URL",
    "ENTITY_BOUNDS_INVALID",
    "ENTITIES_TOO_LONG",
  ])("formatting that Telegram does not take is left away, the text is not: %s", async (description) => {
    const refusesEntities = { kind: "status", status: 400, description: `Bad Request: ${description}` } as const;
    telegram.fault({ ...refusesEntities, when: hasEntities, times: Infinity });
    const at = await adapter.send(to(7), { text: "hi there", rich: BOLD });
    await adapter.editing!.edit(at, { text: "hi again", rich: BOLD });
    expect(telegram.botMessages(7)).toMatchObject([{ text: "hi again", entities: [] }]);
    expect(telegram.calls("sendMessage").length).toBe(2);
  });

  test.each(["REPLY_MESSAGE_ID_INVALID", "message to be replied not found"])(
    "an answer to what is gone is posted all the same: %s",
    async (what) => {
      const description = `Bad Request: ${what}`;
      telegram.fault({ kind: "status", status: 400, description, when: (payload) => "reply_parameters" in payload });
      await adapter.send(to(-55, "", "999"), { text: "hi", rich: BOLD });
      expect(telegram.botMessages(-55)).toMatchObject([{ text: "hi", entities: BOLD.entities }]);
      expect(telegram.calls("sendMessage").length).toBe(2);
    },
  );

  test("any other refusal is not tried again", async () => {
    telegram.fault({ kind: "status", status: 400, description: "Bad Request: something else" });
    await expect(adapter.send(to(7), { text: "hi", rich: BOLD })).rejects.toMatchObject({ code: "invalid" });
    expect(telegram.calls("sendMessage").length).toBe(1);
  });

  test("ids that are none are refused without a call", async () => {
    for (const chat of ["", "@name", "7.5", "9".repeat(17), "0"]) {
      const target = { ...to(7), chat };
      await expect(adapter.send(target, { text: "hi" })).rejects.toMatchObject({ code: "invalid", delivered: "no" });
    }
    expect(telegram.calls("sendMessage")).toEqual([]);
  });
});

describe("places", () => {
  test("fault-19: a chat whose person blocked the bot is gone", async () => {
    telegram.blockBot(7);
    await expect(adapter.send(to(7), { text: "hi" })).rejects.toMatchObject({
      code: "forbidden",
      place: { kind: "gone" },
    });
  });

  test("fault-19: a group that has moved says where to", async () => {
    telegram.migrate(-55, -1_000_000_000_055);
    const moved = { place: { kind: "moved", chat: "-1000000000055" }, delivered: "no" };
    await expect(adapter.send(to(-55), { text: "hi" })).rejects.toMatchObject(moved);
    await adapter.send(to(-1_000_000_000_055), { text: "hi" });
  });

  test("fault-19: a topic that is gone, while its chat is not", async () => {
    const topic = telegram.topic(-1_000_000_000_002, "Roses");
    telegram.deleteTopic(-1_000_000_000_002, topic.id);
    const gone = { place: { kind: "thread_gone" }, delivered: "no" };
    await expect(adapter.send(to(-1_000_000_000_002, String(topic.id)), { text: "hi" })).rejects.toMatchObject(gone);
    await adapter.send(to(-1_000_000_000_002), { text: "hi" });
  });
});

describe("editing and removing", () => {
  test("a message that cannot be edited any more is not found", async () => {
    const person = telegram.user(7);
    const said = telegram.say({ chat: 7, from: person, text: "not the bot's" });
    const at = { account: adapter.account, chat: "7", messageId: String(said.messageId) };
    await expect(adapter.editing!.edit(at, { text: "x" })).rejects.toMatchObject({ code: "not_found" });
  });

  test("what may not be removed is said, what is gone is done", async () => {
    const at = await adapter.send(to(7), { text: "hi" });
    telegram.fault({ kind: "status", status: 400, description: "Bad Request: message can't be deleted for everyone" });
    await expect(adapter.editing!.remove(at)).rejects.toMatchObject({ code: "forbidden" });
    await adapter.editing!.remove(at);
    await adapter.editing!.remove(at);
    expect(telegram.botMessages(7)).toEqual([]);
  });
});

describe("typing", () => {
  test("in a topic, and in General once it is known that the chat has topics", async () => {
    const chat = telegram.chat(-1_000_000_000_002);
    const topic = telegram.topic(chat, "Roses");
    const seen: string[] = [];
    running = adapter.start((update) => {
      seen.push(update.kind);
      return Promise.resolve();
    }, intake.signal);
    telegram.say({ chat, from: telegram.user(7), text: "hello" });
    await expect.poll(() => seen).toContain("message");
    await adapter.typing!.show(to(chat.id, String(topic.id)));
    await adapter.typing!.show(to(chat.id));
    await adapter.typing!.show(to(7));
    expect(payloads("sendChatAction")).toEqual([
      { chat_id: chat.id, action: "typing", message_thread_id: topic.id },
      { chat_id: chat.id, action: "typing", message_thread_id: 1 },
      { chat_id: 7, action: "typing" },
    ]);
  });
});

describe("connecting", () => {
  test("the account is the bot's id", () => {
    expect(adapter.account).toBe(`telegram:${telegram.botId}`);
  });

  test("the privacy mode is warned of", async () => {
    expect(log.lines.map((it) => it.level)).toEqual(["info"]);
    const me = { id: 5, is_bot: true, username: "ShyBot", can_join_groups: true, can_read_all_group_messages: false };
    await answeredBy(me, (shy) => shy.connect(intake.signal));
    expect(log.lines.map((it) => it.level)).toEqual(["info", "info", "warn"]);
  });

  test("fault-20: a bad token is fatal, a Telegram that is away is not", async () => {
    const stranger = telegramAt(telegram, { token: "4711000009:AAnobodyKnowsThisTokenNobodyKnowsIt1" });
    await expect(stranger.connect(intake.signal)).rejects.toMatchObject({ code: "unauthorized" });
    await stranger.close();
    telegram.fault({ kind: "html-502", method: "getMe" });
    await expect(adapter.connect(intake.signal)).rejects.toMatchObject({ code: "unavailable" });
  });

  test("an answer that names no bot is no connection", async () => {
    for (const result of [true, null, {}, { id: "5" }, { id: 5 }]) {
      await answeredBy(result, async (nobody) => {
        await expect(nobody.connect(intake.signal)).rejects.toMatchObject({ code: "unavailable" });
        expect(() => nobody.account).toThrow("not connected");
      });
    }
  });
});

describe("the menus of commands", () => {
  const GERMAN = {
    language: "de",
    commands: [
      { word: "new", description: "Neues Gespräch" },
      { word: "link", description: "Verbinden", privateOnly: true as const },
    ],
  };
  const key = (scope: string, language = "") => `{"type":"${scope}"} ${language}`;

  test("are set once for private chats and groups, and not again while they stay the same", async () => {
    await startUntilPolling();
    await telegram.until(() => telegram.calls("setMyCommands").length === 2);
    const { commands } = telegram.bots[0]!;
    const english = ENGLISH_MENU.commands.map(({ word, description }) => ({ command: word, description }));
    expect([...commands]).toEqual([
      [key("all_private_chats"), english],
      [key("all_group_chats"), english],
    ]);
    intake.abort();
    await running;
    intake = new AbortController();
    await startUntilPolling();
    await telegram.until(() => telegram.calls("getMyCommands").length === 4);
    intake.abort();
    await running;
    expect(telegram.calls("setMyCommands").length).toBe(2);
  });

  test("are there in each language, without what a group cannot do, and set again only where they differ", async () => {
    const { commands } = telegram.bots[0]!;
    commands.set(key("all_private_chats"), [{ command: "start", description: "Begin" }]);
    commands.set(key("all_group_chats", "de"), [{ command: "new", description: "Neues Gespräch" }]);
    await adapter.close();
    adapter = telegramAt(telegram, { log, menus: [ENGLISH_MENU, GERMAN] });
    await adapter.connect(intake.signal);
    await startUntilPolling();
    await telegram.until(() => telegram.calls("getMyCommands").length === 4);
    await telegram.until(() => telegram.calls("setMyCommands").length === 3);
    expect(commands.get(key("all_private_chats", "de"))).toEqual([
      { command: "new", description: "Neues Gespräch" },
      { command: "link", description: "Verbinden" },
    ]);
    expect(commands.get(key("all_group_chats", "de"))).toEqual([{ command: "new", description: "Neues Gespräch" }]);
  });

  test("are not needed for anything else", async () => {
    telegram.fault({ kind: "html-502", method: "getMyCommands" });
    await startUntilPolling();
    await expect.poll(() => log.lines.map((it) => it.message)).toContain("the menu of commands could not be set");
  });
});
