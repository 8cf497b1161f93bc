import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTelegramApi, type TelegramApi } from "../../adapters/telegram/telegram-api.ts";
import { POLL_TIMING, pollTelegram, type PollTiming } from "../../adapters/telegram/telegram-poll.ts";
import { readTelegramUpdate } from "../../adapters/telegram/read-telegram-update.ts";
import { GatewayError } from "../../src/errors.ts";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import type { Accept } from "../../src/platform/platform-adapter.ts";
import { type FakeTelegram, startFakeTelegram } from "../fakes/telegram/fake-telegram.ts";
import { keepLog, type KeptLog } from "./start-telegram.ts";

const QUICK: PollTiming = {
  pollSeconds: 1,
  watchdogMs: 5000,
  trouble: { firstMs: 10, maxMs: 40 },
  conflict: { firstMs: 20, maxMs: 80 },
};

let telegram: FakeTelegram;
let log: KeptLog;
let intake: AbortController;
let running: Promise<void>[];
let opened: number;

beforeEach(async () => {
  telegram = await startFakeTelegram({ limits: "off", timeScale: 0.01 });
  log = keepLog();
  intake = new AbortController();
  running = [];
  opened = 0;
});

afterEach(async () => {
  intake.abort();
  await Promise.allSettled(running);
  await telegram.close();
});

function openApi(): TelegramApi {
  opened += 1;
  return openTelegramApi({ token: telegram.token, apiRoot: telegram.url, connections: 1, deadlineMs: 3000 });
}

function poll(accept: Accept, timing: Partial<PollTiming> = {}): Promise<void> {
  const bot = { id: telegram.botId, username: telegram.botUsername, topics: false };
  const read = (update: unknown) => readTelegramUpdate(update, bot);
  const polling = pollTelegram({ openApi, read, accept, log, timing: { ...QUICK, ...timing } }, intake.signal);
  running.push(polling);
  return polling;
}

function say(...texts: string[]): void {
  const from = telegram.user(7, "Ann");
  const chat = telegram.privateChat(from);
  for (const text of texts) telegram.say({ chat, from, text });
}

function textOf(update: IncomingUpdate): string {
  return update.kind === "message" ? update.text : update.kind;
}

function keep(seen: string[]): Accept {
  return (update) => {
    seen.push(textOf(update));
    return Promise.resolve();
  };
}

describe("what is taken in", () => {
  test("fault-22: everything that was never acknowledged comes, once, in order, and is then acknowledged", async () => {
    say("one", "two", "three");
    const seen: string[] = [];
    void poll(keep(seen));
    await telegram.until(() => telegram.pendingUpdates() === 0);
    say("four");
    await telegram.until(() => telegram.pendingUpdates() === 0 && telegram.polling());
    expect(seen).toEqual(["one", "two", "three", "four"]);
  });

  test("no offset is remembered: the first poll has none, and after an empty answer there is none again", async () => {
    void poll(keep([]), { pollSeconds: 0 });
    say("one");
    await telegram.until(() => telegram.pendingUpdates() === 0);
    await telegram.until(() => telegram.calls("getUpdates").length >= 4);
    const offsets = telegram.calls("getUpdates").map(({ payload }) => payload["offset"]);
    expect(offsets[0]).toBeUndefined();
    expect(offsets.filter((it) => it !== undefined).length).toBeLessThanOrEqual(2);
    expect(offsets.slice(-1)).toEqual([undefined]);
  });

  test("asks for what the gateway reads, and lets Telegram hold the poll", async () => {
    void poll(keep([]));
    await telegram.until(() => telegram.polling());
    expect(telegram.calls("getUpdates")[0]?.payload).toEqual({
      limit: 100,
      timeout: 1,
      allowed_updates: expect.arrayContaining([
        "message",
        "message_reaction",
        "stopped_message_generation",
      ]) as string[],
    });
    expect(POLL_TIMING.pollSeconds).toBeLessThanOrEqual(50);
  });

  test("the chats of one batch are handed over together, so that they can be stored in one", async () => {
    for (const id of [7, 8, 9]) {
      const from = telegram.user(id, "Ann");
      telegram.say({ chat: telegram.privateChat(from), from, text: "hi" });
    }
    let waiting = 0;
    const all = Promise.withResolvers<void>();
    void poll(() => {
      waiting += 1;
      if (waiting === 3) all.resolve();
      return all.promise;
    });
    await telegram.until(() => telegram.pendingUpdates() === 0);
  });

  test("an update that cannot be read is handed over as such and blocks nothing", async () => {
    telegram.sendRaw({ message: { nonsense: true } });
    say("fine");
    const seen: string[] = [];
    void poll(keep(seen));
    await telegram.until(() => telegram.pendingUpdates() === 0);
    expect(seen).toEqual(["unreadable", "fine"]);
  });
});

describe("storing fails", () => {
  test("nothing of the batch is acknowledged until all of it is stored", async () => {
    say("one", "two");
    const seen: string[] = [];
    let broken = true;
    void poll((update) => {
      seen.push(textOf(update));
      if (!broken || textOf(update) === "one") return Promise.resolve();
      return Promise.reject(new GatewayError("unavailable", "no database"));
    });
    await expect.poll(() => seen.length).toBeGreaterThan(3);
    expect(telegram.pendingUpdates()).toBe(2);
    broken = false;
    await telegram.until(() => telegram.pendingUpdates() === 0);
    expect(log.lines.some((it) => it.level === "warn" && it.message === "polling is in trouble")).toBe(true);
  });

  test("nothing of a chat is stored before what comes first there, others are", async () => {
    say("one", "two");
    const bob = telegram.user(8, "Bob");
    telegram.say({ chat: telegram.privateChat(bob), from: bob, text: "bob" });
    const stored: string[] = [];
    let failures = 1;
    void poll((update) => {
      if (textOf(update) === "one" && failures-- > 0) {
        return Promise.reject(new GatewayError("unavailable", "no database"));
      }
      return keep(stored)(update);
    });
    await telegram.until(() => telegram.pendingUpdates() === 0);
    expect(stored.filter((text) => text !== "bob")).toEqual(["one", "two"]);
    expect(stored[0]).toBe("bob");
  });

  test("a move is stored before what is written in the new chat", async () => {
    const from = telegram.user(7, "Ann");
    const chat = telegram.migrate(telegram.group(-55), -1_000_000_000_055);
    telegram.say({ chat, from, text: "here now" });
    const stored: string[] = [];
    void poll(async (update) => {
      if (update.kind === "place_moved") await new Promise((resolve) => setTimeout(resolve, 50));
      await keep(stored)(update);
    });
    await telegram.until(() => telegram.pendingUpdates() === 0);
    expect(stored).toEqual(["place_moved", "place_moved", "here now"]);
  });

  test("an error nobody foresaw stops neither the polling nor what comes later", async () => {
    say("one");
    let failures = 2;
    const seen: string[] = [];
    void poll((update) => {
      if (failures-- > 0) throw new TypeError("a mistake");
      return keep(seen)(update);
    });
    await telegram.until(() => telegram.pendingUpdates() === 0);
    expect(seen).toEqual(["one"]);
  });

  test("storing that never ends is given up by the watchdog, unacknowledged", async () => {
    say("one");
    let calls = 0;
    void poll(() => (++calls === 1 ? new Promise(() => {}) : Promise.resolve()), { watchdogMs: 50 });
    await telegram.until(() => telegram.pendingUpdates() === 0);
    expect(calls).toBeGreaterThan(1);
  });
});

describe("Telegram fails", () => {
  test("fault-20: a revoked token ends the polling, at the first answer", async () => {
    telegram.fault({ kind: "401", method: "getUpdates", times: Infinity });
    await expect(poll(keep([]))).rejects.toMatchObject({ code: "unauthorized" });
    expect(telegram.calls("getUpdates").length).toBe(1);
  });

  test("fault-21: another poller makes it wait, say so, and come again with a fresh socket", async () => {
    const other = openTelegramApi({ token: telegram.token, apiRoot: telegram.url, connections: 1, deadlineMs: 5000 });
    void poll(keep([]));
    await telegram.until(() => telegram.polling());
    const taken = other.raw.getUpdates({ timeout: 1 }).catch((error: unknown) => error);
    await telegram.until(() => log.lines.some((it) => it.message === "another poller uses this bot token"));
    expect(opened).toBe(2);
    await taken;
    say("for us again");
    await telegram.until(() => telegram.pendingUpdates() === 0);
    await other.close();
  });

  test("fault-21: in earnest it waits 5 to 30 seconds, so that two pollers do not chase each other", () => {
    expect(POLL_TIMING.conflict).toEqual({ firstMs: 5000, maxMs: 30_000 });
    expect(POLL_TIMING.trouble).toEqual({ firstMs: 1000, maxMs: 30_000 });
  });

  test.each([
    ["fault-18: a page of HTML with a 502", { kind: "html-502" }],
    ["fault-18: a 500 in Telegram's own form", { kind: "status", status: 500, description: "Internal Server Error" }],
    ["fault-18: an answer that is no JSON", { kind: "garbage" }],
    ["a cut connection", { kind: "reset-before" }],
    ["fault-16: a 429", { kind: "429", retryAfter: 1, times: 1 }],
  ] as const)("%s is lived through", async (_, fault) => {
    telegram.fault({ times: 3, ...fault, method: "getUpdates" });
    say("later");
    const seen: string[] = [];
    void poll(keep(seen));
    await telegram.until(() => telegram.pendingUpdates() === 0, 10_000);
    expect(seen).toEqual(["later"]);
  });

  test("fault-15: a poll that hangs is given up, and the next one goes over another socket", async () => {
    telegram.fault({ kind: "stall", method: "getUpdates" });
    say("later");
    void poll(keep([]), { watchdogMs: 50 });
    await telegram.until(() => telegram.pendingUpdates() === 0);
    expect(opened).toBeGreaterThan(1);
  });
});

describe("the end", () => {
  test("an abort ends a held poll at once and leaves the rest to Telegram", async () => {
    const polling = poll(keep([]), { pollSeconds: 50 });
    await telegram.until(() => telegram.polling());
    intake.abort();
    await polling;
    await telegram.until(() => !telegram.polling());
    say("for the next poller");
    expect(telegram.pendingUpdates()).toBe(1);
  });

  test("an abort while updates are being stored acknowledges none of them", async () => {
    say("one");
    const seen: string[] = [];
    const storing = Promise.withResolvers<void>();
    const polling = poll((update) => {
      seen.push(textOf(update));
      return storing.promise;
    });
    await expect.poll(() => seen.length).toBe(1);
    intake.abort();
    await polling;
    storing.resolve();
    expect(telegram.calls("getUpdates").length).toBe(1);
    expect(telegram.pendingUpdates()).toBe(1);
  });

  test("an abort ends a wait after trouble, too", async () => {
    telegram.fault({ kind: "html-502", method: "getUpdates", times: Infinity });
    const polling = poll(keep([]), { trouble: { firstMs: 60_000, maxMs: 60_000 } });
    await expect.poll(() => log.lines.length).toBe(1);
    intake.abort();
    await polling;
  });

  test("security-28: what goes to the log holds no token and no text", async () => {
    telegram.fault({ kind: "html-502", method: "getUpdates", times: 2 });
    telegram.fault({ kind: "status", status: 500, description: `at /bot${telegram.token}/x`, method: "getUpdates" });
    say("a private word");
    void poll(keep([]));
    await telegram.until(() => telegram.pendingUpdates() === 0);
    const everything = inspect(log.lines, { depth: 20, showHidden: true });
    expect(log.lines.length).toBeGreaterThanOrEqual(3);
    expect(everything).not.toContain(telegram.token);
    expect(everything).not.toContain("private word");
  });
});
