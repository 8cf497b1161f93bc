import { expect, it } from "vitest";
import { lastUserText, Stage } from "../support/chaos/stage.ts";
import { until } from "../support/test-gateway.ts";
import { answerTo, measured, shortenings, shownAt } from "../support/chaos/verdict.ts";

const WORDS = 40;
/** About 3 s of speaking: one message and two edits. */
const SLOW = { words: WORDS, chunkChars: 4, chunkEveryMs: 40 };
/** The second attempt speaks at once: what is measured is the take-over, not the length of the answer. */
const QUICK = { chunkChars: 10_000 };

it("fault-01: completes the same message on the other replica within 8 s of a kill -9 in mid-answer", async () => {
  const stage = await Stage.open({ model: SLOW });
  await stage.startTwo();
  const ann = stage.telegram.user(7, "Ann");
  const chat = stage.telegram.privateChat(ann);
  stage.telegram.say({ chat, from: ann, text: "one" });
  const message = await stage.botMessage(chat);
  await stage.telegram.until(() => message.versions.length === 2);
  const victim = stage.replicaOf(stage.model.requests[0]);
  stage.model.script(() => QUICK);
  await victim.process.kill();
  const killedAt = Date.now();
  const whole = answerTo("one", WORDS);
  expect(message.text).not.toBe(whole);

  await stage.telegram.until(() => message.text === whole, 15_000);
  const tookMs = measured("kill to the whole answer", shownAt(message, whole) - killedAt);
  expect(tookMs, "ms from the kill to the whole answer").toBeLessThan(8_000);
  expect(stage.telegram.botMessages(chat)).toEqual([message]);
  expect(shortenings(message)).toEqual([]);
  expect(stage.model.requests.map((request) => request.model)).toEqual([victim.name, stage.other(victim).name]);
  expect(stage.telegram.earlyCalls).toEqual([]);
});

it("fault-01: shortens nothing, although the dead replica had stored none of the text that it showed", async () => {
  const stage = await Stage.open({ model: SLOW });
  let only = await stage.start("only");
  const ann = stage.telegram.user(7, "Ann");
  const chat = stage.telegram.privateChat(ann);
  stage.telegram.say({ chat, from: ann, text: "one" });
  const message = await stage.botMessage(chat);
  const recorded = "select 1 from outbox where message_id is not null";
  await until("the message to be recorded", async () => (await stage.rows(recorded)).length === 1);
  await only.process.kill();
  expect(await stage.rows("select 1 from run_events where type = 'text.delta'")).toEqual([]);
  only = await stage.start("only");
  const whole = answerTo("one", WORDS);
  await stage.telegram.until(() => message.text === whole, 15_000);
  expect(stage.telegram.botMessages(chat)).toEqual([message]);
  expect(shortenings(message)).toEqual([]);
});

it("fault-03: doubles at most the first, short message when its sender died before it was recorded", async () => {
  const stage = await Stage.open({ model: SLOW });
  await stage.startTwo();
  const ann = stage.telegram.user(7, "Ann");
  const chat = stage.telegram.privateChat(ann);
  stage.telegram.fault({ kind: "stall-after-applying", method: "sendMessage", chat });
  stage.telegram.say({ chat, from: ann, text: "one" });
  const first = await stage.botMessage(chat);
  const victim = stage.replicaOf(stage.model.requests[0]);
  stage.model.script(() => QUICK);
  await victim.process.kill();

  const whole = answerTo("one", WORDS);
  await stage.telegram.until(() => stage.telegram.botMessages(chat).some(({ text }) => text === whole), 15_000);
  const shown = stage.telegram.botMessages(chat);
  expect(shown.map(({ messageId }) => messageId)).toContain(first.messageId);
  expect(shown).toHaveLength(2);
  expect(whole.startsWith(first.text) && first.text !== whole).toBe(true);
  expect(first.versions).toHaveLength(1);
  const states = await stage.rows<{ state: string; message_id: string | null }>("select state, message_id from outbox");
  expect(states.filter(({ state }) => state === "uncertain")).toEqual([{ state: "uncertain", message_id: null }]);
  expect(stage.telegram.earlyCalls).toEqual([]);
});

it("fails a run whose third attempt has died as well, and tells the person", async () => {
  const stage = await Stage.open({ model: SLOW });
  let only = await stage.start("only");
  const ann = stage.telegram.user(7, "Ann");
  const chat = stage.telegram.privateChat(ann);
  stage.telegram.say({ chat, from: ann, text: "deadly" });
  for (let attempt = 1; attempt <= 3; attempt++) {
    await stage.model.until(() => stage.model.requests[attempt - 1]?.firstChunkAt != null, 15_000);
    if (attempt === 1) await stage.telegram.until(() => stage.telegram.botMessages(chat)[0]?.versions.length === 2);
    await only.process.kill();
    only = await stage.start("only");
  }
  const message = await stage.telegram.until(() =>
    stage.telegram.botMessages(chat).find(({ text }) => text.includes("it failed several times")),
  );
  expect(stage.telegram.botMessages(chat)).toEqual([message]);
  expect(stage.asked("deadly")).toHaveLength(3);
  stage.telegram.say({ chat, from: ann, text: "next" });
  await stage.telegram.until(() => stage.telegram.botMessages(chat)[1]?.text === answerTo("next", WORDS), 10_000);
  expect(await stage.rows("select state, error_code, crashes from runs order by started_at limit 1")).toEqual([
    { state: "failed", error_code: "crashed", crashes: 3 },
  ]);
});

it("ends answers of a dead replica as they were ended meanwhile, and asks the model nothing again", async () => {
  const stage = await Stage.open({ webhook: true, model: SLOW });
  const victim = await stage.start("victim");
  stage.router.target = victim;
  const { telegram } = stage;
  // Long enough to be under way still when the heir is up.
  stage.model.script((request) => (lastUserText(request).startsWith("to be") ? { chunkEveryMs: 250 } : {}));
  const say = (chat: number, text: string) => void telegram.say({ chat, from: telegram.user(chat), text });
  for (const chat of [7, 8]) telegram.privateChat(telegram.user(chat, `P${chat}`));
  say(7, "to be stopped");
  say(8, "to be interrupted");
  const [stopped, interrupted] = await Promise.all([stage.botMessage(7), stage.botMessage(8)]);
  await telegram.until(() => [stopped, interrupted].every(({ versions }) => versions.length === 2));
  stage.router.target = await stage.start("heir");
  await victim.process.kill();
  say(7, "/stop");
  say(8, "instead");

  await telegram.until(() => stopped.text.endsWith("⏹ Stopped."), 15_000);
  await telegram.until(() => interrupted.text.endsWith("⏹ Interrupted."), 15_000);
  await telegram.until(() => telegram.botMessages(8)[1]?.text === answerTo("instead", WORDS), 10_000);
  expect(stage.model.requests.filter(({ model }) => model === "heir").map(lastUserText)).toEqual(["instead"]);
  expect([shortenings(stopped), shortenings(interrupted)]).toEqual([[], []]);
  expect(telegram.botMessages(7).map(({ text }) => text)).toEqual([stopped.text, "⏹ Stopped."]);
  expect(telegram.botMessages(8)).toHaveLength(2);
});
