import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SlackApi } from "../../adapters/slack/slack-api.ts";
import type { SlackDelivery } from "../../adapters/slack/slack-receiver.ts";
import { runSlackSockets, type SocketTiming } from "../../adapters/slack/slack-socket.ts";
import { type FakeSlack, startFakeSlack } from "../fakes/slack/fake-slack.ts";
import { type KeptLog, keepLog } from "../telegram/start-telegram.ts";
import { QUICK_SOCKETS } from "./quick-sockets.ts";

let slack: FakeSlack;
let api: SlackApi;
let log: KeptLog;
let intake: AbortController;
let running: Promise<void>[];
let seen: SlackDelivery[];
const unhandled: unknown[] = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

beforeEach(async () => {
  slack = await startFakeSlack({ limits: "off", pingEveryMs: 50, refreshGraceMs: 100, retryWaitsMs: [0, 50, 100] });
  api = new SlackApi({ botToken: slack.app.botToken, apiUrl: slack.apiUrl, secrets: [slack.app.appToken] });
  log = keepLog();
  intake = new AbortController();
  running = [];
  seen = [];
});

afterEach(async () => {
  intake.abort();
  await Promise.allSettled(running);
  // A ghost is what Slack's side would never hear the end of.
  await slack.until(() => slack.connections.every(({ ghost }) => ghost));
  await api.close();
  await slack.close();
  expect(unhandled).toEqual([]);
});

/** Two connections that write down what they take in. */
function run(take = keep, timing: Partial<SocketTiming> = {}, appToken = slack.app.appToken): Promise<void> {
  const sockets = runSlackSockets(
    {
      appToken,
      clientOptions: (ended) => api.clientOptions(ended),
      toError: (thrown) => api.toError(thrown, "apps.connections.open"),
      take,
      log,
      timing: { ...QUICK_SOCKETS, ...timing },
    },
    intake.signal,
  );
  running.push(sockets);
  return sockets;
}

function keep(delivery: SlackDelivery): Promise<void> {
  seen.push(delivery);
  return Promise.resolve();
}

function say(...words: string[]): void {
  const ann = slack.user("ann");
  for (const text of words) slack.say({ channel: slack.dm(ann), user: ann, text });
}

function texts(): (string | undefined)[] {
  return seen.map(({ body }) => (body as { event?: { text?: string } } | null)?.event?.text);
}

function twoOpen(): Promise<boolean> {
  return slack.until(() => slack.connections.length === 2);
}

describe("what comes in", () => {
  test("events, presses and commands, over two connections, each acknowledged once it is stored", async () => {
    void run();
    await twoOpen();
    say("one", "two", "three");
    const ann = slack.user("ann");
    slack.slash({ channel: slack.dm(ann), user: ann, command: "/parley status" });
    await slack.until(() => slack.pendingEvents === 0);
    expect(new Set(texts())).toEqual(new Set(["one", "two", "three", undefined]));
    expect(seen.map((it) => it.kind).toSorted()).toEqual(["command", "event", "event", "event"]);
    expect(slack.connections.every(({ acks }) => acks > 0)).toBe(true);
    expect(slack.sockets.strayAcks).toEqual([]);
  });

  test("what could not be stored is not acknowledged, and comes again", async () => {
    let failures = 1;
    void run(async (delivery) => {
      if (failures-- > 0) throw new Error("no database");
      await keep(delivery);
    });
    await twoOpen();
    say("keep this");
    await slack.until(() => slack.pendingEvents === 0, 10_000);
    expect(texts()).toEqual(["keep this"]);
    expect(slack.deliveries.map((it) => it.outcome)).toEqual(["failed", "acknowledged"]);
  });

  test("an envelope without an event, and garbage, do no harm and are acknowledged or left alone", async () => {
    void run();
    await twoOpen();
    const limited = { type: "app_rate_limited", team_id: "T1", minute_rate_limited: 1 };
    for (const text of [
      "garbage",
      "[]",
      "null",
      '{"type":7}',
      JSON.stringify({ envelope_id: "e1", type: "events_api", payload: limited }),
      JSON.stringify({ envelope_id: "e2", type: "unheard_of", payload: null }),
    ]) {
      slack.sockets.sendRaw(text);
    }
    say("still here");
    await slack.until(() => slack.pendingEvents === 0);
    expect(texts()).toContain("still here");
    await slack.until(() => slack.sockets.strayAcks.length === 4);
    expect(slack.sockets.strayAcks.map((it) => it.envelopeId).toSorted()).toEqual(["e1", "e1", "e2", "e2"]);
  });
});

describe("fault-25: connections that end", () => {
  test.each(["warning", "refresh_requested"] as const)(
    "%s: the connection is replaced, nothing is lost",
    async (why) => {
      void run();
      await twoOpen();
      slack.sockets.refresh(why);
      say("meanwhile");
      await slack.until(() => slack.sockets.all.length === 4);
      await slack.until(() => slack.pendingEvents === 0 && slack.connections.length === 2);
      expect(texts()).toEqual(["meanwhile"]);
    },
  );

  test("what was being stored when Slack wants to refresh is still acknowledged over the old connection", async () => {
    const stored = Promise.withResolvers<void>();
    void run(async (delivery) => {
      seen.push(delivery);
      await stored.promise;
    });
    await twoOpen();
    say("slow");
    await expect.poll(() => seen.length).toBe(1);
    slack.sockets.refresh("warning");
    await sleep(50);
    stored.resolve();
    await slack.until(() => slack.pendingEvents === 0);
    expect(slack.deliveries.map((it) => it.outcome)).toEqual(["acknowledged"]);
  });

  test("a dropped connection comes back, the other one goes on meanwhile", async () => {
    void run();
    await twoOpen();
    slack.sockets.drop(1);
    say("one");
    await slack.until(() => slack.pendingEvents === 0);
    await twoOpen();
    say("two");
    await slack.until(() => slack.pendingEvents === 0);
    expect(texts()).toEqual(["one", "two"]);
  });

  test("a ghost connection is found out and replaced", async () => {
    void run(keep, { silenceMs: 300 });
    await twoOpen();
    slack.sockets.ghost(1);
    await slack.until(() => slack.sockets.all.length === 3, 5_000);
    expect(log.lines.some(({ fields }) => "ending" in fields && fields.ending === "silent")).toBe(true);
  });

  test("a quiet connection that is pinged is left alone", async () => {
    void run(keep, { silenceMs: 200 });
    await twoOpen();
    await sleep(600);
    expect(slack.sockets.all.length).toBe(2);
  });

  test("an event loop that stands still for some seconds keeps its connections", { timeout: 30_000 }, async () => {
    void run();
    await expect.poll(() => log.lines.filter(({ message }) => message.endsWith("is open")).length).toBe(2);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 7_000);
    await sleep(500);
    say("still here");
    await slack.until(() => slack.pendingEvents === 0);
    expect(texts()).toEqual(["still here"]);
    expect(slack.sockets.all.length).toBe(2);
  });

  test("a socket that never says hello is given up", async () => {
    void run(keep, { openMs: 200 });
    await twoOpen();
    slack.blackhole(true);
    slack.sockets.drop(1);
    await expect.poll(() => log.lines.filter(({ message }) => message.includes("could not be opened")).length).toBe(1);
    slack.blackhole(false);
    await twoOpen();
  });

  test("too_many_websockets is waited out, without a storm", async () => {
    const others = await Promise.all(Array.from({ length: 9 }, () => occupy()));
    void run(keep, { crowded: { firstMs: 300, maxMs: 300 } });
    await slack.until(() => slack.connections.length === 10);
    await sleep(700);
    const tries = slack.calls("apps.connections.open").length - others.length;
    expect(tries).toBeLessThanOrEqual(6);
    say("over the only one");
    others.forEach((it) => it.close());
    await slack.until(() => slack.connections.length === 2 && slack.pendingEvents === 0);
    expect(texts()).toContain("over the only one");
  });

  test("reconnects grow no faster and no slower than their limits while Slack is away", async () => {
    void run();
    await twoOpen();
    const away = slack.fault({ kind: "html", status: 503, method: "apps.connections.open", times: Infinity });
    slack.sockets.drop();
    await sleep(600);
    expect(away.hits).toBeGreaterThan(6);
    expect(away.hits).toBeLessThan(40);
    away.clear();
    await twoOpen();
  });

  test("a 429 for opening a connection is obeyed", async () => {
    slack.fault({ kind: "429", method: "apps.connections.open", retryAfter: 1, times: 2 });
    void run();
    await twoOpen();
    expect(slack.earlyCalls).toEqual([]);
  });
});

describe("the end", () => {
  test("the abort closes both sockets, acknowledging nothing that is not stored", async () => {
    const sockets = run(() => new Promise(() => {}));
    await twoOpen();
    say("keep this");
    await slack.until(() => slack.deliveries.length > 0);
    intake.abort();
    await sockets;
    await slack.until(() => slack.connections.length === 0);
    expect(slack.deliveries.some((it) => it.outcome === "acknowledged")).toBe(false);
  });

  test("an abort while a connection is being opened leaves none behind", async () => {
    slack.latency(100);
    const sockets = run();
    await slack.until(() => slack.calls("apps.connections.open").length === 2);
    intake.abort();
    await sockets;
    await sleep(250);
    expect(slack.sockets.all.length).toBe(0);
  });

  test("fault-20: a refused app token ends it, and nothing is tried again", async () => {
    const sockets = run(keep, {}, "xapp-1-wrong");
    await expect(sockets).rejects.toMatchObject({ code: "unauthorized" });
    expect(slack.calls("apps.connections.open").length).toBeLessThanOrEqual(2);
  });
});

async function occupy(): Promise<WebSocket> {
  const socket = new WebSocket(slack.sockets.link(slack.url));
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  return socket;
}
