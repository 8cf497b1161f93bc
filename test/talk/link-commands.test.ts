import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newId, type SessionId, type UserId } from "../../src/ids.ts";
import type { AccessPolicy } from "../../src/platform/access-gate.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { hold, type ScriptedModel, scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway | null = null;
let telegram: FakePlatform;
let slack: FakePlatform;
let model: ScriptedModel;

beforeEach(async () => {
  database = await createTestDatabase();
});

afterEach(async () => {
  await running?.stop(0);
  running = null;
  await database.drop();
});

const open: AccessPolicy = { mode: "open", allowedUsers: new Set() };

async function start(access = open, ...steps: Parameters<typeof scriptedModel>): Promise<void> {
  telegram = new FakePlatform();
  slack = new FakePlatform({ platform: "slack", commandSign: "/parley " });
  model = scriptedModel(...steps, ...Array.from({ length: 20 }, () => "Answer."));
  running = await startTestGateway({ url: database.url, model, adapters: [telegram, slack], access });
  await Promise.all([telegram.listening(), slack.listening()]);
}

const db = () => running!.database.db;
const service = () => running!.gateway.service;

/** A private chat of somebody on one of the platforms. */
interface Chat {
  on: FakePlatform;
  chat: string;
}
const ann = (): Chat => ({ on: telegram, chat: "7" });
const annOnSlack = (): Chat => ({ on: slack, chat: "T1:U7" });

/** Says it, and gives what the bot says next in the same chat. */
async function say({ on, chat }: Chat, text: string): Promise<string> {
  const before = on.messages(chat).length;
  await on.say({ chat, from: chat, text, name: `Ann \`@all\` ${chat}` });
  await until("an answer", () => on.messages(chat).length > before);
  return on.messages(chat)[before]!.text;
}

async function codeFrom(chat: Chat): Promise<string> {
  return /\b[2-9A-Z]{8}\b/.exec(await say(chat, "/link"))![0];
}

async function link(maker: Chat, typer: Chat): Promise<string> {
  return say(typer, `/link ${await codeFrom(maker)}`);
}

/** A message that is answered, and its session. */
async function talk({ on, chat }: Chat, text: string): Promise<SessionId> {
  await say({ on, chat }, text);
  await idle();
  const place = db().selectFrom("places").select("session_id").where("chat", "=", chat);
  return (await place.executeTakeFirstOrThrow()).session_id;
}

async function idle(): Promise<void> {
  await until("the end", async () => (await db().selectFrom("lanes").selectAll().execute()).length === 0);
  await until("all is shown", async () => {
    const due = db().selectFrom("outbox").select("id").where("due_at", "is not", null);
    return (await due.execute()).length === 0;
  });
}

async function userOf({ on, chat }: Chat): Promise<UserId> {
  const identity = db().selectFrom("identities").select("user_id").where("external_id", "=", chat);
  return (await identity.where("platform", "=", on.platform).executeTakeFirstOrThrow()).user_id;
}

async function sessionsOf(user: UserId): Promise<SessionId[]> {
  return (await service().listSessions(user)).map(({ id }) => id).toSorted();
}

/** Nobody's rows are left with a user whom no identity has, and what is open at a place is its user's. */
async function strays(): Promise<unknown[]> {
  const places = await db()
    .selectFrom("places as p")
    .innerJoin("talk_sessions as s", "s.id", "p.session_id")
    .leftJoin("identities as i", "i.user_id", "p.user_id")
    .select(["p.chat", "p.user_id", "s.user_id as session_user", "i.external_id"])
    .where("p.kind", "=", "private")
    .execute();
  return places.filter((place) => place.user_id !== place.session_user || place.external_id === null);
}

describe("a code made in one private chat and typed in another", () => {
  it("makes both one user with all earlier talks, and tells both", async () => {
    await start();
    const [first, second] = [await talk(ann(), "on Telegram"), await talk(annOnSlack(), "on Slack")];
    const before = await userOf(annOnSlack());
    const told = telegram.messages("7").length + 1;
    expect(await link(ann(), annOnSlack())).toBe(
      "You and Telegram `Ann @all 7` are one person to me now, with all your talks. " +
        "If that was not you, undo it: /parley unlink.",
    );
    await until("the other chat is told", () => telegram.messages("7").length > told);
    expect(telegram.messages("7").at(-1)!.text).toBe(
      "You and Slack `Ann @all T1:U7` are one person to me now, with all your talks. " +
        "If that was not you, undo it: /unlink.",
    );
    const user = await userOf(ann());
    expect(await userOf(annOnSlack())).toBe(user);
    expect(await sessionsOf(user)).toEqual([first, second].toSorted());
    expect(await strays()).toEqual([]);
    // Whoever calls by the user that is no more means the same person.
    expect(before).not.toBe(user);
    expect(await service().actFor(before)).toBe(user);
    const { id } = await service().createTalkSession(before);
    expect(await sessionsOf(user)).toContain(id);
  });

  it.each([
    ["whoever made the code", ann, annOnSlack],
    ["whoever typed it", annOnSlack, ann],
  ])("is undone by %s: each goes on with what began at its own places", async (_who, undoing, told) => {
    await start();
    const [first, second] = [await talk(ann(), "on Telegram"), await talk(annOnSlack(), "on Slack")];
    const [one, other] = [await userOf(ann()), await userOf(annOnSlack())];
    const ofApi = (await service().createTalkSession(other)).id;
    await link(ann(), annOnSlack());
    await say(annOnSlack(), "/new");
    const third = await talk(annOnSlack(), "since then");
    await slack.say({ chat: "T1:U7", thread: "1.2", from: "T1:U7", text: "a new place", name: "Ann `@all` T1:U7" });
    const fourth = (await db().selectFrom("places").selectAll().where("thread", "=", "1.2").execute())[0]!.session_id;
    await idle();
    const since = (await service().createTalkSession(other)).id;
    const [here, there] = [undoing(), told()];
    const count = there.on.messages(there.chat, "").length;
    const named = (chat: Chat) => `${chat.on === slack ? "Slack" : "Telegram"} \`Ann @all ${chat.chat}\``;
    const undone = (chat: Chat) => `You and ${named(chat)} are two people to me again, each with their own talks.`;
    expect(await say(here, "/unlink")).toBe(undone(there));
    await until("the other is told", () => there.on.messages(there.chat, "").length > count);
    expect(there.on.messages(there.chat, "").at(-1)!.text).toBe(undone(here));
    expect([await userOf(ann()), await userOf(annOnSlack())]).toEqual([one, other]);
    expect(await sessionsOf(one)).toEqual([first, since].toSorted());
    expect(await sessionsOf(other)).toEqual([second, ofApi, third, fourth].toSorted());
    expect(await strays()).toEqual([]);
    expect(await say(here, "/unlink")).toMatch(/^This account is linked with no other/);
    expect(await link(annOnSlack(), ann())).toMatch(/^You and Slack/);
  });

  it("leaves a running answer and what waits behind it alone", async () => {
    const pause = hold();
    await start(open, ["Once upon ", pause, "a time."], "And then.");
    await say(ann(), "/mode queue");
    await telegram.say({ chat: "7", from: "7", text: "a story" });
    await pause.reached;
    await telegram.say({ chat: "7", from: "7", text: "and on" });
    await link(annOnSlack(), ann());
    await telegram.say({ chat: "7", from: "7", text: "and more" });
    pause.release();
    await until("both answers", () => ["Once upon a time.", "And then."].every((text) => shown("7").includes(text)));
    expect(await strays()).toEqual([]);
  });

  it("works once, for ten minutes, and only the newest one", async () => {
    await start();
    const unknown = "I do not know this code, or it is over. Make a new one in your other chat.";
    const old = await codeFrom(ann());
    const code = await codeFrom(ann());
    expect(await say(annOnSlack(), `/link ${old}`)).toBe(unknown);
    const late = new Date(Date.now() - 600_000);
    const { expires_at: end } = await db().selectFrom("link_codes").select("expires_at").executeTakeFirstOrThrow();
    expect(end.getTime() - Date.now()).toBeLessThanOrEqual(600_000);
    await db().updateTable("link_codes").set({ expires_at: late }).execute();
    expect(await say(annOnSlack(), `/link ${code}`)).toBe(unknown);
    const last = await codeFrom(ann());
    expect(await say(annOnSlack(), `/link ${last.slice(0, 4).toLowerCase()}-${last.slice(4)}`)).toMatch(/^You and/);
    expect(await say({ on: slack, chat: "T1:U8" }, `/link ${last}`)).toBe(unknown);
  });

  it("changes nothing in the chat where it was made, and between two that are linked already", async () => {
    await start();
    const code = await codeFrom(ann());
    expect(await say(ann(), `/link ${code}`)).toMatch(/^This code was made here/);
    expect(await say(annOnSlack(), `/link ${code}`)).toMatch(/^You and/);
    expect(await link(annOnSlack(), ann())).toBe("You are one person to me there and here already.");
  });

  it("joins a third one, whichever side the code comes from, which leaves alone; whom all joined leaves all", async () => {
    await start();
    const [bob, carl, pair]: Chat[] = [
      { on: telegram, chat: "8" },
      { on: slack, chat: "T1:U9" },
      { on: telegram, chat: "10" },
    ] as [Chat, Chat, Chat];
    const all = [ann(), annOnSlack(), bob, carl];
    for (const chat of all) await talk(chat, "hello");
    await link(ann(), annOnSlack());
    expect(await link(annOnSlack(), bob)).toMatch(/^You and Slack/);
    expect(await link(carl, annOnSlack())).toMatch(/^You and Slack/);
    const user = await userOf(ann());
    for (const chat of all) expect(await userOf(chat)).toBe(user);
    expect(await sessionsOf(user)).toHaveLength(4);
    await link(pair, { on: slack, chat: "T1:U10" });
    expect(await link(pair, carl)).toMatch(/^Both accounts are linked with others already/);
    expect(await say(bob, "/unlink")).toMatch(/^You and Telegram `Ann @all 7` are two people/);
    expect(await userOf(annOnSlack())).toBe(user);
    expect(await say(ann(), "/unlink")).toMatch(/^You and Slack .*T1:U7.*\n\nYou and Slack .*T1:U9/s);
    expect(new Set(await Promise.all(all.map(userOf))).size).toBe(4);
    for (const chat of all) expect(await sessionsOf(await userOf(chat))).toHaveLength(1);
    expect(await strays()).toEqual([]);
  });

  it("tells nobody who has left of those who leave after them", async () => {
    await start();
    const carl: Chat = { on: slack, chat: "T1:U9" };
    await link(ann(), annOnSlack());
    await link(annOnSlack(), carl);
    await say(annOnSlack(), "/unlink");
    await idle();
    const before = shown("T1:U7", slack);
    expect(await say(carl, "/unlink")).toMatch(/^You and Telegram/);
    await idle();
    expect(shown("T1:U7", slack)).toEqual(before);
  });

  it("tells of a link where a slash command was given, and later only where the bot can write", async () => {
    await start();
    const slash = { chat: "D1", from: "T1:U7", ofChat: true, messageId: "https://respond" } as const;
    const inChat = () => slack.messages("D1").filter(({ text }) => text.startsWith("You and"));
    for (const [told, talks] of [
      [[], false],
      [[null], true],
    ] as const) {
      if (talks) await slack.say({ chat: "D1", from: "T1:U7", text: "hello" });
      await idle();
      const before = slack.messages("D1").length;
      await slack.say({ ...slash, text: "/link" });
      await until("a code", () => slack.messages("D1").length > before);
      const [code] = /\b[2-9A-Z]{8}\b/.exec(slack.messages("D1").at(-1)!.text)!;
      const links = inChat().length;
      expect(await say(ann(), `/link ${code}`)).toMatch(/^You and Slack/);
      await until("the other chat is told", () => inChat().length > links);
      expect(inChat().at(-1)!.replyTo).toBe("https://respond");
      expect(await say(ann(), "/unlink")).toMatch(/^You and Slack/);
      await idle();
      expect(
        inChat()
          .slice(links + 1)
          .map(({ replyTo }) => replyTo),
      ).toEqual(told);
    }
  });

  it("ends in one link, or in none, when many link crosswise at once", async () => {
    await start();
    const chats: Chat[] = [ann(), annOnSlack(), { on: telegram, chat: "8" }, { on: slack, chat: "T1:U8" }];
    for (const chat of chats) await talk(chat, "hello");
    for (let round = 0; round < 5; round++) {
      // What is still to be told of the round before would be taken for a code.
      await idle();
      const codes: string[] = [];
      for (const chat of chats) codes.push(await codeFrom(chat));
      const typed = chats.flatMap(({ on, chat }) =>
        codes.map((code) => on.say({ chat, from: chat, text: `/link ${code}` })),
      );
      const more = chats.map(({ on, chat }) => on.say({ chat, thread: `${round}`, from: chat, text: "a new place" }));
      await Promise.all([...typed, ...more]);
      expect(new Set(await Promise.all(chats.map(userOf))).size).toBeLessThan(4);
      expect(await strays()).toEqual([]);
      await Promise.all(chats.map(({ on, chat }) => on.say({ chat, from: chat, text: "/unlink" })));
      expect(new Set(await Promise.all(chats.map(userOf))).size).toBe(4);
      expect(await strays()).toEqual([]);
      await db().deleteFrom("link_tries").execute();
    }
  });
});

describe("security-16: nobody comes to somebody else's talks", () => {
  it("nor reads on in one that went away with its person", async () => {
    await start();
    const theirs = await talk(annOnSlack(), "mine alone");
    await talk(ann(), "hello");
    await link(ann(), annOnSlack());
    const user = await userOf(ann());
    const signal = AbortSignal.timeout(10_000);
    const items = (await service().getMessages(user, theirs, { follow: true, signal }))[Symbol.asyncIterator]();
    expect((await items.next()).value).toMatchObject({ kind: "message", seq: 1 });
    expect((await items.next()).value).toMatchObject({ kind: "message", seq: 2 });
    const next = items.next();
    await say(ann(), "/unlink");
    await say(annOnSlack(), "a secret");
    expect(await next).toEqual({ done: true, value: undefined });
    expect(signal.aborted).toBe(false);
  });

  it("a group links nothing, and says so", async () => {
    await start();
    const code = await codeFrom(ann());
    for (const text of ["/link", `/link ${code}`, "/unlink"]) {
      const count = slack.messages("C1").length;
      await slack.say({ chat: "C1", kind: "group", from: "T1:U7", text });
      await until("an answer", () => slack.messages("C1").length > count);
      expect(slack.messages("C1").at(-1)!.text).toBe("This works only in a private chat with me.");
    }
    expect(await db().selectFrom("identities").selectAll().where("own_user_id", "is not", null).execute()).toEqual([]);
  });

  it("a code that was typed in a group is over, as all have read it there", async () => {
    await start();
    const code = await codeFrom(ann());
    await slack.say({ chat: "C1", kind: "group", from: "T1:U7", text: `/link ${code}` });
    expect(await say({ on: slack, chat: "T1:U66" }, `/link ${code}`)).toMatch(/^I do not know this code/);
  });

  it("a stranger can neither make a code nor use one, and a link lets nobody in", async () => {
    await start({ mode: "pairing", allowedUsers: new Set(["telegram:7", "slack:T1:U7"]) });
    const stranger = { on: slack, chat: "T1:U66" };
    const code = await codeFrom(ann());
    expect(await say(stranger, `/link ${code}`)).toMatch(/^I do not know you yet/);
    expect(await say(stranger, "/link")).toMatch(/^I do not know you yet/);
    expect(await db().selectFrom("link_codes").select("external_id").execute()).toEqual([{ external_id: "7" }]);
    expect(await say(annOnSlack(), `/link ${code}`)).toMatch(/^You and/);
    const approved = await db().selectFrom("identities").select("approved_at").execute();
    expect(approved.every((row) => row.approved_at === null)).toBe(true);
  });
});

describe("security-37: a code of a link", () => {
  it("is not found by trying: five wrong ones in an hour, in all chats and through all links of a person", async () => {
    await start();
    const code = await codeFrom(ann());
    const wrong = ["/link 23456789", "/link abc", "/link ABCD2345", "/link my account"];
    for (const text of wrong) expect(await say(annOnSlack(), text)).toMatch(/^I do not know this code/);
    // A code that works clears nothing.
    expect(await link({ on: slack, chat: "T1:U8" }, annOnSlack())).toMatch(/^You and/);
    expect(await say(annOnSlack(), "/unlink")).toMatch(/^You and/);
    expect(await say(annOnSlack(), "/link 2345ABCD")).toMatch(/^I do not know this code/);
    expect(await say(annOnSlack(), `/link ${code}`)).toMatch(/^These were too many wrong codes/);
    await slack.say({ chat: "D8", from: "T1:U7", text: `/link ${code}` });
    await until("an answer", () => slack.messages("D8").length === 1);
    expect(slack.messages("D8")[0]!.text).toMatch(/^These were too many wrong codes/);
    const hourAgo = new Date(Date.now() - 3_601_000);
    await db().updateTable("link_tries").set({ since: hourAgo }).execute();
    expect(await say(annOnSlack(), `/link ${code}`)).toMatch(/^You and/);
  });

  it("is kept as a hash alone, and what is typed is not kept at all", async () => {
    await start();
    const code = await codeFrom(ann());
    await say(annOnSlack(), `/link ${code.slice(0, 7)}`);
    const kept = JSON.stringify([
      await db().selectFrom("link_codes").selectAll().execute(),
      await db().selectFrom("link_tries").selectAll().execute(),
      await db().selectFrom("inbox").selectAll().execute(),
    ]);
    expect(kept).not.toContain(code.slice(0, 7));
  });
});

it("a repeated update links nothing twice", async () => {
  await start();
  const code = await codeFrom(ann());
  const update = await slack.say({ chat: "T1:U7", from: "T1:U7", text: `/link ${code}` });
  await slack.deliver(update);
  await until("an answer", () => shown("T1:U7", slack).length > 0);
  expect(shown("T1:U7", slack)).toHaveLength(1);
});

it("an unknown user is nobody's", async () => {
  await start();
  await expect(service().actFor(newId("usr"))).rejects.toMatchObject({ code: "not_found" });
});

function shown(chat: string, on = telegram): string[] {
  return on.messages(chat).map(({ text }) => text);
}
