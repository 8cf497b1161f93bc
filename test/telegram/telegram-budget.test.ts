import { describe, expect, it } from "vitest";
import { createTelegramAdapter, type TelegramOptions } from "../../adapters/telegram/telegram-adapter.ts";
import { CallScheduler } from "../../src/delivery/call-scheduler.ts";
import { telegramAccount } from "../../adapters/telegram/telegram-ids.ts";
import { keepLog } from "./start-telegram.ts";

const ACCOUNT = telegramAccount(4711);

function budgetOf(options: Partial<TelegramOptions>) {
  const all = { token: "4711:x", apiRoot: null, mode: "polling" as const, publicUrl: null, webhookSecret: null };
  return createTelegramAdapter({ ...all, log: keepLog(), ...options }).editing!.budget;
}

/** How many finals to chats of their own go out in one second. */
function finalsInASecond(options: Partial<TelegramOptions>): number {
  let now = 0;
  const scheduler = new CallScheduler(() => now);
  const budget = budgetOf(options);
  let sent = 0;
  for (let chat = 0; now <= 1000;) {
    const place = { account: ACCOUNT, chat: `chat ${chat}`, thread: "", placeKind: "private" as const };
    const waitMs = scheduler.take(budget, place, { purpose: "final", kind: "edit" });
    if (waitMs > 0) now += waitMs;
    else [sent, chat] = [sent + 1, chat + 1];
  }
  return sent;
}

describe("the calls of one bot in all its chats", () => {
  it("are 20 in a burst and 30 a second: less than Telegram takes, since calls may catch up with each other", () => {
    expect(budgetOf({}).account[0]?.burst).toBe(20);
    expect(finalsInASecond({})).toBeLessThanOrEqual(50);
    expect(finalsInASecond({})).toBeGreaterThanOrEqual(48);
  });

  it("are as many as the operator says", () => {
    expect(finalsInASecond({ callsPerSecond: 1000 })).toBeGreaterThan(1600);
    expect(finalsInASecond({ callsPerSecond: 1 })).toBeLessThanOrEqual(2);
  });

  it("change nothing in a single chat", () => {
    for (const kind of ["private", "group"] as const) {
      expect(budgetOf({ callsPerSecond: 1000 }).chat(kind)).toEqual(budgetOf({}).chat(kind));
    }
  });
});
