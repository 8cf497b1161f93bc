import { afterEach, beforeEach, expect, test } from "vitest";
import { listenToNotices } from "../../adapters/slack/slack-notices.ts";
import { type ReceiverOptions, SlackReceiver } from "../../adapters/slack/slack-receiver.ts";
import { GatewayError } from "../../src/errors.ts";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import { accountId } from "../../src/ids.ts";
import { type KeptLog, keepLog } from "../telegram/start-telegram.ts";

const UPDATE: IncomingUpdate = { account: accountId("slack", "T1"), key: "e:1", kind: "ignored", why: "a test" };
const BOT = { install: "T1", teamId: "T1", enterpriseId: null, userId: "U1", botId: "B1", appId: "A1", name: "parley" };

let log: KeptLog;
let abort: AbortController;
let happened: string[];

beforeEach(() => {
  log = keepLog();
  abort = new AbortController();
  happened = [];
});

afterEach(() => abort.abort());

function receiver(options: Partial<ReceiverOptions> = {}): SlackReceiver {
  const made = new SlackReceiver({
    read: () => Promise.resolve(UPDATE),
    listen: null,
    checkToken: () => Promise.resolve(),
    log,
    ...options,
  });
  listenToNotices(made, { ...BOT, dm: "thread" }, () => happened.push("notice"));
  return made;
}

function notice(type: string): { kind: "event"; body: unknown } {
  return { kind: "event", body: { type: "event_callback", event_id: "Ev1", event: { type, tokens: { bot: ["U1"] } } } };
}

function store(): Promise<void> {
  happened.push("stored");
  return Promise.resolve();
}

test("a notice gets to its listener after it is stored, and only then", async () => {
  const made = receiver();
  await made.take(notice("tokens_revoked"), store);
  await made.take(notice("app_uninstalled"), store);
  await expect.poll(() => happened.length).toBe(4);
  expect(happened[0]).toBe("stored");
  await expect(made.take(notice("tokens_revoked"), () => Promise.reject(new Error("no database")))).rejects.toThrow();
  await made.take(notice("message"), store);
  await new Promise(setImmediate);
  expect(happened.filter((it) => it === "notice").length).toBe(2);
});

test("a notice that Bolt cannot make sense of was stored all the same", async () => {
  const body = { event: { type: "tokens_revoked", item: 7 }, authorizations: [null] };
  await receiver().take({ kind: "event", body }, store);
  await expect.poll(() => log.lines.length).toBe(1);
  expect(happened).toEqual(["stored"]);
});

test("the operator is told when Slack drops events", async () => {
  const body = { type: "app_rate_limited", team_id: "T1", minute_rate_limited: 1790000000, api_app_id: "A1" };
  await receiver().take({ kind: "event", body }, store);
  expect(log.lines).toMatchObject([{ level: "error", message: expect.stringContaining("drops events") as string }]);
});

test("what cannot be read is not acknowledged", async () => {
  const made = receiver({ read: () => Promise.reject(new GatewayError("unavailable", "not connected")) });
  await expect(made.take(notice("message"), store)).rejects.toMatchObject({ code: "unavailable" });
  expect(happened).toEqual([]);
});

test("fault-20: over HTTP the token is looked at now and then; refused, it ends the intake, out of reach it does not", async () => {
  const answers: (() => Promise<void>)[] = [
    () => Promise.resolve(),
    () => Promise.reject(new GatewayError("unavailable", "Slack is away")),
    () => Promise.reject(new GatewayError("unauthorized", "revoked")),
  ];
  const made = receiver({ checkEveryMs: 10, checkToken: () => (answers.shift() ?? (() => Promise.resolve()))() });
  await expect(made.start(store, abort.signal)).rejects.toMatchObject({ code: "unauthorized" });
  expect(answers).toEqual([]);
  expect(log.lines.length).toBe(1);
});

test("a way in that ends for good ends the rest, and the abort ends all without an error", async () => {
  const refused = receiver({ listen: () => Promise.reject(new GatewayError("unauthorized", "no")) });
  await expect(refused.start(store, abort.signal)).rejects.toMatchObject({ code: "unauthorized" });
  const quiet = receiver({
    listen: (_take, signal) => new Promise((done) => signal.addEventListener("abort", () => done())),
  });
  const running = quiet.start(store, abort.signal);
  abort.abort();
  await running;
});
