import { expect, it } from "vitest";
import type { FakeChannel, FakeMessage } from "../fakes/slack/channels.ts";
import { type Asking, killAtRandom, untilAllEnded } from "../support/chaos/kill-at-random.ts";
import { chances } from "../support/chaos/random.ts";
import { Stage } from "../support/chaos/stage.ts";
import { answerTo, isGivenUp } from "../support/chaos/verdict.ts";
import { until } from "../support/test-gateway.ts";

const WORDS = 40;
/** About 3 s of speaking: one message and two edits. */
const SLOW = { words: WORDS, chunkChars: 4, chunkEveryMs: 40 };
const ONE = answerTo("[ann] one", WORDS);
const KILLS = Number(process.env["PARLEY_KILLS"] ?? 5);
const SEED = Number(process.env["PARLEY_SEED"] ?? Date.now() % 1_000_000);

it("fault-03: finds a first message whose sender died before it was recorded, and goes on in it", async () => {
  const stage = await Stage.open({ model: SLOW, slack: { mode: "http" } });
  await stage.startTwo();
  const { slack } = stage;
  const channel = slack.channelNamed("general");
  slack.fault({ kind: "stall-after-applying", method: "chat.postMessage", channel });
  slack.say({ channel, user: slack.user("ann"), text: "one", mention: true });
  const message = (await slack.until(() => slack.botMessages(channel)[0], 15_000))!;
  stage.model.script(() => ({ chunkEveryMs: 12 }));
  await stage.replicaOf(stage.model.requests[0]).process.kill();
  await slack.until(() => message.shown === ONE, 30_000);
  expect(slack.botMessages(channel)).toEqual([message]);
  expect(slack.calls("chat.postMessage", channel)).toHaveLength(1);
  expect(await stage.rows("select 1 from outbox where state = 'uncertain'")).toEqual([]);
});

it(
  `fault-03: ${KILLS} kills at random moments over 20 threads on two replicas leave every Slack answer visible exactly once`,
  { timeout: 120_000 + KILLS * 10_000 },
  async () => {
    process.stdout.write(`      PARLEY_KILLS=${KILLS} PARLEY_SEED=${SEED}\n`);
    // About 1.6 s of speaking: a first message and one or two edits.
    const stage = await Stage.open({ slack: { mode: "http" }, model: { words: 24, chunkChars: 4, chunkEveryMs: 36 } });
    await stage.startTwo();
    const threads = Array.from({ length: 20 }, (_, no) => new Thread(stage, no));
    const kills = await killAtRandom(stage, threads, KILLS, chances(SEED));
    await untilAllEnded(stage, threads, 90_000);
    await until("nothing left to do", async () => (await stage.rows("select 1 from lanes")).length === 0, 30_000);

    const listed = await stage.rows<{ thread: string }>("select thread from outbox where state = 'uncertain'");
    let doubled = 0;
    for (const thread of threads) {
      const said = stage.slack.transcript(thread.channel, thread.ts!).join("\n");
      expect(thread.finals(), said).toHaveLength(1);
      const rest = thread.shown().filter((message) => !thread.isFinal(message));
      // What a mark cannot tell apart in time is listed for the operator, and nothing else stands twice.
      expect(rest.length, said).toBeLessThanOrEqual(listed.filter((each) => each.thread === thread.ts).length);
      doubled += rest.length;
      for (const message of thread.shown()) expect(message.metadata, "its mark").not.toBe(null);
    }
    const runs = await stage.rows<{ state: string; crashes: number }>("select state, crashes from runs");
    expect(runs).toHaveLength(threads.length);
    const survived = runs.filter(({ state, crashes }) => state === "completed" && crashes > 0).length;
    process.stdout.write(
      `      ${kills.length} kills over ${threads.length} threads: ${doubled} first messages doubled, ${survived} runs survived a kill\n`,
    );
    expect(doubled).toBe(0);
  },
);

/** A question in a thread of its own; every fourth is a direct message. */
class Thread implements Asking {
  readonly channel: FakeChannel;
  ts: string | null = null;
  readonly #stage: Stage;
  readonly #name: string;

  constructor(stage: Stage, no: number) {
    this.#stage = stage;
    this.#name = `p${no}`;
    const { slack } = stage;
    this.channel = no % 4 === 0 ? slack.dm(slack.user(this.#name)) : slack.channelNamed(`place${no % 3}`);
  }

  say(): void {
    const { slack } = this.#stage;
    const mention = this.channel.type !== "im";
    const said = { channel: this.channel, user: slack.user(this.#name), text: this.#question, mention };
    this.ts = slack.say(said).ts;
  }

  attempts(): number {
    return this.#stage.asked(this.#question).length;
  }

  hasEnded(): boolean {
    return this.finals().length > 0;
  }

  shown(): FakeMessage[] {
    return this.ts === null ? [] : this.#stage.slack.botMessages(this.channel, this.ts);
  }

  finals(): FakeMessage[] {
    return this.shown().filter((message) => this.isFinal(message));
  }

  isFinal({ shown }: FakeMessage): boolean {
    const asked = this.channel.type === "im" ? this.#question : `[${this.#name}] ${this.#question}`;
    return shown === answerTo(asked, 24) || isGivenUp(shown);
  }

  get #question(): string {
    return `What is ${this.#name}?`;
  }
}
