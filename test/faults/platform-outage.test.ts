import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { FakeChat, FakeMessage, FakeUser } from "../fakes/telegram/chats.ts";
import type { FakeTelegram } from "../fakes/telegram/fake-telegram.ts";
import { type Replica, Stage } from "../support/chaos/stage.ts";
import { answerTo } from "../support/chaos/verdict.ts";
import { until } from "../support/test-gateway.ts";

const WORDS = 40;
/** About 3 s of speaking. */
const SLOW = { words: WORDS, chunkChars: 4, chunkEveryMs: 40 };

/** What the operator sees of posts that are uncertain, failed or parked, newest first: state and chat. */
async function troubled(replica: Replica): Promise<string[]> {
  const { body } = await replica.process.api("GET", "/v1/deliveries");
  return body.deliveries.map(({ state, chat }: { state: string; chat: string }) => `${state} ${chat}`);
}

describe.concurrent("Telegram", () => {
  it("fault-15: that swallows every call costs no answer: runs go on, edits coalesce, all is delivered after", async (test) => {
    const stage = await Stage.open({ model: SLOW, webhook: true }, test);
    stage.router.target = await stage.start("a");
    const { telegram } = stage;
    const [ann, bob] = [telegram.user(7, "Ann"), telegram.user(8, "Bob")];
    const [seen, unseen] = [telegram.privateChat(ann), telegram.privateChat(bob)];
    telegram.say({ chat: seen, from: ann, text: "seen before" });
    const message = await stage.botMessage(seen);
    telegram.say({ chat: unseen, from: bob, text: "seen after" });
    await until("both are being answered", () => stage.model.requests.length === 2);
    telegram.blackhole(true);
    await until("the model has said all", () => stage.model.requests.every(({ closedAt }) => closedAt !== null));
    expect(stage.model.requests.map(({ closedBy }) => closedBy)).toEqual(["server", "server"]);
    await sleep(5_000);
    const before = message.text;
    telegram.blackhole(false);
    // What was swallowed is given up 15 s after it was sent.
    await telegram.until(() => message.text === answerTo("seen before", WORDS), 30_000);
    await telegram.until(() => texts(telegram.botMessages(unseen)).includes(answerTo("seen after", WORDS)), 30_000);
    expect(telegram.botMessages(seen)).toEqual([message]);
    expect(message.versions.map(({ text }) => text).slice(-2)).toEqual([before, answerTo("seen before", WORDS)]);
    expect(texts(telegram.botMessages(unseen))).toEqual([answerTo("seen after", WORDS)]);
    expect((await stage.rows<{ state: string }>("select state from runs")).map(({ state }) => state)).toEqual([
      "completed",
      "completed",
    ]);
    telegram.say({ chat: unseen, from: bob, text: "and now?" });
    await stage.botMessage(unseen, 1);
    expect(telegram.earlyCalls).toEqual([]);
  });

  it("fault-15: that swallows the draft and the final answer alike leaves it listed as uncertain, and posts it no third time", async (test) => {
    const stage = await Stage.open({ webhook: true, model: { words: WORDS } }, test);
    const replica = await stage.start("a");
    stage.router.target = replica;
    const { telegram } = stage;
    const ann = telegram.user(7, "Ann");
    const chat = telegram.privateChat(ann);
    telegram.fault({ kind: "stall", method: "sendMessage", times: 2 });
    telegram.say({ chat, from: ann, text: "into the dark" });
    await until("two calls are given up", async () => (await troubled(replica)).length === 2, 40_000);
    expect(await troubled(replica)).toEqual(["uncertain 7", "uncertain 7"]);
    await sleep(2_000);
    expect(telegram.calls("sendMessage", chat)).toHaveLength(2);
    expect(telegram.botMessages(chat)).toEqual([]);
    telegram.say({ chat, from: ann, text: "again please" });
    await stage.botMessage(chat);
    expect(texts(telegram.botMessages(chat))).toEqual([answerTo("again please", WORDS)]);
  });

  it("fault-16: in a storm of 429 is called by no chat before its time, and every answer arrives whole", async (test) => {
    const stage = await Stage.open({ model: SLOW }, test);
    await stage.start("a");
    const { telegram } = stage;
    const hit = crowd(telegram, 100, 8);
    const spared = crowd(telegram, 200, 8);
    for (const { chat } of hit) telegram.fault({ kind: "429", chat, retryAfter: 2, times: 4 });
    for (const { chat, user } of [...hit, ...spared]) telegram.say({ chat, from: user, text: `I am ${user.name}` });
    const isDone = ({ chat, user }: Person) =>
      texts(telegram.botMessages(chat)).join() === answerTo(`I am ${user.name}`, WORDS);
    await telegram.until(() => spared.every(isDone), 60_000);
    expect(hit.filter(isDone), "answers that are delayed").toEqual([]);
    await telegram.until(() => hit.every(isDone), 90_000);
    expect(telegram.earlyCalls).toEqual([]);
    expect(telegram.journal.filter(({ outcome }) => outcome === 429)).toHaveLength(32);
  });

  it("fault-17: that asks one chat to wait for an hour parks its answer, blocks nobody else, and gets it after the hour", async (test) => {
    let passed = 0;
    const stage = await Stage.open({ model: { words: WORDS }, telegram: { now: () => Date.now() + passed } }, test);
    const replica = await stage.start("a");
    const { telegram } = stage;
    const [parked, ...others] = crowd(telegram, 300, 6);
    telegram.fault({ kind: "429", chat: parked!.chat, retryAfter: 3_600 });
    telegram.say({ chat: parked!.chat, from: parked!.user, text: "the first" });
    await until("its run is over, and its answer waits", async () => {
      const [run] = await stage.rows<{ state: string }>("select state from runs");
      const [place] = await stage.rows<{ wait: number }>(
        "select extract(epoch from blocked_until - now())::float8 as wait from places",
      );
      return run?.state === "completed" && (place?.wait ?? 0) > 3_500;
    });
    expect(await stage.rows("select state, chat from outbox")).toEqual([{ state: "planned", chat: "300" }]);
    expect(await troubled(replica)).toEqual(["parked 300"]);
    const metrics = async () => String((await replica.process.api("GET", "/metrics")).body);
    await until("the metrics to count it", async () => (await metrics()).includes("parley_pages_parked 1"));
    telegram.say({ chat: parked!.chat, from: parked!.user, text: "the second" });
    for (const { chat, user } of others) telegram.say({ chat, from: user, text: `I am ${user.name}` });
    await telegram.until(() => others.every(({ chat }) => telegram.botMessages(chat).length === 1), 10_000);
    await until("the model has answered the second as well", () => stage.asked("the second").length === 1);
    expect(stage.asked("the second")[0]!.messages.map(({ role }) => role)).toEqual([
      "system",
      "user",
      "assistant",
      "user",
    ]);
    const { status } = await replica.process.api("GET", "/readyz");
    expect(status).toBe(200);
    // A post that was on its way when Telegram asked to wait was refused like the call before it.
    expect(telegram.calls("sendMessage", parked!.chat).filter(({ outcome }) => outcome === "ok")).toEqual([]);
    expect(telegram.earlyCalls).toEqual([]);

    await replica.process.kill();
    passed = 3_601_000;
    await stage.rows("update outbox set due_at = due_at - interval '3601 s' where due_at > now()");
    await stage.rows("update places set blocked_until = blocked_until - interval '3601 s'");
    await stage.start("a");
    await telegram.until(() => telegram.botMessages(parked!.chat).length === 2, 30_000);
    expect(texts(telegram.botMessages(parked!.chat))).toEqual([
      answerTo("the first", WORDS),
      answerTo("the second", WORDS),
    ]);
  });

  it("fault-18: that answers with a proxy's page may have applied the call: edits are repeated, a post is listed and not", async (test) => {
    const stage = await Stage.open({ model: SLOW }, test);
    const replica = await stage.start("a");
    const { telegram } = stage;
    const [edited, replied, drafted] = crowd(telegram, 400, 3);
    telegram.fault({ kind: "html-502", method: "editMessageText", chat: edited!.chat, times: 3 });
    telegram.fault({ kind: "html-502", method: "sendMessage", chat: replied!.chat });
    telegram.fault({ kind: "html-502", method: "sendMessage", chat: drafted!.chat, applied: true });
    telegram.say({ chat: replied!.chat, from: replied!.user, text: "/help" });
    for (const { chat, user } of [edited!, drafted!]) telegram.say({ chat, from: user, text: `I am ${user.name}` });
    const answer = ({ user }: Person) => answerTo(`I am ${user.name}`, WORDS);
    await telegram.until(() => texts(telegram.botMessages(edited!.chat)).includes(answer(edited!)), 20_000);
    await telegram.until(() => texts(telegram.botMessages(drafted!.chat)).includes(answer(drafted!)), 20_000);
    expect(telegram.botMessages(edited!.chat)).toHaveLength(1);
    // Only the first, short text stands twice; the whole answer once.
    const [orphan, whole, ...more] = texts(telegram.botMessages(drafted!.chat));
    expect([whole, ...more]).toEqual([answer(drafted!)]);
    expect(orphan!.length).toBeLessThan(100);
    expect((await troubled(replica)).toSorted()).toEqual(["uncertain 401", "uncertain 402"]);
    expect(telegram.calls("sendMessage", replied!.chat)).toHaveLength(1);
    telegram.say({ chat: replied!.chat, from: replied!.user, text: "/help" });
    await stage.botMessage(replied!.chat);
  });
});

interface Person {
  chat: FakeChat;
  user: FakeUser;
}

function crowd(telegram: FakeTelegram, firstId: number, count: number): Person[] {
  return Array.from({ length: count }, (_, index) => {
    const user = telegram.user(firstId + index, `P${firstId + index}`);
    return { user, chat: telegram.privateChat(user) };
  });
}

function texts(messages: FakeMessage[]): string[] {
  return messages.map(({ text }) => text);
}
