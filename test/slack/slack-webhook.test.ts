import { createHmac } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import type { SlackDelivery } from "../../adapters/slack/slack-receiver.ts";
import { slackWebhook } from "../../adapters/slack/slack-webhook.ts";
import { GatewayError } from "../../src/errors.ts";
import type { RawRequest, RawResponse } from "../../src/platform/platform-adapter.ts";
import { type KeptLog, keepLog } from "../telegram/start-telegram.ts";

const SECRET = "8f742231b10e8888abcd99yyyzzz85a5";
const NOW = 1_700_000_000_000;
const JSON_TYPE = "application/json";
const FORM = "application/x-www-form-urlencoded";

let log: KeptLog;
let taken: SlackDelivery[];
let bodiesRead: number;
let store: () => Promise<void>;

beforeEach(() => {
  log = keepLog();
  taken = [];
  bodiesRead = 0;
  store = () => Promise.resolve();
});

function call(
  body: string | Buffer,
  over: Partial<Record<string, string | undefined>> = {},
  secrets: { signingSecret: string; signingSecretBefore?: string | null } = { signingSecret: SECRET },
): Promise<RawResponse> {
  const webhook = slackWebhook({
    ...secrets,
    take: async (delivery) => {
      taken.push(delivery);
      await store();
    },
    log,
    now: () => NOW,
  });
  const headers = { ...signed(body), "content-type": JSON_TYPE, ...over };
  const request: RawRequest = {
    headers,
    body: () => {
      bodiesRead += 1;
      return Promise.resolve(Buffer.from(body));
    },
  };
  return webhook.handle(request, () => Promise.resolve());
}

function signed(body: string | Buffer, timestamp = NOW / 1000, secret = SECRET): Record<string, string> {
  const signature = createHmac("sha256", secret).update(`v0:${timestamp}:`).update(body).digest("hex");
  return { "x-slack-request-timestamp": String(timestamp), "x-slack-signature": `v0=${signature}` };
}

const EVENT = JSON.stringify({ type: "event_callback", event_id: "Ev1", event: { type: "message", text: "grüße 🙂" } });

describe("what Slack signed", () => {
  test("security-31: is taken with the secret before as long as that is given", async () => {
    const signingSecret = "0f742231b10e8888abcd99yyyzzz85a6";
    const next = signed(EVENT, NOW / 1000, signingSecret);
    expect(await call(EVENT, next, { signingSecret })).toEqual({ status: 200 });
    expect(await call(EVENT, {}, { signingSecret, signingSecretBefore: SECRET })).toEqual({ status: 200 });
    expect(await call(EVENT, {}, { signingSecret, signingSecretBefore: null })).toEqual({ status: 401 });
  });

  test("an event, an interaction and a command are taken in, each as what it is", async () => {
    const press = `payload=${encodeURIComponent('{"type":"block_actions"}')}`;
    expect(await call(EVENT)).toEqual({ status: 200 });
    expect(await call(press, { "content-type": FORM })).toEqual({ status: 200 });
    expect(await call("command=%2Fparley&text=stop+it", { "content-type": FORM })).toEqual({ status: 200 });
    expect(taken).toEqual([
      { kind: "event", body: JSON.parse(EVENT) as unknown },
      { kind: "interaction", body: { type: "block_actions" } },
      { kind: "command", body: { command: "/parley", text: "stop it" } },
    ]);
  });

  test("is acknowledged only after it is stored", async () => {
    const stored = Promise.withResolvers<void>();
    store = () => stored.promise;
    let answer: RawResponse | null = null;
    const answering = call(EVENT).then((it) => (answer = it));
    await new Promise(setImmediate);
    expect(answer).toBe(null);
    stored.resolve();
    await answering;
    expect(answer).toEqual({ status: 200 });
  });

  test("and cannot be stored: Slack is told to come again", async () => {
    store = () => Promise.reject(new GatewayError("unavailable", "no database"));
    const answer = await call(EVENT);
    expect(answer).toEqual({ status: 503, headers: { "retry-after": "5" } });
    expect(Object.keys(answer.headers ?? {})).not.toContain("x-slack-no-retry");
  });

  test("the challenge is given back", async () => {
    const answer = await call(JSON.stringify({ type: "url_verification", challenge: "abc<b>" }));
    expect(answer).toMatchObject({ status: 200, body: "abc<b>" });
    expect(answer.headers).toMatchObject({ "content-type": "text/plain; charset=utf-8" });
    expect(taken).toEqual([]);
  });

  test.each([
    ["no JSON", "{", JSON_TYPE],
    ["no JSON in a form", "payload=%7B", FORM],
    ["another type", "{}", "text/plain"],
    ["no type", "{}", undefined],
  ])("%s is refused, and not taken in", async (_what, body, type) => {
    expect(await call(body, { "content-type": type })).toEqual({ status: 400 });
    expect(taken).toEqual([]);
  });

  test.each([
    ["deep", `{"event":${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
    ["with __proto__", '{"__proto__":{"type":"url_verification"},"challenge":"x","event":null}'],
    ["null", "null"],
    ["a number", "7"],
  ])("JSON that is %s goes to the reader, which knows what to do with it", async (_what, body) => {
    expect(await call(body)).toEqual({ status: 200 });
    expect(taken.length).toBe(1);
  });

  test("a form's fields are only what it says", async () => {
    await call("command=%2Fparley&__proto__=x&constructor=y", { "content-type": FORM });
    const [{ body } = { body: null }] = taken;
    expect(Object.keys(body as object)).toEqual(["command", "__proto__", "constructor"]);
    expect(Object.getPrototypeOf(body)).toBe(Object.prototype);
  });
});

describe("security-04: what is not Slack's gets 401, and nothing of it is parsed", () => {
  test.each<[string, Record<string, string | undefined>]>([
    ["no signature", { "x-slack-signature": undefined }],
    ["no timestamp", { "x-slack-request-timestamp": undefined }],
    ["an empty signature", { "x-slack-signature": "" }],
    ["half a signature", { "x-slack-signature": "v0=abc" }],
    ["a signature of another version", { "x-slack-signature": `v1=${"0".repeat(64)}` }],
    ["a timestamp that is none", { "x-slack-request-timestamp": "soon" }],
    ["five minutes and a second too old", signed(EVENT, NOW / 1000 - 301)],
    ["five minutes and a second of the future", signed(EVENT, NOW / 1000 + 301)],
  ])("%s: the body is not even read", async (_what, headers) => {
    expect(await call(EVENT, headers)).toEqual({ status: 401 });
    expect(bodiesRead).toBe(0);
    expect(taken).toEqual([]);
  });

  test.each<[string, Record<string, string>]>([
    ["another app's secret", signed(EVENT, NOW / 1000, "0".repeat(32))],
    ["one byte of the body changed", signed(EVENT.replace("Ev1", "Ev2"))],
    ["the timestamp changed", { ...signed(EVENT), "x-slack-request-timestamp": String(NOW / 1000 - 1) }],
  ])("%s", async (_what, headers) => {
    expect(await call(EVENT, headers)).toEqual({ status: 401 });
    expect(taken).toEqual([]);
  });

  test("security-06: a challenge that is not signed is not answered", async () => {
    const challenge = JSON.stringify({ type: "url_verification", challenge: "abc" });
    const answer = await call(challenge, { "x-slack-signature": `v0=${"0".repeat(64)}` });
    expect(answer).toEqual({ status: 401 });
  });

  test("bytes that are no UTF-8 stand for themselves alone, not for what they are decoded to", async () => {
    const text = Buffer.from('{"event":"\uFFFD"}');
    const bytes = Buffer.from([...Buffer.from('{"event":"'), 0xff, ...Buffer.from('"}')]);
    expect(bytes.toString("utf8")).toBe(text.toString("utf8"));
    expect(await call(bytes, signed(text))).toEqual({ status: 401 });
  });

  test("in five minutes either way a call is in time", async () => {
    expect(await call(EVENT, signed(EVENT, NOW / 1000 - 299))).toEqual({ status: 200 });
    expect(await call(EVENT, signed(EVENT, NOW / 1000 + 299))).toEqual({ status: 200 });
  });

  test("the log says that the clock may be wrong, by how much, and not more than once a minute", async () => {
    const webhook = slackWebhook({ signingSecret: SECRET, take: () => Promise.resolve(), log, now: () => NOW });
    const headers = { ...signed(EVENT, NOW / 1000 - 4000), "content-type": JSON_TYPE };
    for (let round = 0; round < 100; round++) {
      await webhook.handle({ headers, body: () => Promise.resolve(Buffer.from(EVENT)) }, () => Promise.resolve());
    }
    expect(log.lines).toEqual([
      { level: "warn", fields: { skewS: 4000 }, message: expect.stringContaining("clock") as string },
    ]);
  });
});

describe("security-07: bodies that are too large", () => {
  test("are refused as such", async () => {
    expect(await call("x".repeat(1024 * 1024 + 1))).toEqual({ status: 413 });
    expect(taken).toEqual([]);
  });

  test("also when reading them was given up", async () => {
    const webhook = slackWebhook({ signingSecret: SECRET, take: () => Promise.resolve(), log, now: () => NOW });
    const body = () => Promise.reject(new GatewayError("too_large", "The body is too large."));
    expect(await webhook.handle({ headers: signed(EVENT), body }, () => Promise.resolve())).toEqual({ status: 413 });
  });
});
