import { Api } from "grammy";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findOperator } from "../../adapters/telegram/find-operator.ts";
import { type FakeTelegram, startFakeTelegram } from "../fakes/telegram/fake-telegram.ts";

let telegram: FakeTelegram;

beforeEach(async () => {
  telegram = await startFakeTelegram({ limits: "off", timeScale: 0.01 });
});
afterEach(() => telegram.close());

function find(onLink: (link: string) => void, signal = AbortSignal.timeout(10_000)) {
  return findOperator({ token: telegram.token, apiRoot: telegram.url, onLink }, signal);
}

test("finds whoever opens the link, among others who write, and takes nothing from the gateway", async () => {
  const ann = telegram.user(4711, "Ann");
  const stranger = telegram.user(4712, "Eve");
  telegram.say({ chat: telegram.privateChat(stranger), from: stranger, text: "/start 12345" });
  const found = await find((link) => {
    const [, word] = /^https:\/\/t\.me\/\w+\?start=([\w-]{1,64})$/.exec(link)!;
    telegram.say({ chat: telegram.privateChat(ann), from: ann, text: `/start ${word}` });
  });
  expect(found).toBe(4711);
  expect(telegram.pendingUpdates()).toBe(2);
});

test("nobody is found once the time is over, or while others take the bot's messages", async () => {
  const over = new AbortController();
  expect(await find(() => over.abort(), over.signal)).toBe(null);
  const api = new Api(telegram.token, { apiRoot: telegram.url });
  await api.setWebhook("http://127.0.0.1:1/hook");
  await expect(find(() => undefined)).rejects.toMatchObject({ code: "conflict" });
});
