import { beforeAll, describe, expect, test } from "vitest";
import type { FakeChat, FakeMessage, FakeUser } from "../fakes/telegram/chats.ts";
import type { JournalEntry } from "../fakes/model/journal.ts";
import { onBothEngines, type Scene, turnOf } from "../support/e2e.ts";

/** Two bots: the first is polled for, the second one calls a webhook. Telegram's limits are on. */
const TOKENS = ["4711000001:AAFakeTokenOnlyForTests_0123456789a", "4711000002:AAFakeTokenOnlyForTests_0123456789b"];

/** Somebody in a place where the bot listens. */
interface Voice {
  name: string;
  chat: FakeChat;
  user: FakeUser;
  thread?: number;
}

/** About 3 s of speaking. */
const PACE = { chunkChars: 5, chunkEveryMs: 45 };
const answerTo = (name: string, no: number) =>
  Array.from({ length: 50 }, (_, index) => `${name}${no}.${index}`).join(" ");

onBothEngines({ telegram: { tokens: TOKENS } }, (scene) => {
  beforeAll(async () => {
    await scene().start();
    await scene().start({ bot: 1, mode: "webhook" });
  });

  test("20 chats at once: one message each that grows to what the model sent, and each second question knows the first", async () => {
    const { telegram, model } = scene();
    const voices = everywhere(scene(), 5);
    expect(voices).toHaveLength(20);
    const stop = model.script((request) => {
      const [, name = "nobody", no = "0"] = /I am (\w+), question (\d)/.exec(turnOf(request)) ?? [];
      return { text: answerTo(name, Number(no)), ...(no === "1" ? PACE : { chunkChars: 1000 }) };
    });

    const first = await Promise.all(voices.map((voice) => converse(scene(), voice, 1)));
    for (const [index, voice] of voices.entries()) {
      const [message, ...others] = shown(scene(), voice);
      expect(others, `further messages to ${voice.name}`).toEqual([]);
      expect(message?.text).toBe(first[index]!.sentText);
      expect(edits(message!), `edits of the answer to ${voice.name}`).toBeGreaterThanOrEqual(2);
      expect(grows(message!), `every version of the answer to ${voice.name} is a longer beginning of it`).toBe(true);
    }

    const second = await Promise.all(voices.map((voice) => converse(scene(), voice, 2)));
    for (const [index, { name }] of voices.entries()) {
      const talk = second[index]!.messages.filter(({ role }) => role !== "system");
      expect(talk.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
      expect(talk[0]?.content).toContain(`I am ${name}, question 1`);
      expect(talk[1]?.content).toBe(answerTo(name, 1));
      const others = voices.filter((other) => other.name !== name);
      expect(others.filter((other) => JSON.stringify(talk).includes(`I am ${other.name},`))).toEqual([]);
    }
    expect(voices.flatMap((voice) => shown(scene(), voice)).length).toBe(40);
    expect(telegram.earlyCalls).toEqual([]);
    expect(telegram.journal.filter(({ outcome }) => outcome === 429)).toEqual([]);
    expect(telegram.deliveries.every(({ status, attempt }) => status === 200 && attempt === 1)).toBe(true);
    stop();
  });

  test("security-17: what was told in one chat or topic, or before /new, never reaches the model from another", async () => {
    const { telegram } = scene();
    const tellers = everywhere(scene(), 1);
    const [polled, , grouped, topical] = tellers as [Voice, Voice, Voice, Voice];
    const say = ({ chat, user, thread }: Voice, text: string) => scene().converse(chat, user, text, thread);
    const secret = ({ name }: Voice) => `CANARY-TOLD-BY-${name}`;
    await Promise.all(tellers.map((voice) => say(voice, `keep this: ${secret(voice)}`)));
    const here = JSON.stringify((await say(polled, "still known here?")).body);
    expect(tellers.filter((voice) => here.includes(secret(voice)))).toEqual([polled]);

    const elsewhere: Voice[] = [
      { ...scene().person("Eve"), name: "Eve" },
      { ...polled, chat: telegram.group(-6001), name: "the same person in a group" },
      { ...grouped, chat: telegram.group(-6002), name: "the same people in another group" },
      { ...topical, thread: telegram.topic(topical.chat, "other").id, name: "another topic" },
    ];
    for (const { chat, user, thread } of tellers) {
      const text = chat.type === "private" ? "/new" : `/new@${telegram.botUsername}`;
      telegram.say({ chat, from: user, text, ...(thread === undefined ? {} : { thread }) });
      await telegram.until(() => telegram.botMessages(chat, thread).some(({ text: said }) => said.startsWith("A new")));
    }
    const after = await Promise.all([...tellers, ...elsewhere].map((voice) => say(voice, `known to ${voice.name}?`)));
    expect(after).toHaveLength(8);
    for (const { body } of after) expect(JSON.stringify(body)).not.toContain("CANARY-TOLD");
  });

  test("security-25, security-30: no secret, system prompt, stack or path was sent to anybody, and no message stands in the log", () => {
    expect(scene().sentToModel.length).toBeGreaterThan(50);
    expect(scene().leaks()).toEqual([]);
    expect(scene().log.join("")).not.toMatch(/CANARY|question \d/);
  });
});

describe("the parts of this file", () => {
  test("see a version that does not grow, and one that is no beginning of the last", () => {
    const versions = (...texts: string[]) => ({ versions: texts.map((text) => ({ at: 0, text, entities: [] })) });
    expect(grows(versions("a", "ab", "abc"))).toBe(true);
    expect(grows(versions("a", "abx", "abc"))).toBe(false);
    expect(grows(versions("ab", "ab", "abc"))).toBe(false);
  });
});

/** `each` voices of every kind: private chats of both bots, groups, forum topics. */
function everywhere(scene: Scene, each: number): Voice[] {
  const { telegram } = scene;
  const kinds: ((name: string, no: number) => Voice)[] = [
    (name) => ({ name, ...scene.person(name) }),
    (name) => ({ name, ...scene.person(name, 1) }),
    (name, no) => ({ name, user: scene.person(name).user, chat: telegram.group(-(5000 + no)) }),
    (name, no) => {
      const chat = telegram.group(-(1_000_000_005_000 + no), "forum", { forum: true });
      const topic = telegram.topic(chat, `topic of ${name}`);
      return { name, user: scene.person(name).user, chat, thread: topic.id };
    },
  ];
  return kinds.flatMap((make, kind) =>
    Array.from({ length: each }, (_, index) => {
      const no = (places += 1);
      return make(`${["Dora", "Wim", "Gus", "Tim"][kind]}${index}x${no}`, no);
    }),
  );
}

let places = 0;

async function converse(scene: Scene, { name, chat, user, thread }: Voice, no: number): Promise<JournalEntry> {
  return scene.converse(chat, user, `I am ${name}, question ${no}`, thread);
}

function shown(scene: Scene, { chat, thread }: Voice): FakeMessage[] {
  return scene.telegram.botMessages(chat, thread);
}

function edits(message: FakeMessage): number {
  return message.versions.length - 1;
}

function grows({ versions }: Pick<FakeMessage, "versions">): boolean {
  const texts = versions.map(({ text }) => text);
  const last = texts.at(-1) ?? "";
  return texts.every((text, index) => last.startsWith(text) && (index === 0 || text.length > texts[index - 1]!.length));
}
