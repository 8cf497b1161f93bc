import * as fc from "fast-check";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readTelegramUpdate } from "../../adapters/telegram/read-telegram-update.ts";
import type { TelegramBot } from "../../adapters/telegram/telegram-content.ts";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";

const BOT: TelegramBot = { id: 4711, username: "ParleyBot", topics: false };

interface Fixture {
  about: string;
  topics?: boolean;
  update: { message?: Record<string, unknown> };
  read: IncomingUpdate;
}

function fixture(name: string): Fixture {
  return JSON.parse(readFileSync(new URL(`updates/${name}`, import.meta.url), "utf8")) as Fixture;
}

const names = readdirSync(new URL("updates/", import.meta.url)).toSorted();

describe("an update as the documentation describes it", () => {
  test.each(names.map((name) => [name.replace(".json", ""), fixture(name).about, name]))("%s: %s", (_, __, name) => {
    const { update, read, topics = false } = fixture(name);
    expect(readTelegramUpdate(update, { ...BOT, topics })).toEqual(read);
  });

  test("there are fixtures of every kind of reading", () => {
    const kinds = new Set(names.map((name) => fixture(name).read.kind));
    const all = ["command", "edited", "ignored", "membership", "message", "other", "place_moved", "press"];
    expect([...kinds].toSorted()).toEqual(all);
  });
});

test("security-11: a person is known by an id that cannot be chosen, whatever names they take", () => {
  const { update } = fixture("private-text.json");
  const impostor = {
    ...update.message,
    from: { id: 8, is_bot: false, first_name: "Ann", last_name: "Lee", username: "7" },
  };
  expect(readTelegramUpdate({ update_id: 1, message: impostor }, BOT)).toMatchObject({
    sender: { id: "8", name: "Ann Lee" },
  });
});

test("the language of an app is kept only where it looks like one", () => {
  const { update } = fixture("private-text.json");
  const languageOf = (language_code: unknown) => {
    const from = { id: 8, is_bot: false, first_name: "Ann", language_code };
    const read = readTelegramUpdate({ update_id: 1, message: { ...update.message, from } }, BOT);
    return read?.kind === "message" ? read.sender.language : null;
  };
  expect(["de", "pt-br", "zh-hans"].map(languageOf)).toEqual(["de", "pt-br", "zh-hans"]);
  for (const odd of [undefined, "", 5, "english please", "e", "x".repeat(50)]) expect(languageOf(odd)).toBeUndefined();
});

test("a file is not lost to the command in its caption", () => {
  const { update } = fixture("photo.json");
  const sent = (caption: string, chat: object) => {
    const caption_entities = [{ type: "bot_command", offset: 0, length: caption.split(" ")[0]!.length }];
    const message = { ...update.message, caption, caption_entities, ...chat };
    return readTelegramUpdate({ update_id: 1, message }, BOT);
  };
  const group = { chat: { id: -5, type: "group", title: "Garden" } };
  const files = [{ ref: "AgAC" }];
  expect(sent("/new what is this?", {})).toMatchObject({ kind: "message", text: "/new what is this?", files });
  expect(sent("/new@ParleyBot", group)).toMatchObject({ kind: "message", addressed: true, files });
  expect(sent("/new", group)).toMatchObject({ kind: "message", addressed: false, files });
  expect(sent("/new@AnotherBot", group)).toMatchObject({ kind: "message", addressed: false, files });
});

test("a reference to a file that is none of Telegram's is no file", () => {
  const { update } = fixture("photo.json");
  for (const file_id of ["", "../x", "a b", 5, "x".repeat(300)]) {
    const photo = [{ file_id, file_unique_id: "u", width: 9, height: 9 }];
    const read = readTelegramUpdate({ update_id: 1, message: { ...update.message, photo } }, BOT);
    expect(read).toMatchObject({ kind: "message", text: "[photo]" });
    expect(read).not.toHaveProperty("files");
  }
});

test("security-11: whoever writes in a chat's name never passes for a user", () => {
  for (const name of ["anonymous-admin.json", "channel-as-sender.json"]) {
    const { update } = fixture(name);
    expect(readTelegramUpdate(update, BOT)).toMatchObject({
      sender: { id: expect.stringMatching(/^chat:-/) as string },
    });
  }
});

test("security-14: neither our own messages nor other bots' are more than ignored, in any kind of update", () => {
  const { update } = fixture("another-bot.json");
  for (const kind of ["message", "edited_message"]) {
    expect(readTelegramUpdate({ update_id: 1, [kind]: update.message }, BOT)).toMatchObject({ kind: "ignored" });
  }
  const ours = { ...update.message, from: { id: BOT.id, is_bot: true, first_name: "Parley" } };
  expect(readTelegramUpdate({ update_id: 2, message: ours }, BOT)).toMatchObject({ kind: "ignored", why: "bot" });
});

test("security-15: in a group only what names, answers or commands the bot is addressed to it", () => {
  const groups = names.filter((name) => /^(group|forum)-/.test(name)).map((name) => fixture(name));
  const addressed = groups.filter(({ update, topics = false }) => {
    const read = readTelegramUpdate(update, { ...BOT, topics });
    return read?.kind === "command" || (read?.kind === "message" && read.addressed);
  });
  expect(addressed.length).toBeGreaterThan(5);
  for (const { about } of groups.filter((it) => !addressed.includes(it))) {
    expect(about).toMatch(
      /among themselves|begins like|did not mark|somebody else|another bot|is ignored|seems to answer/,
    );
  }
});

describe("bad input", () => {
  test("without an update id there is nothing to store", () => {
    const nothing = [
      null,
      1,
      "x",
      [],
      {},
      { update_id: "1" },
      { update_id: -1 },
      { update_id: 1.5 },
      { update_id: 2 ** 60 },
    ];
    for (const json of nothing) expect(readTelegramUpdate(json, BOT)).toBeNull();
  });

  test.each([
    ["no body", { message: null }],
    ["a body of the wrong type", { message: "hi" }],
    ["no chat", { message: { message_id: 1, date: 1, text: "hi", from: { id: 7 } } }],
    [
      "a chat id that is no number",
      { message: { message_id: 1, date: 1, text: "hi", from: { id: 7 }, chat: { id: "7", type: "private" } } },
    ],
    [
      "a sender without id",
      { message: { message_id: 1, date: 1, text: "hi", from: {}, chat: { id: 7, type: "private" } } },
    ],
    ["no date", { message: { message_id: 1, text: "hi", from: { id: 7 }, chat: { id: 7, type: "private" } } }],
    [
      "an id beyond what JavaScript counts",
      { message: { message_id: 2 ** 70, date: 1, text: "x", from: { id: 7 }, chat: { id: 7, type: "private" } } },
    ],
  ])("%s is unreadable, but has a key", (_, update) => {
    expect(readTelegramUpdate({ update_id: 5, ...update }, BOT)).toMatchObject({ kind: "unreadable", key: "u5" });
  });

  test("a kind nobody knows is ignored, and named only if its name is harmless", () => {
    expect(readTelegramUpdate({ update_id: 5, brand_new: {} }, BOT)).toMatchObject({
      kind: "ignored",
      why: "brand_new",
    });
    expect(readTelegramUpdate({ update_id: 5, "<b>": {} }, BOT)).toMatchObject({
      kind: "ignored",
      why: "unknown kind",
    });
    expect(readTelegramUpdate({ update_id: 5 }, BOT)).toMatchObject({ kind: "ignored", why: "nothing" });
  });

  test("security-10: NUL and half surrogate pairs do not get through", () => {
    const { update } = fixture("private-text.json");
    const chat = { id: 7, type: "private", first_name: "A\0\uD83D" };
    const message = { ...update.message, chat, text: "a\0b\uDE00c" };
    const read = readTelegramUpdate({ update_id: 1, message }, BOT);
    expect(read).toMatchObject({ text: "ab\uFFFDc", place: { title: "A\uFFFD" } });
  });

  test("security-10: __proto__ and inherited names are fields like any other", () => {
    const json = `{"update_id":1,"message":{"message_id":1,"date":1,"text":"hi","__proto__":{"from":{"id":1}},"chat":{"id":7,"type":"private"}}}`;
    expect(readTelegramUpdate(JSON.parse(json), BOT)).toMatchObject({ kind: "ignored", why: "no sender" });
    expect(readTelegramUpdate(JSON.parse(`{"update_id":1,"__proto__":{"message":{}}}`), BOT)).toMatchObject({
      kind: "ignored",
    });
    const inherited = Object.create({ from: { id: 1 }, migrate_to_chat_id: -2 }) as object;
    const message = Object.assign(inherited, { message_id: 1, date: 1, text: "hi", chat: { id: 7, type: "private" } });
    expect(readTelegramUpdate({ update_id: 1, message }, BOT)).toMatchObject({ kind: "ignored", why: "no sender" });
  });

  test("security-10: any damage to any update is read without an exception", () => {
    const updates = names.map((name) => fixture(name).update);
    const damage = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(null, 0, -1, 1e300, "", "\0", "\uD800", [], {}, "x".repeat(10_000)),
    );
    const damaged = fc
      .tuple(fc.constantFrom(...updates), fc.nat(), damage)
      .map(([update, at, value]) => spoil(update, at, value));
    fc.assert(
      fc.property(damaged, (update) => {
        const read = readTelegramUpdate(update, BOT);
        if (read === null) return;
        expect(read.key).toMatch(/^(u\d+|moved:-?\d+:-?\d+)$/);
        const everything = JSON.stringify(read);
        expect(everything).not.toContain("\\u0000");
        expect(everything).not.toMatch(/\\ud[89a-f]/);
      }),
      { numRuns: 2000 },
    );
  });
});

/** A copy in which the n-th value, counted through all levels, is another one. */
function spoil(json: unknown, n: number, value: unknown): unknown {
  const count = { left: n % countValues(json) };
  const walk = (it: unknown): unknown => {
    if (count.left-- === 0) return value;
    if (Array.isArray(it)) return it.map(walk);
    if (typeof it !== "object" || it === null) return it;
    return Object.fromEntries(Object.entries(it).map(([key, inner]) => [key, walk(inner)]));
  };
  return walk(json);
}

function countValues(json: unknown): number {
  if (typeof json !== "object" || json === null) return 1;
  return 1 + Object.values(json).reduce((sum: number, it) => sum + countValues(it), 0);
}
