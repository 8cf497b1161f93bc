import { afterEach, beforeEach, expect, test } from "vitest";
import { openTelegramApi, type TelegramApi } from "../../adapters/telegram/telegram-api.ts";
import { keepWebhookRegistered } from "../../adapters/telegram/telegram-webhook-registration.ts";
import { type FakeTelegram, startFakeTelegram } from "../fakes/telegram/fake-telegram.ts";
import { keepLog, type KeptLog, SECRET, telegramAt } from "./start-telegram.ts";

const TIMING = { recheckMs: 5, trouble: { firstMs: 5, maxMs: 20 } };
const URL_OF_OURS = "http://127.0.0.1:9/telegram/webhook";

let telegram: FakeTelegram;
let api: TelegramApi;
let log: KeptLog;
let intake: AbortController;
let running: Promise<void>[];

beforeEach(async () => {
  telegram = await startFakeTelegram({ limits: "off", timeScale: 0.001 });
  api = openTelegramApi({ token: telegram.token, apiRoot: telegram.url, connections: 2, deadlineMs: 5000 });
  log = keepLog();
  intake = new AbortController();
  running = [];
});

afterEach(async () => {
  intake.abort();
  await Promise.allSettled(running);
  await api.close();
  await telegram.close();
});

function keepRegistered(secret = SECRET): Promise<void> {
  const keeping = keepWebhookRegistered({ api, url: URL_OF_OURS, secret, log, timing: TIMING }, intake.signal);
  running.push(keeping);
  return keeping;
}

function checks(): number {
  return telegram.calls("getWebhookInfo").length;
}

test("registers once, with all that belongs to it, and then only looks", async () => {
  void keepRegistered();
  await telegram.until(() => checks() >= 3);
  expect(telegram.calls("setWebhook").map((it) => it.payload)).toEqual([
    {
      url: URL_OF_OURS,
      secret_token: SECRET,
      max_connections: 40,
      allowed_updates: expect.arrayContaining(["message", "callback_query"]) as string[],
    },
  ]);
});

test("registers again when somebody changed it", async () => {
  void keepRegistered();
  await telegram.until(() => checks() >= 1);
  await api.raw.deleteWebhook({});
  await telegram.until(() => telegram.calls("setWebhook").length === 2);
});

test("a new secret is registered although nothing else has changed", async () => {
  await api.raw.setWebhook({ url: URL_OF_OURS, secret_token: "the-old-secret-of-before", max_connections: 40 });
  void keepRegistered();
  await telegram.until(() => telegram.calls("setWebhook").some((it) => it.payload["secret_token"] === SECRET));
});

test("security-31: a secret that changes meanwhile is told to Telegram, too", async () => {
  const changing = { secret: SECRET };
  const options = Object.assign(changing, { api, url: URL_OF_OURS, log, timing: TIMING });
  running.push(keepWebhookRegistered(options, intake.signal));
  await telegram.until(() => checks() >= 1);
  changing.secret = "the-secret-of-from-now-on";
  await telegram.until(() => telegram.calls("setWebhook").length === 2);
  expect(telegram.calls("setWebhook")[1]!.payload).toMatchObject({ secret_token: "the-secret-of-from-now-on" });
});

test("fault-18: tries again after trouble, and after a 429 not before its time", async () => {
  telegram.fault({ kind: "html-502", method: "setWebhook", times: 2 });
  telegram.fault({
    kind: "status",
    status: 429,
    description: "Too Many Requests",
    parameters: { retry_after: 1 },
    method: "setWebhook",
  });
  void keepRegistered();
  await telegram.until(() => checks() >= 1);
  expect(telegram.calls("setWebhook").length).toBe(4);
  expect(log.lines.map((it) => it.level)).toEqual(["warn", "warn", "warn", "info"]);
});

test("fault-20: a revoked token ends it", async () => {
  telegram.fault({ kind: "401", method: "setWebhook" });
  await expect(keepRegistered()).rejects.toMatchObject({ code: "unauthorized" });
});

test("says what Telegram has trouble with, without the secret", async () => {
  void keepRegistered();
  await telegram.until(() => checks() >= 1);
  const from = telegram.user(7, "Ann");
  telegram.say({ chat: telegram.privateChat(from), from, text: "hi" });
  await telegram.until(() => telegram.deliveries.length > 0);
  await expect.poll(() => log.lines.some((it) => it.message === "Telegram had trouble with the webhook")).toBe(true);
  expect(JSON.stringify(log.lines)).not.toContain(SECRET);
});

test("in polling mode the webhook is deleted first, and nothing that waits with it", async () => {
  await api.raw.setWebhook({ url: URL_OF_OURS, secret_token: SECRET });
  const from = telegram.user(7, "Ann");
  const adapter = telegramAt(telegram);
  await adapter.connect(intake.signal);
  telegram.say({ chat: telegram.privateChat(from), from, text: "written before" });
  const seen: string[] = [];
  running.push(
    adapter.start((update) => {
      seen.push(update.kind === "message" ? update.text : update.kind);
      return Promise.resolve();
    }, intake.signal),
  );
  await telegram.until(() => telegram.pendingUpdates() === 0);
  expect(seen).toEqual(["written before"]);
  intake.abort();
  await Promise.all(running);
  await adapter.close();
});
