import { expect, it } from "vitest";
import type { FakeChannel, FakeMessage } from "../fakes/slack/channels.ts";
import { Stage, type StageOptions } from "../support/chaos/stage.ts";
import { answerTo, measured } from "../support/chaos/verdict.ts";

const WORDS = 40;
/** About 3 s of speaking: one message and two edits. */
const SLOW = { words: WORDS, chunkChars: 4, chunkEveryMs: 40 };
/** The second attempt speaks at once: what is measured is the take-over, not the length of the answer. */
const QUICK = { chunkChars: 10_000 };

/** What people read of each version, without the button below it. */
function texts({ versions }: FakeMessage): string[] {
  return versions.map(({ shown }) => shown.replace(/\n\[Stop\]$/, ""));
}

function shortenings(message: FakeMessage): string[] {
  return texts(message).filter((text, index, all) => index > 0 && text.length < all[index - 1]!.length);
}

/** When the message first showed this text; epoch ms. */
function shownAt(message: FakeMessage, text: string): number {
  return message.versions[texts(message).indexOf(text)]?.at ?? Number.POSITIVE_INFINITY;
}

interface Begun {
  stage: Stage;
  channel: FakeChannel;
  thread: string;
  message: FakeMessage;
}

/** A stage with an answer in a channel's thread that has been edited once. */
async function begin(options: StageOptions, replicas: string[]): Promise<Begun> {
  const stage = await Stage.open({ model: SLOW, ...options });
  for (const name of replicas) await stage.start(name);
  const { slack } = stage;
  const channel = slack.channelNamed("general");
  const { ts: thread } = slack.say({ channel, user: slack.user("ann"), text: "one", mention: true });
  const message = (await slack.until(() => slack.botMessages(channel, thread)[0], 15_000))!;
  await slack.until(() => message.versions.length === 2, 15_000);
  return { stage, channel, thread, message };
}

const ONE = answerTo("[ann] one", WORDS);

for (const mode of ["socket", "http"] as const) {
  it(`fault-01: completes the same Slack message on the other replica within 8 s of a kill -9 in mid-answer (${mode})`, async () => {
    const { stage, channel, thread, message } = await begin({ slack: { mode } }, ["a", "b"]);
    const { slack } = stage;
    const victim = stage.replicaOf(stage.model.requests[0]);
    stage.model.script(() => QUICK);
    await victim.process.kill();
    const killedAt = Date.now();
    expect(texts(message)).not.toContain(ONE);

    await slack.until(() => texts(message).includes(ONE), 20_000);
    const tookMs = measured("kill to the whole answer", shownAt(message, ONE) - killedAt);
    expect(tookMs, "ms from the kill to the whole answer").toBeLessThan(8_000);
    await slack.until(() => message.shown === ONE, 20_000);
    expect(slack.botMessages(channel)).toEqual([message]);
    expect(shortenings(message)).toEqual([]);
    expect(stage.model.requests.map(({ model }) => model)).toEqual([victim.name, stage.other(victim).name]);

    slack.say({ channel, user: slack.user("ann"), text: "two", thread });
    const two = answerTo("[ann] two", WORDS);
    await slack.until(() => slack.botMessages(channel, thread)[1]?.shown === two, 20_000);
    expect(slack.earlyCalls).toEqual([]);
  });
}

it("fault-01: completes the same Slack message within 5 s of being up again as the only replica, on PGlite", async () => {
  const { stage, channel, message } = await begin({ slack: { mode: "socket" }, engine: "embedded" }, ["only"]);
  const { slack } = stage;
  await stage.replicas.get("only")!.process.kill();
  stage.model.script(() => QUICK);
  const { process: second } = await stage.start("only", { waitReady: false });
  await slack.until(() => texts(message).includes(ONE), 20_000);
  measured("PGlite, spawn to the whole answer", shownAt(message, ONE) - second.spawnedAt);
  // How long a process takes to start is the machine's matter, and measured elsewhere.
  const upAt = slack.calls("auth.test").find(({ at }) => at > second.spawnedAt)!.at;
  expect(shownAt(message, ONE) - upAt, "ms from its first call to the whole answer").toBeLessThan(5_000);
  await slack.until(() => message.shown === ONE, 20_000);
  expect(slack.botMessages(channel)).toEqual([message]);
  expect(shortenings(message)).toEqual([]);
});
