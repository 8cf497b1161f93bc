import { describe, expect, it } from "vitest";
import type { FakeMessage } from "../fakes/telegram/chats.ts";
import { Stage } from "../support/chaos/stage.ts";
import { answerTo } from "../support/chaos/verdict.ts";
import { until } from "../support/test-gateway.ts";

const WORDS = 60;
/** About 4 s of speaking. */
const SLOW = { words: WORDS, chunkChars: 4, chunkEveryMs: 35 };

/** In groups the model gets the author's name before the text. */
const groupAnswer = (name: string, question: string) => answerTo(`[${name}] ${question}`, WORDS);

describe.concurrent("fault-19", () => {
  it("a person who blocks the bot in mid-answer ends the run, and is answered again after letting it in", async (test) => {
    const stage = await Stage.open({ model: SLOW }, test);
    const replica = await stage.start("a");
    const { telegram, model } = stage;
    const ann = telegram.user(7, "Ann");
    const chat = telegram.privateChat(ann);
    telegram.say({ chat, from: ann, text: "one" });
    await stage.botMessage(chat);
    telegram.blockBot(chat);
    await until("the model's answer is given up", () => model.requests[0]!.closedBy === "client");
    expect(model.requests[0]!.sentText).not.toBe(answerTo("one", WORDS));
    await until("the run is over and the place flagged", async () => {
      const rows = await stage.rows<{ state: string; end_reason: string; gone: boolean }>(
        "select r.state, r.end_reason, p.gone_at is not null as gone from runs r, places p",
      );
      return JSON.stringify(rows) === JSON.stringify([{ state: "cancelled", end_reason: "place_gone", gone: true }]);
    });
    await until("what could not be shown is listed", async () => {
      const { body } = await replica.process.api("GET", "/v1/deliveries?state=failed");
      return body.deliveries.length === 1;
    });
    expect(telegram.journal.filter(({ outcome }) => outcome === 403).length).toBeLessThanOrEqual(3);
    telegram.unblockBot(chat);
    telegram.say({ chat, from: ann, text: "two" });
    await telegram.until(() => texts(telegram.botMessages(chat)).includes(answerTo("two", WORDS)), 15_000);
    expect(await stage.rows("select gone_at from places")).toEqual([{ gone_at: null }]);
    // The part that was shown is part of the history.
    expect(stage.asked("two")[0]!.messages[2]?.content).toMatch(/^You said: one\b[^]*\[interrupted by the user\]$/);
  });

  it("a group that throws the bot out in mid-answer ends the run; others go on", async (test) => {
    const stage = await Stage.open({ model: SLOW }, test);
    await stage.start("a");
    const { telegram, model } = stage;
    const [ann, bob] = [telegram.user(7, "Ann"), telegram.user(8, "Bob")];
    const [group, other] = [telegram.group(-5001), telegram.group(-5002)];
    const call = `@${telegram.botUsername}`;
    telegram.say({ chat: group, from: ann, text: `${call} one` });
    telegram.say({ chat: other, from: bob, text: `${call} two` });
    await stage.botMessage(group);
    telegram.kick(group);
    await telegram.until(() => texts(telegram.botMessages(other)).includes(groupAnswer("Bob", "two")), 15_000);
    await until("the model's answer to the group is given up", () => stage.asked("one")[0]!.closedBy === "client");
    expect(model.requests.filter(({ closedBy }) => closedBy === "server")).toEqual(stage.asked("two"));
  });

  it("a group that becomes a supergroup in mid-answer is followed: the answer is whole there, and the talk goes on", async (test) => {
    const stage = await Stage.open({ model: SLOW }, test);
    await stage.start("a");
    const { telegram } = stage;
    const ann = telegram.user(7, "Ann");
    const old = telegram.group(-5003, "the club");
    const call = `@${telegram.botUsername}`;
    telegram.say({ chat: old, from: ann, text: `${call} one` });
    await stage.botMessage(old);
    const chat = telegram.migrate(old, -1_000_000_005_003);
    await telegram.until(() => texts(telegram.botMessages(chat)).includes(groupAnswer("Ann", "one")), 15_000);
    expect(telegram.botMessages(chat)).toHaveLength(1);
    telegram.say({ chat, from: ann, text: `${call} two` });
    await telegram.until(() => texts(telegram.botMessages(chat)).includes(groupAnswer("Ann", "two")), 15_000);
    const [request] = stage.asked("two");
    expect(request!.messages.map(({ role }) => role)).toEqual(["system", "user", "assistant", "user"]);
    expect(await stage.rows("select chat from places")).toEqual([{ chat: String(chat.id) }]);
    expect(await stage.rows("select state from runs")).toEqual([{ state: "completed" }, { state: "completed" }]);
  });

  for (const how of ["deleted", "closed"] as const) {
    it(`a topic that is ${how} in mid-answer loses no answer`, async (test) => {
      const stage = await Stage.open({ model: SLOW }, test);
      const replica = await stage.start("a");
      const { telegram } = stage;
      const ann = telegram.user(7, "Ann");
      const chat = telegram.group(-1_000_000_005_004, "forum", { forum: true });
      const topic = telegram.topic(chat, "cooking").id;
      telegram.say({ chat, from: ann, text: `@${telegram.botUsername} one`, thread: topic });
      await telegram.until(() => telegram.botMessages(chat, topic)[0], 15_000);
      if (how === "deleted") telegram.deleteTopic(chat, topic);
      else telegram.closeTopic(chat, topic);
      await telegram.until(() => texts(telegram.botMessages(chat)).includes(groupAnswer("Ann", "one")), 20_000);
      expect(texts(telegram.botMessages(chat))).toEqual([groupAnswer("Ann", "one")]);
      await until("the run is over", async () => {
        const [run] = await stage.rows<{ state: string }>("select state from runs");
        return run?.state === "completed";
      });
      expect((await replica.process.api("GET", "/v1/deliveries")).body.deliveries).toEqual([]);
    });
  }
});

function texts(messages: FakeMessage[]): string[] {
  return messages.map(({ text }) => text);
}
