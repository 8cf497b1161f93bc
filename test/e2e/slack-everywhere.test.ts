import { beforeAll, describe, expect, test } from "vitest";
import { type Scene, sceneOf, turnOf } from "../support/e2e.ts";
import { converse, grows, lastTexts, onlyShown, SlackVoice, TelegramVoice, type Voice } from "../support/voice.ts";

/** About 3 s of speaking. */
const PACE = { chunkChars: 5, chunkEveryMs: 45 };
const answerTo = (name: string, no: number) =>
  Array.from({ length: 50 }, (_, index) => `${name}${no}.${index}`).join(" ");

/** An edit every 1.45 s is what Slack gives a whole workspace, so twenty answers take their time to be whole. */
const PATIENCE = { timeout: 180_000 };

describe.each(["socket", "http"] as const)("Telegram and Slack (%s) in one gateway", (slack) => {
  const scene = sceneOf({ slack: {} });
  beforeAll(async () => {
    await scene().start({ slack });
    scene().model.script((request) => {
      const [, name = "nobody", no = "0"] = /I am (\w+), question (\d)/.exec(turnOf(request)) ?? [];
      return name === "nobody"
        ? { chunkChars: 1000 }
        : { text: answerTo(name, Number(no)), ...(no === "1" ? PACE : { chunkChars: 1000 }) };
    });
  });

  test("a few at a time: an answer of 3 s grows by two edits and more, on both", PATIENCE, async () => {
    const [dm, thread, , , chat] = await voices(scene(), 1);
    const few = [dm!, thread!, chat!];
    await Promise.all(few.map((voice) => converse(scene(), voice, `I am ${voice.name}, question 1`)));
    for (const voice of few) {
      const message = onlyShown(voice);
      expect(message.texts.at(-1)).toBe(answerTo(voice.name, 1));
      expect(new Set(message.texts).size - 1, `edits of the answer to ${voice.name}`).toBeGreaterThanOrEqual(2);
      expect(grows(message), `the answer to ${voice.name} grows: ${message.texts.join("\n")}`).toBe(true);
    }
  });

  test(
    "20 places at once: one message each in its thread, which becomes what the model sent, and each second question knows the first",
    PATIENCE,
    async () => {
      const { slack: fake, telegram } = scene();
      const crowd = await voices(scene(), 4);
      expect(crowd).toHaveLength(20);
      const before = crowd.map((voice) => voice.shown().length);
      const shownSince = (voice: Voice, index: number) => voice.shown().slice(before[index]);

      const first = await Promise.all(
        crowd.map((voice) => converse(scene(), voice, `I am ${voice.name}, question 1`, 120_000)),
      );
      for (const [index, voice] of crowd.entries()) {
        const [message, ...others] = shownSince(voice, index);
        expect(others, `further messages to ${voice.name}`).toEqual([]);
        expect(message!.texts.at(-1)).toBe(first[index]!.sentText);
        expect(first[index]!.sentText).toBe(answerTo(voice.name, 1));
        // On Slack all share the workspace's budget, of which whole answers come first.
        const least = voice instanceof TelegramVoice ? 3 : 1;
        expect(message!.texts.length, `versions of the answer to ${voice.name}`).toBeGreaterThanOrEqual(least);
        expect(grows(message!), `the answer to ${voice.name} grows: ${message!.texts.join("\n")}`).toBe(true);
      }

      const second = await Promise.all(
        crowd.map((voice) => converse(scene(), voice, `I am ${voice.name}, question 2`, 120_000)),
      );
      for (const [index, { name }] of crowd.entries()) {
        const talk = second[index]!.messages.filter(({ role }) => role !== "system").slice(-3);
        expect(talk.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
        expect(talk[0]?.content).toContain(`I am ${name}, question 1`);
        expect(talk[1]?.content).toBe(answerTo(name, 1));
        const others = crowd.filter((other) => other.name !== name);
        expect(others.filter((other) => JSON.stringify(second[index]!.body).includes(`I am ${other.name},`))).toEqual(
          [],
        );
      }
      for (const [index, voice] of crowd.entries()) expect(shownSince(voice, index), voice.name).toHaveLength(2);
      // Nothing stands outside of threads, or in a thread of nobody's.
      const slackVoices = crowd.filter((voice) => voice instanceof SlackVoice);
      for (const { channel } of slackVoices) expect(fake.botMessages(channel, null)).toEqual([]);
      expect([fake.earlyCalls, telegram.earlyCalls]).toEqual([[], []]);
      expect(fake.rateLimited).toBe(0);
      await fake.until(() => fake.pendingEvents === 0, 60_000);
      expect(fake.lostEvents).toEqual([]);
    },
  );

  test(
    "security-17: what was told in one place, or before a new talk, never reaches the model from another",
    PATIENCE,
    async () => {
      const { slack: fake } = scene();
      const tellers = await voices(scene(), 1);
      const [dm, thread, groupDm, , chat] = tellers as [SlackVoice, SlackVoice, SlackVoice, SlackVoice, Voice];
      const secret = ({ name }: Voice) => `CANARY-TOLD-BY-${name}`;
      await Promise.all(tellers.map((voice) => converse(scene(), voice, `keep this: ${secret(voice)}`)));
      const here = JSON.stringify((await converse(scene(), thread, "still known here?")).body);
      expect(tellers.filter((voice) => here.includes(secret(voice)))).toEqual([thread]);

      const other = (name: string, channel = thread.channel, user = thread.user) =>
        new SlackVoice(scene(), name, { channel, user });
      const elsewhere = [
        other("another thread of the channel"),
        other("another thread of the DM", dm.channel, dm.user),
        other("the same person in a DM", fake.dm(thread.user)),
        other("another channel", fake.channelNamed(`other-${slack}`)),
      ];
      for (const voice of elsewhere) {
        const { body } = await converse(scene(), voice, `known in ${voice.name}?`);
        expect(JSON.stringify(body)).not.toContain("CANARY-TOLD");
      }

      const renew: [Voice, () => void][] = [
        [dm, () => dm.say("new")],
        [thread, () => thread.say("new", true)],
        [groupDm, () => groupDm.say("new", true)],
        [chat, () => chat.say("/new")],
      ];
      for (const [voice, say] of renew) {
        say();
        await voice.until(() => lastTexts(voice).some((text) => text.startsWith("A new")), 60_000);
        const { body } = await converse(scene(), voice, `known to ${voice.name} now?`);
        expect(JSON.stringify(body), voice.name).not.toContain("CANARY-TOLD");
      }
    },
  );

  test(
    "`/parley new` begins a new talk where it is typed, and is answered for nobody else to read",
    PATIENCE,
    async () => {
      const { slack: fake } = scene();
      const user = fake.user("ann");
      const [dm, thread] = [fake.dm(user), fake.channelNamed("slashes")].map(
        (channel) => new SlackVoice(scene(), `ann in ${channel.type}`, { channel, user }),
      ) as [SlackVoice, SlackVoice];
      for (const voice of [dm, thread]) {
        await converse(scene(), voice, "keep this: CANARY-BEFORE-SLASH");
        fake.slash({ channel: voice.channel, user, command: "/parley new" });
        const told = () => fake.ephemerals(voice.channel).filter((message) => message.user === user);
        await fake.until(() => told().length === 1, 60_000);
        expect(told()[0]!.shown).toMatch(/^A new/);
        const { body } = await converse(scene(), voice, `known after the slash of ${voice.name}?`);
        expect(JSON.stringify(body)).not.toContain("CANARY-BEFORE-SLASH");
      }
    },
  );

  test("a person who writes on both is two users, who share nothing", PATIENCE, async () => {
    const name = "Doppelganger";
    const { slack: fake } = scene();
    const onTelegram = new TelegramVoice(scene(), name, scene().person(name));
    const onSlack = new SlackVoice(scene(), name, { channel: fake.dm(fake.user(name)), user: fake.user(name) });
    await converse(scene(), onTelegram, "keep this: CANARY-OF-BOTH");
    const { body } = await converse(scene(), onSlack, "am I the same?");
    expect(JSON.stringify(body)).not.toContain("CANARY-OF-BOTH");
    // The answer stands there before it is part of the talk, and of the list; its last edit may wait for Slack's limit.
    const isOver = () =>
      fake.botMessages(onSlack.channel, onSlack.thread).every(({ shown }) => !shown.endsWith("[Stop]"));
    await onSlack.until(isOver, 60_000);
    for (const voice of [onTelegram, onSlack]) voice.say(voice === onSlack ? "sessions" : "/sessions");
    for (const voice of [onTelegram, onSlack]) {
      await voice.until(() => voice.shown().length === 2, 60_000);
      const list = lastTexts(voice)[1]!;
      expect(list.match(/keep this|am I the same/g)).toEqual([voice === onSlack ? "am I the same" : "keep this"]);
    }
  });

  test("security-25, security-30: no secret, system prompt, stack or path was sent to anybody, and no message stands in the log", () => {
    expect(scene().sentToModel.length).toBeGreaterThan(40);
    expect(scene().leaks()).toEqual([]);
    expect(scene().log.join("")).not.toMatch(/CANARY|question \d|I am /);
  });
});

/** `each` voices of every kind: direct messages, threads of a channel, group DMs, threads that are known, Telegram chats. */
async function voices(scene: Scene, each: number): Promise<Voice[]> {
  const { slack } = scene;
  const channel = slack.channelNamed("busy");
  const kinds: ((name: string) => Voice)[] = [
    (name) => new SlackVoice(scene, name, { channel: slack.dm(slack.user(name)), user: slack.user(name) }),
    (name) => new SlackVoice(scene, name, { channel, user: slack.user(name) }),
    (name) => {
      const user = slack.user(name);
      return new SlackVoice(scene, name, { channel: slack.groupDm([user, slack.user("everywhere")]), user });
    },
    (name) => new SlackVoice(scene, name, { channel, user: slack.user(name) }),
    (name) => new TelegramVoice(scene, name, scene.person(name)),
  ];
  const all = kinds.flatMap((make, kind) =>
    Array.from({ length: each }, () => make(`${["Dora", "Theo", "Gus", "Kim", "Tess"][kind]}x${(places += 1)}`)),
  );
  // What they are asked first opens the thread; what counts here is said in it without a mention.
  const known = all.slice(3 * each, 4 * each);
  await Promise.all(known.map((voice) => converse(scene, voice, `hello from ${voice.name}`)));
  return all;
}

let places = 0;
