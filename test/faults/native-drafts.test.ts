import { expect, it } from "vitest";
import type { FakeChat } from "../fakes/telegram/chats.ts";
import { numberedWords } from "../support/numbered-words.ts";
import { Stage } from "../support/chaos/stage.ts";
import { until } from "../support/test-gateway.ts";
import { answerTo } from "../support/chaos/verdict.ts";

const WORDS = 40;
const ENV = { TELEGRAM_DRAFTS: "true" };
/** About 4 s of speaking. */
const SLOW = { words: WORDS, chunkChars: 4, chunkEveryMs: 50 };
const QUICK = { chunkEveryMs: 12 };

it("fault-01: makes one whole message of a drafted answer whose replica was killed -9 in its middle", async () => {
  const stage = await Stage.open({ env: ENV, model: SLOW });
  await stage.startTwo();
  const { ann, chat } = annOf(stage);
  stage.telegram.say({ chat, from: ann, text: "one" });
  await stage.telegram.until(() => drafts(chat).length === 2, 15_000);
  const victim = stage.replicaOf(stage.model.requests[0]);
  stage.model.script(() => QUICK);
  await victim.process.kill();
  const whole = answerTo("one", WORDS);
  const states = () => stage.rows<{ state: string }>("select state from outbox");
  await until("the page to be sent", async () => (await states()).some(({ state }) => state === "sent"), 20_000);
  expect(stage.telegram.botMessages(chat).map(({ versions }) => versions.map(({ text }) => text))).toEqual([[whole]]);
  expect(stage.model.requests.map((request) => request.model)).toEqual([victim.name, stage.other(victim).name]);
  expect(new Set(drafts(chat).map(({ draftId }) => draftId)).size).toBe(1);
  for (const { text } of drafts(chat)) expect(whole.startsWith(text), text).toBe(true);
  expect(await states()).toEqual([{ state: "sent" }]);
  expect(stage.telegram.earlyCalls).toEqual([]);
});

it("fault-01: doubles no page of a long one, of which some had been posted", async () => {
  const text = numberedWords(9_000);
  const stage = await Stage.open({ env: ENV });
  await stage.startTwo();
  const { ann, chat } = annOf(stage);
  stage.model.script(() => ({ text, chunkChars: 300, chunkEveryMs: 200 }));
  stage.telegram.say({ chat, from: ann, text: "one" });
  const first = await stage.botMessage(chat);
  await stage.telegram.until(() => drafts(chat).at(-1)?.text.startsWith(first.text.slice(0, 5)) === false, 15_000);
  const victim = stage.replicaOf(stage.model.requests[0]);
  stage.model.script(() => ({ text, chunkChars: 300, chunkEveryMs: 12 }));
  await victim.process.kill();
  const words = (shown: string) => shown.split(/\s+/);
  const all = () =>
    words(
      stage.telegram
        .botMessages(chat)
        .map((message) => message.text)
        .join(" "),
    );
  await stage.telegram.until(() => all().at(-1) === words(text).at(-1), 20_000);
  expect(all()).toEqual(words(text));
  expect(stage.telegram.botMessages(chat)).toContain(first);
});

it("keeps what a drafted answer had said whose Stop is pressed when its replica is dead", async () => {
  // Long enough to be under way still when the heir is up.
  const stage = await Stage.open({ env: ENV, webhook: true, model: { ...SLOW, chunkEveryMs: 250 } });
  const victim = await stage.start("victim");
  stage.router.target = victim;
  const { ann, chat } = annOf(stage);
  stage.telegram.say({ chat, from: ann, text: "one" });
  await stage.telegram.until(() => drafts(chat).length === 2, 15_000);
  stage.router.target = await stage.start("heir");
  await victim.process.kill();
  stage.telegram.stopDraft(chat, drafts(chat)[0]!.draftId);
  const message = await stage.botMessage(chat, 0, 30_000);
  const said = message.text.replace(/\n\n⏹ Stopped\.$/, "");
  expect(said).not.toBe(message.text);
  expect(answerTo("one", WORDS).startsWith(said), said).toBe(true);
  expect(said.length).toBeGreaterThan(20);
  expect(stage.model.requests).toHaveLength(1);
  expect(stage.telegram.botMessages(chat)).toEqual([message]);
});

function annOf({ telegram }: Stage) {
  const ann = telegram.user(7, "Ann");
  return { ann, chat: telegram.privateChat(ann) };
}

/** Every draft that was seen, oldest first. */
function drafts(chat: FakeChat) {
  return chat.events.flatMap((event) => (event.kind === "draft" ? [event.draft] : []));
}
