import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import type { Accept, PlatformAdapter } from "../../src/platform/platform-adapter.ts";
import { type FakeSlack, startFakeSlack } from "../fakes/slack/fake-slack.ts";
import { ALL_FORGERIES } from "../fakes/slack/forgeries.ts";
import { serveWebhook, type WebhookServer } from "../telegram/start-telegram.ts";
import { slackAt } from "./start-slack.ts";

let slack: FakeSlack;
let adapter: PlatformAdapter;
let replicas: WebhookServer[];
let seen: IncomingUpdate[];
let store: Accept;

beforeEach(async () => {
  slack = await startFakeSlack({ limits: "off", retryWaitsMs: [0, 20, 50], ackWithinMs: 3000 });
  adapter = slackAt(slack, { mode: "http" });
  await adapter.connect(new AbortController().signal);
  seen = [];
  store = () => Promise.resolve();
  replicas = await Promise.all([serveWebhook(), serveWebhook()]);
  for (const replica of replicas) {
    replica.adapter = adapter;
    replica.accept = async (update) => {
      if (update.kind !== "ignored") seen.push(update);
      await store(update);
    };
  }
  slack.http.sendTo(replicas.map(({ url }) => `${url}/slack/events`));
});

afterEach(async () => {
  await adapter.close();
  await Promise.all(replicas.map((it) => it.close()));
  await slack.close();
});

function say(text: string): { ts: string; eventIds: string[] } {
  const ann = slack.user("ann");
  return slack.say({ channel: slack.dm(ann), user: ann, text });
}

test("Slack verifies the address", async () => {
  expect(await slack.http.challenge()).toMatchObject({ verified: true });
  expect(seen).toEqual([]);
});

test("events, presses and commands come over one address, at any replica", async () => {
  const ann = slack.user("ann");
  say("hi");
  slack.slash({ channel: slack.dm(ann), user: ann, command: "/parley stop" });
  await slack.until(() => slack.pendingEvents === 0);
  expect(seen.map(({ kind }) => kind).toSorted()).toEqual(["command", "message"]);
  expect(slack.deliveries.every(({ outcome }) => outcome === "acknowledged")).toBe(true);
});

test("fault-24: what could not be stored comes again, under the same key, until it is", async () => {
  let failures = 2;
  store = () => (failures-- > 0 ? Promise.reject(new GatewayError("unavailable", "no database")) : Promise.resolve());
  say("keep this");
  await slack.until(() => slack.pendingEvents === 0);
  expect(slack.deliveries.map(({ status }) => status)).toEqual([503, 503, 200]);
  expect(new Set(seen.map(({ key }) => key)).size).toBe(1);
});

describe("security-05: the same call again", () => {
  test("has the same key, whichever replica it comes to, so the inbox knows it", async () => {
    const { eventIds } = say("once");
    await slack.until(() => slack.pendingEvents === 0);
    slack.repeatEvent(eventIds[0]!);
    slack.repeatEvent(eventIds[0]!);
    await slack.until(() => slack.pendingEvents === 0 && slack.deliveries.length === 3);
    expect(seen.length).toBe(3);
    expect(new Set(seen.map((it) => JSON.stringify(it))).size).toBe(1);
  });

  test("so do presses and commands", async () => {
    const ann = slack.user("ann");
    const { triggerId } = slack.slash({ channel: slack.dm(ann), user: ann, command: "/parley new" });
    await slack.until(() => slack.pendingEvents === 0);
    slack.repeatEvent(triggerId);
    await slack.until(() => slack.pendingEvents === 0 && slack.deliveries.length === 2);
    expect(new Set(seen.map(({ key }) => key)).size).toBe(1);
  });
});

test.each(ALL_FORGERIES)("security-04: %s gets 401 and has no effect", async (kind) => {
  const event = {
    type: "message",
    channel: slack.dm(slack.user("ann")).id,
    user: "U1",
    ts: "1.000001",
    text: "forged",
  };
  const answer = await slack.http.forge(kind, { type: "event_callback", event_id: "Ev1", event });
  expect(answer.status).toBe(401);
  expect(answer.body).toBe("");
  expect(seen).toEqual([]);
});

test("security-10: whatever Slack's key signed is answered, and nothing of it throws", async () => {
  const odd = ["null", "7", "[]", '"x"', "{}", '{"event":null}', '{"event":[]}', '{"event":{"type":"message"}}'];
  const nested = `{"event":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;
  const wrong = JSON.stringify({
    event_id: "Ev1",
    event: { type: "message", channel: {}, user: [], ts: 7, text: null },
  });
  const halves = JSON.stringify({ event_id: "Ev2", event: { type: "message", channel: "C1", text: "\uD83D\0" } });
  const proto = '{"__proto__":{"event_id":"x"},"constructor":1,"event":{"__proto__":{"type":"message"}}}';
  for (const body of [...odd, nested, wrong, halves, proto]) {
    expect([200, 400]).toContain((await slack.http.post(body)).status);
  }
  for (const body of ["payload=null", "payload=[]", "payload=%7B%7D", "payload=%00", "x", "", "command=%2Fparley"]) {
    const type = "application/x-www-form-urlencoded";
    expect([200, 400]).toContain((await slack.http.post(body, { type })).status);
  }
  expect(seen.every(({ kind }) => kind === "unreadable")).toBe(true);
});
