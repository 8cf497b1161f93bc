import { it } from "vitest";
import { lastUserText, Stage } from "../support/chaos/stage.ts";
import { answerTo, measured, shortenings } from "../support/chaos/verdict.ts";

const WORDS = 40;
/** About 4 s of speaking. */
const SLOW = { words: WORDS, chunkChars: 4, chunkEveryMs: 50 };
/** Longer than the grace of 20 s. */
const ENDLESS = { ttftMs: 0, chunkEveryMs: 500 };
const GRACE_MS = 20_000;
const CHATS = Array.from({ length: 20 }, (_, index) => 300 + index);

interface RunRow {
  state: string;
  crashes: number;
  attempt: number;
}

function say(stage: Stage, chat: number, text: string): void {
  const person = stage.telegram.user(chat, `P${chat}`);
  stage.telegram.say({ chat: stage.telegram.privateChat(person), from: person, text });
}

// Both wait for the same grace time, so they do it side by side.
it.concurrent("fault-04: SIGTERM during 20 answers ends with 0 in time, and every answer is completed in its message", async (test) => {
  const { expect } = test;
  const stage = await Stage.open({ model: SLOW }, test);
  const [a, b] = await stage.startTwo();
  // The first answer that runs on the leaving replica outlasts the grace time, and is left to the other one.
  const long = () => stage.model.requests.find((request) => request.model === a.name);
  stage.model.script((request) => (request === long() ? ENDLESS : {}));
  for (const chat of CHATS) say(stage, chat, `hello ${chat}`);
  const messages = await Promise.all(CHATS.map((chat) => stage.botMessage(chat)));
  const here = stage.model.requests.filter(({ model }) => model === a.name);
  expect(here.length, "answers on the replica that leaves").toBeGreaterThan(2);

  a.process.signal("SIGTERM");
  const termAt = Date.now();
  // The signal is on its way to the process as this is.
  let ready = await a.process.api("GET", "/readyz");
  for (; ready.status === 200 && Date.now() - termAt < 2_000; ready = await a.process.api("GET", "/readyz"));
  expect(ready).toMatchObject({ status: 503, body: { checks: { gateway: "draining" } } });
  const fresh = 999;
  say(stage, fresh, "after TERM");
  const exit = await a.process.exited;
  const tookMs = measured("SIGTERM to the exit", Date.now() - termAt);
  expect(exit).toEqual({ code: 0, signal: null });
  expect(tookMs).toBeLessThan(GRACE_MS + 3_000);
  expect(a.witness.of("getUpdates").filter(({ at }) => at > termAt + 50)).toEqual([]);

  const whole = (chat: number) => answerTo(`hello ${chat}`, WORDS);
  await stage.telegram.until(() => CHATS.every((chat, index) => messages[index]!.text === whole(chat)), 15_000);
  expect((await stage.botMessage(fresh)).text).toBe(answerTo("after TERM", WORDS));
  for (const [index, chat] of CHATS.entries()) {
    expect(stage.telegram.botMessages(chat)).toEqual([messages[index]]);
    expect(shortenings(messages[index]!)).toEqual([]);
  }
  const runs = await stage.rows<RunRow>("select state, crashes, attempt from runs");
  expect(runs).toHaveLength(CHATS.length + 1);
  expect(runs.every(({ state, crashes }) => state === "completed" && crashes === 0)).toBe(true);
  expect(stage.asked(lastUserText(long()!)).map(({ model }) => model)).toEqual([a.name, b.name]);
  expect(runs.filter(({ attempt }) => attempt === 2)).toHaveLength(1);
  expect(stage.asked("after TERM").map(({ model }) => model)).toEqual([b.name]);
});

it.concurrent("fault-04: what the only replica could not finish after SIGTERM is completed after its restart", async (test) => {
  const { expect } = test;
  const stage = await Stage.open({ model: SLOW }, test);
  const first = await stage.start("only");
  const endless = stage.model.script(() => ENDLESS);
  say(stage, 7, "hello");
  const message = await stage.botMessage(7);
  endless();
  expect(await first.process.terminate()).toBe(0);
  expect(message.text).not.toBe(answerTo("hello", WORDS));
  await stage.start("only");
  await stage.telegram.until(() => message.text === answerTo("hello", WORDS), 15_000);
  expect(stage.telegram.botMessages(7)).toEqual([message]);
  expect(shortenings(message)).toEqual([]);
  expect(await stage.rows("select state, crashes, attempt from runs")).toEqual([
    { state: "completed", crashes: 0, attempt: 2 },
  ]);
});
