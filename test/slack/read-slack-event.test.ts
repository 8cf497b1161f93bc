import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readSlackEvent } from "../../adapters/slack/read-slack-event.ts";
import { readSlackInteraction } from "../../adapters/slack/read-slack-interaction.ts";
import { authorOf } from "../../adapters/slack/slack-origin.ts";
import { BOT, botOf, FIXTURES, type Fixture, fixture, readWith } from "./slack-fixtures.ts";

describe("what Slack sends, as its types describe it", () => {
  test.each(FIXTURES.map((name) => [name, fixture(name).about]))("%s: %s", (name) => {
    const it = fixture(name);
    expect(readWith(it.reader, it.given, botOf(it))).toEqual(it.read);
  });

  test("there are fixtures of every kind of reading", () => {
    const kinds = new Set(FIXTURES.map((name) => fixture(name).read.kind));
    const all = [
      "command",
      "deleted",
      "edited",
      "ignored",
      "membership",
      "message",
      "other",
      "place_moved",
      "press",
      "reason",
    ];
    expect([...kinds].toSorted()).toEqual(all);
  });
});

/** The fixture's event with other fields. */
function changed(name: string, event: object, body: object = {}): unknown {
  const { given } = fixture(name);
  return { ...given, ...body, event: { ...given.event, ...event } };
}

test("a word about a talk is about its thread, and about the chat where it would begin one", () => {
  const said = (text: string, event: object = {}, bot = BOT) =>
    readSlackEvent(changed("dm-command", { text, ...event }), bot);
  for (const word of [
    "stop",
    "status",
    "sessions 2",
    "agent",
    "model",
    "model 2",
    "model default",
    "agent 2",
    "mode",
    "mode queue",
    "title",
    "memory",
    "forget 2",
  ]) {
    expect(said(word)).toMatchObject({ kind: "command", ofChat: true });
    expect(said(word, { thread_ts: "1780000000.000100" })).not.toHaveProperty("ofChat");
    expect(said(word, {}, { ...BOT, dm: "channel" })).not.toHaveProperty("ofChat");
  }
  expect(said("new")).not.toHaveProperty("ofChat");
  // Too much to be lost by a word that may be a sentence.
  expect(said("forget all")).toMatchObject({ kind: "message", text: "forget all" });
});

test("a word about one's account may bring a code, which is never a word", () => {
  const said = (text: string) => readSlackEvent(changed("dm-command", { text }), BOT);
  for (const [text, command, args] of [
    ["link", "link", ""],
    ["usage", "usage", ""],
    ["web", "web", ""],
    ["unlink", "unlink", ""],
    ["Link ABCD2EFG", "link", "abcd2efg"],
    ["link abcd-2efg", "link", "abcd-2efg"],
  ]) {
    expect(said(text!)).toMatchObject({ kind: "command", command, args });
  }
  for (const text of ["link research", "link 2025", "unlink ABCD2EFG", "link ABCD2EFG please"]) {
    expect(said(text)).toMatchObject({ kind: "message", text });
  }
});

test("a shared message without words of its own is not lost", () => {
  const shared = { is_share: true, author_name: "Bob", text: "", fallback: "[June 1st] bob: plan.pdf" };
  expect(readSlackEvent(changed("dm-shared", { attachments: [shared] }), BOT)).toMatchObject({
    kind: "message",
    context: [{ kind: "forward", author: "Bob", text: "[June 1st] bob: plan.pdf" }],
  });
});

test("a sentence that begins with such a word is a message", () => {
  for (const text of [
    "agent smith",
    "mode of transport?",
    "model railway",
    "title of the book",
    "stop it",
    "sessions today",
    "mode 2",
  ]) {
    expect(readSlackEvent(changed("dm-command", { text }), BOT)).toMatchObject({ kind: "message", text });
  }
});

describe("keys", () => {
  test("a message and the mention in it have one, so that they are answered once", () => {
    const [message, mention] = ["channel-mention", "channel-mention-event"].map((it) => fixture(it).read);
    expect(mention).toEqual(message);
    expect(fixture("channel-mention").given["event_id"]).not.toBe(fixture("channel-mention-event").given["event_id"]);
  });

  test("an edit has another than the message, and than the next edit", () => {
    const keys = [
      readSlackEvent(changed("dm-text", {}), BOT),
      readSlackEvent(changed("edited", {}, { event_id: "Ev1" }), BOT),
      readSlackEvent(changed("edited", {}, { event_id: "Ev2" }), BOT),
    ].map((it) => it.key);
    expect(new Set(keys).size).toBe(3);
  });

  test("security-05: what is delivered again has the same, whatever the delivery was called", () => {
    for (const name of FIXTURES) {
      const it = fixture(name);
      expect(readWith(it.reader, structuredClone(it.given), botOf(it)).key).toBe(it.read.key);
    }
  });
});

describe("who wrote it", () => {
  test("security-11: a person is known by ids that cannot be chosen, whatever names they take", () => {
    const profile = { user_profile: { name: "U2", real_name: "Ann Lee", display_name: "T1:U2", team: "T1" } };
    expect(readSlackEvent(changed("dm-text", { ...profile, user: "U66", username: "U2" }), BOT)).toMatchObject({
      sender: { id: "T1:U66", name: "T1:U2" },
    });
  });

  test("security-11: nobody becomes one of ours by what a shared channel says of itself", () => {
    for (const team of ["T9", "E9", "t1", "T1 ", "", null, 1]) {
      const event = { user_team: team, source_team: undefined, team: undefined };
      const read = readSlackEvent(
        changed("channel-mention", event, { is_ext_shared_channel: true, team_id: "T1" }),
        BOT,
      );
      expect(read).toMatchObject({ sender: { outsider: true } });
    }
  });

  test("security-14: neither our own messages nor other bots' are more than ignored, in any kind of event", () => {
    const marks = [
      { bot_id: "B8" },
      { user: BOT.userId },
      { app_id: "A1" },
      { bot_profile: {} },
      { user: "USLACKBOT" },
    ];
    const plain = [
      "dm-text",
      "channel-mention",
      "channel-mention-event",
      "channel-reply",
      "dm-file",
      "channel-broadcast",
    ];
    for (const mark of marks) {
      for (const name of plain) {
        expect(readSlackEvent(changed(name, mark), BOT), name).toMatchObject({ kind: "ignored", why: "bot" });
      }
      for (const name of ["edited", "edited-in-thread", "edited-mention"]) {
        const message = { ...(fixture(name).given.event?.["message"] as object), ...mark };
        const read = readSlackEvent(changed(name, { message }), BOT);
        expect(read.kind, name).toBe("ignored");
      }
    }
  });

  test("security-15: in a channel only what names the bot is addressed to it, and replies where a talk is known", () => {
    const channel = FIXTURES.filter((name) => /^(channel|private-channel|group-dm)/.test(name));
    for (const name of channel) {
      const { about, read } = fixture(name);
      if (read.kind !== "message") continue;
      if (read.addressed === false) expect(about).toMatch(/among themselves|in a DM of several|somebody else/);
      if (read.addressed === "where_known") expect(about).toMatch(/repl|bare word/);
      if (read.addressed === true) expect(about).toMatch(/mention/);
    }
  });

  test("where nobody has to mention it, everything that people say, change or take back there is addressed to it", () => {
    const bot = { ...BOT, hears: (chat: string, thread: string) => chat === "C5" && thread !== "" };
    const said = (name: string) => readSlackEvent(fixture(name).given, bot);
    for (const name of ["channel-top-level", "channel-reply", "channel-mention", "channel-mention-event"]) {
      expect(said(name), name).toMatchObject({ kind: "message", addressed: true });
    }
    expect(said("channel-mention-event")).toEqual(said("channel-mention"));
    expect(said("edited-elsewhere")).toMatchObject({ kind: "edited", addressed: true });
    for (const name of ["another-bot", "own-message", "own-message-bare", "joined-message", "edited-by-us", "hidden"]) {
      expect(said(name).kind, name).toBe("ignored");
    }
    const previous = fixture("edited-elsewhere").given.event?.["message"];
    const takenBack = { subtype: "message_deleted", message: undefined, previous_message: previous };
    expect(readSlackEvent(changed("edited-elsewhere", takenBack), bot)).toMatchObject({ kind: "deleted" });
  });

  test("security-12: whatever people send names them to the gate, with what is known against them", () => {
    const senders = FIXTURES.map((name) => fixture(name).read).flatMap((read) => ("sender" in read ? [read] : []));
    expect(new Set(senders.map((it) => it.kind)).size).toBe(8);
    for (const { sender } of senders) expect(sender.id).toMatch(/^([TE]\w+|\?):[UW]\w+$/);
    const stranger = { is_ext_shared_channel: true };
    const author = { team: "T9", user_team: "T9", source_team: "T9" };
    for (const name of ["dm-text", "dm-command", "channel-mention", "channel-reply", "reaction", "stop-native"]) {
      expect(readSlackEvent(changed(name, author, stranger), BOT), name).toMatchObject({
        sender: { id: "T9:U2", outsider: true },
      });
    }
  });

  test("security-13: a press is by whoever pressed, wherever the button stands", () => {
    const { given } = fixture("press");
    const read = readSlackInteraction({ ...given, user: { id: "U66", team_id: "T1" } }, BOT);
    expect(read).toMatchObject({ kind: "press", sender: { id: "T1:U66" }, place: { chat: "C5" } });
  });

  test("whom to look up is known from the first reading, and nobody for what has no effect", () => {
    const asked = (name: string) => authorOf(fixture(name).read);
    for (const name of ["dm-text", "channel-mention", "channel-reply", "edited", "press", "slash", "stop-native"]) {
      expect(asked(name), name).toBe("U2");
    }
    for (const name of ["channel-top-level", "another-bot", "removed", "channel-id-changed", "home-opened"]) {
      expect(asked(name), name).toBeNull();
    }
  });
});

describe("bad input", () => {
  test("without anything to know it by there is nothing to store", () => {
    const nothing = [null, 1, "x", [], {}, { event: {} }, { event_id: "../x", event: { type: "message" } }];
    for (const json of nothing) {
      for (const reader of ["event", "interaction", "command"] as const) {
        expect(readWith(reader, json)).toMatchObject({ kind: "ignored", key: "" });
      }
    }
    expect(readSlackEvent({ type: "app_rate_limited", event_id: "Ev1" }, BOT)).toMatchObject({
      why: "app_rate_limited",
    });
  });

  test.each([
    ["no channel", { channel: undefined }],
    ["a channel that is none", { channel: "c5" }],
    ["no time", { ts: undefined }],
    ["a time that is none", { ts: "1790000000.1" }],
    ["a thread that is none", { thread_ts: "x" }],
    ["no author", { user: undefined }],
    ["an author that is none", { user: "ann" }],
  ])("%s is unreadable, but has a key", (_, event) => {
    const read = readSlackEvent(changed("dm-text", event), BOT);
    expect(read).toMatchObject({ kind: "unreadable", key: expect.stringMatching(/^[em]:./) as string });
  });

  test("a kind nobody knows is ignored, and named only if its name is harmless", () => {
    const named = (type: string) => readSlackEvent({ event_id: "Ev1", event: { type } }, BOT);
    expect(named("brand_new")).toMatchObject({ kind: "ignored", why: "brand_new" });
    expect(named("<b>")).toMatchObject({ kind: "ignored", why: "unknown kind" });
  });

  test("security-10: NUL and half surrogate pairs do not get through", () => {
    const read = readSlackEvent(changed("dm-text", { text: "a\0b\uDE00c" }), BOT);
    expect(read).toMatchObject({ text: "ab\uFFFDc" });
  });

  test("security-10: __proto__ and inherited names are fields like any other", () => {
    const given = JSON.stringify(fixture("dm-text").given).replace('"user":', '"__proto__":');
    expect(readSlackEvent(JSON.parse(given), BOT)).toMatchObject({ kind: "unreadable", why: "no user" });
    const inherited = Object.assign(Object.create({ user: "U2" }) as object, {
      channel: "D7",
      ts: "1.000000",
      text: "x",
    });
    const body = { event_id: "Ev1", event: Object.assign(inherited, { type: "message" }) };
    expect(readSlackEvent(body, BOT)).toMatchObject({ kind: "unreadable", why: "no user" });
  });

  test("security-10: any damage to anything is read without an exception", () => {
    const all = FIXTURES.map((name) => fixture(name));
    const damage = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(null, 0, -1, 1e300, "", "\0", "\uD800", "<", "<@", "&", [], {}, "x".repeat(10_000)),
    );
    fc.assert(
      fc.property(fc.constantFrom(...all), fc.nat(), damage, (it: Fixture, at, value) => {
        const read = readWith(it.reader, spoil(it.given, at, value), botOf(it));
        expect(read.key).toMatch(/^([emtv]:[\w.:-]+)?$/);
        if (read.key === "") expect(read.kind).toBe("ignored");
        const everything = JSON.stringify(read);
        expect(everything).not.toContain("\\u0000");
        expect(everything).not.toMatch(/\\ud[89a-f]/);
      }),
      { numRuns: 1500 },
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
