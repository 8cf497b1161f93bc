import { Client } from "pg";
import { WebSocket } from "ws";
import { describe, expect, it, type TestContext } from "vitest";
import type { FakeChannel } from "../fakes/slack/channels.ts";
import { lastUserText, Stage } from "../support/chaos/stage.ts";
import { until } from "../support/test-gateway.ts";

const QUICK = { words: 5, chunkChars: 1_000 };
/** Two connections of the replica that listens, the second one 10 s after the first. */
const STAGGER_MS = 25_000;

/** Questions on Slack, each in a thread of its own, and what became of all of them. */
class Asked {
  readonly #stage: Stage;
  readonly #threads: { channel: FakeChannel; ts: string; text: string; eventIds: string[] }[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** By turns in private, which is told of once, and by a mention, which is told of twice. */
  ask(times: number): void {
    const { slack } = this.#stage;
    for (let no = 0; no < times; no += 1) {
      const text = `What is ${this.#threads.length}?`;
      const user = slack.user(`p${this.#threads.length % 4}`);
      const mention = this.#threads.length % 2 === 1;
      const channel = mention ? slack.channelNamed(`place${this.#threads.length % 3}`) : slack.dm(user);
      this.#threads.push({ channel, text, ...slack.say({ channel, user, text, mention }) });
    }
  }

  get eventIds(): string[] {
    return this.#threads.flatMap(({ eventIds }) => eventIds);
  }

  /** By the fakes' journals: each asked of the model once, and answered by one message in its thread; nothing was lost. */
  async expectEachAnsweredOnce(): Promise<void> {
    const { slack } = this.#stage;
    const shown = () => this.#threads.map(({ channel, ts }) => slack.botMessages(channel, ts));
    await slack.until(() => slack.pendingEvents === 0, 60_000);
    await slack.until(() => shown().every(([first]) => first?.shown.endsWith("word5")), 90_000);
    const idle = async () => (await this.#stage.rows("select 1 from lanes")).length === 0;
    await until("nothing left to do", idle, 30_000);
    for (const [index, { text }] of this.#threads.entries()) {
      expect(
        shown()[index]!.map((message) => message.shown),
        text,
      ).toEqual([expect.stringContaining(text)]);
      expect(
        this.#stage.asked(text).map((request) => lastUserText(request)),
        text,
      ).toHaveLength(1);
    }
    expect(this.#stage.model.requests).toHaveLength(this.#threads.length);
    expect(slack.lostEvents).toEqual([]);
  }
}

/** Holds whatever would be stored, until it is let go. */
async function holdInbox(stage: Stage, test: TestContext): Promise<() => Promise<void>> {
  const client = new Client({ connectionString: stage.databaseUrl });
  await client.connect();
  test.onTestFinished(() => client.end());
  await client.query("begin");
  await client.query("lock table inbox in exclusive mode");
  return async () => void (await client.query("commit"));
}

async function sockets(stage: Stage, count: number): Promise<void> {
  await stage.slack.until(() => stage.slack.connections.length === count, STAGGER_MS);
}

// They wait more than they work, so they do it side by side.
describe.concurrent("Slack over HTTP", () => {
  it("fault-24: whose acknowledgement comes too late tells again, at the other replica too, and each message makes one run", async (test) => {
    const stage = await Stage.open({ model: QUICK, slack: { mode: "http", ackWithinMs: 700 } }, test);
    await stage.startTwo();
    const asked = new Asked(stage);
    asked.ask(2);
    await asked.expectEachAnsweredOnce();
    const release = await holdInbox(stage, test);
    asked.ask(6);
    const late = () => stage.slack.deliveries.filter(({ reason, attempt }) => reason !== null && attempt > 0);
    await stage.slack.until(() => late().length >= 6, 15_000);
    await release();
    await asked.expectEachAnsweredOnce();
    const ports = new Set(stage.slack.deliveries.filter(({ attempt }) => attempt > 0).map(({ to }) => to));
    expect(ports.size, "replicas that were told again").toBe(2);
  });

  it("security-05: that tells both replicas of the same at once, over and over, is answered once", async (test) => {
    const stage = await Stage.open({ model: QUICK, slack: { mode: "http" } }, test);
    await stage.startTwo();
    const { slack } = stage;
    const asked = new Asked(stage);
    asked.ask(8);
    for (const id of asked.eventIds) for (let times = 0; times < 3; times += 1) slack.repeatEvent(id);
    await asked.expectEachAnsweredOnce();
    // The same bytes to both at the same moment.
    const bodies = slack.deliveries
      .filter(({ kind }) => kind === "events_api")
      .map(({ payload }) => JSON.stringify(payload));
    const answers = await Promise.all(
      stage.slackUrls().flatMap((url) => bodies.map((body) => slack.http.post(body, { url }))),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    asked.ask(2);
    await asked.expectEachAnsweredOnce();
  });

  it("fault-25: is told that a replica is gone by its silence alone, and the other one answers all", async (test) => {
    const stage = await Stage.open({ model: QUICK, slack: { mode: "http" } }, test);
    const [first] = await stage.startTwo();
    const asked = new Asked(stage);
    await first.process.kill();
    asked.ask(6);
    await asked.expectEachAnsweredOnce();
  });
});

describe.concurrent("Slack's sockets", () => {
  it("fault-25: that are refreshed, dropped and haunted cost no message, and none is answered twice", async (test) => {
    const stage = await Stage.open({ model: QUICK, slack: { mode: "socket", ackWithinMs: 1_500 } }, test);
    await stage.start("a");
    const { slack } = stage;
    const asked = new Asked(stage);
    await sockets(stage, 2);
    const [first] = slack.connections;
    asked.ask(3);
    slack.sockets.refresh("refresh_requested", first!.number);
    asked.ask(3);
    await slack.until(() => !first!.open && slack.connections.length === 2, STAGGER_MS);
    asked.ask(3);
    slack.sockets.refresh("warning");
    asked.ask(3);
    await asked.expectEachAnsweredOnce();
    await sockets(stage, 2);
    slack.sockets.drop();
    asked.ask(4);
    await sockets(stage, 2);
    await asked.expectEachAnsweredOnce();

    const ghost = slack.connections[0]!;
    const newest = Math.max(...slack.connections.map(({ number }) => number));
    slack.sockets.ghost(ghost.number);
    asked.ask(6);
    await asked.expectEachAnsweredOnce();
    expect(slack.deliveries.some(({ to, outcome }) => to === ghost.number && outcome === "failed")).toBe(true);
    // Its silence is what it is found out by.
    await slack.until(() => slack.connections.some(({ number }) => number > newest), 90_000);
    asked.ask(2);
    await asked.expectEachAnsweredOnce();
  });

  it("fault-25: that Slack has too many of already are waited for, and what was said meanwhile is answered", async (test) => {
    const stage = await Stage.open({ model: QUICK, slack: { mode: "socket", ackWithinMs: 500 } }, test);
    const { slack } = stage;
    const strangers = await Promise.all(Array.from({ length: 10 }, () => openSocket(stage, test)));
    expect(slack.connections).toHaveLength(10);
    const replica = await stage.start("a");
    const asked = new Asked(stage);
    asked.ask(3);
    await until(
      "it knows that there are too many",
      () => replica.process.output.includes('"ending":"crowded"'),
      20_000,
    );
    const opened = () => slack.calls("apps.connections.open").length - strangers.length;
    expect(opened(), "calls for a connection, without a storm").toBeLessThanOrEqual(6);
    expect((await replica.process.api("GET", "/readyz")).status).toBe(200);
    for (const socket of strangers) socket.terminate();
    await sockets(stage, 2);
    asked.ask(3);
    await asked.expectEachAnsweredOnce();
  });

  it("fault-25: of a process that stands still for seven seconds lose nothing, and nothing is answered twice", async (test) => {
    const stage = await Stage.open({ model: QUICK, slack: { mode: "socket", ackWithinMs: 1_000 } }, test);
    const replica = await stage.start("a");
    const { slack } = stage;
    await sockets(stage, 2);
    const before = slack.connections.map(({ number }) => number);
    const asked = new Asked(stage);
    asked.ask(2);
    await asked.expectEachAnsweredOnce();
    replica.process.signal("SIGSTOP");
    asked.ask(4);
    await new Promise((resolve) => setTimeout(resolve, 7_000));
    expect(slack.deliveries.filter(({ outcome }) => outcome === "failed").length).toBeGreaterThan(0);
    replica.process.signal("SIGCONT");
    await asked.expectEachAnsweredOnce();
    expect(slack.connections.map(({ number }) => number)).toEqual(before);
  });

  it("fault-25: are one replica's, and what it did not acknowledge when it was killed comes to the other", async (test) => {
    const stage = await Stage.open({ model: QUICK, slack: { mode: "socket", ackWithinMs: 1_000 } }, test);
    const [first] = await stage.startTwo();
    await sockets(stage, 2);
    const asked = new Asked(stage);
    asked.ask(4);
    await asked.expectEachAnsweredOnce();
    first.process.signal("SIGSTOP");
    asked.ask(6);
    await first.process.kill();
    await asked.expectEachAnsweredOnce();
    expect(stage.slack.connections.length).toBeGreaterThan(0);
  });
});

/** Another program with the same app token, which takes what comes and acknowledges nothing. */
async function openSocket(stage: Stage, test: TestContext): Promise<WebSocket> {
  const answer = await fetch(`${stage.slack.apiUrl}apps.connections.open`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${stage.slack.app.appToken}`,
      "content-type": "application/x-www-form-urlencoded",
    },
  });
  const { url } = (await answer.json()) as { url: string };
  const socket = new WebSocket(url);
  test.onTestFinished(() => socket.terminate());
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return socket;
}
