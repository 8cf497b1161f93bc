import { expect, it } from "vitest";
import { Stage } from "../support/chaos/stage.ts";
import { answerTo } from "../support/chaos/verdict.ts";

const WORDS = 40;
/** About 4 s of speaking: a stream that is appended to some times. */
const SLOW = { words: WORDS, chunkChars: 4, chunkEveryMs: 50 };
const QUICK = { chunkEveryMs: 12 };
const ONE = answerTo("one", WORDS);
const OPTIONS = { model: SLOW, slack: { mode: "http", strict: true }, env: { SLACK_STREAM: "true" } } as const;

it("fault-01: another replica completes the same message after a kill -9 in the middle of a stream", async () => {
  const stage = await Stage.open(OPTIONS);
  await stage.startTwo();
  const { slack } = stage;
  const channel = slack.dm(slack.user("ann"));
  slack.say({ channel, user: slack.user("ann"), text: "one" });
  await slack.until(() => slack.calls("chat.appendStream", channel).length === 1, 20_000);
  const [message] = slack.botMessages(channel);
  stage.model.script(() => QUICK);
  await stage.replicaOf(stage.model.requests[0]).process.kill();
  expect(message?.shown).not.toBe(ONE);
  await slack.until(() => message?.shown === ONE, 30_000);
  expect(slack.botMessages(channel)).toEqual([message]);
  expect(slack.calls("chat.postMessage", channel)).toEqual([]);
  expect(slack.calls("chat.startStream", channel)).toHaveLength(1);
  expect(slack.session(channel, message!.threadTs!)?.status).toBe("active");
  expect(slack.earlyCalls).toEqual([]);
});

it("fault-03: finds a stream whose sender died before it was recorded, and goes on in its message", async () => {
  const stage = await Stage.open(OPTIONS);
  await stage.startTwo();
  const { slack } = stage;
  const channel = slack.dm(slack.user("ann"));
  slack.fault({ kind: "stall-after-applying", method: "chat.startStream", channel });
  slack.say({ channel, user: slack.user("ann"), text: "one" });
  const message = (await slack.until(() => slack.botMessages(channel)[0], 15_000))!;
  stage.model.script(() => QUICK);
  await stage.replicaOf(stage.model.requests[0]).process.kill();
  await slack.until(() => message.shown === ONE, 30_000);
  expect(slack.botMessages(channel)).toEqual([message]);
  expect(slack.calls("chat.startStream", channel)).toHaveLength(1);
  expect(await stage.rows("select 1 from outbox where state = 'uncertain'")).toEqual([]);
});
