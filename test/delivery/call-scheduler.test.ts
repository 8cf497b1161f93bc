import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { accountId } from "../../src/ids.ts";
import type { EditBudget } from "../../src/platform/platform-adapter.ts";
import { type Call, CallScheduler } from "../../src/delivery/call-scheduler.ts";

const account = accountId("telegram", "1");
const place = (chat: string, thread = "") => ({ account, chat, thread, placeKind: "private" as const });
const FINAL: Call = { purpose: "final", kind: "edit" };
const POST: Call = { purpose: "final", kind: "post" };
const FIRST: Call = { purpose: "first", kind: "post" };
const DRAFT: Call = { purpose: "draft", kind: "edit" };
const TYPING: Call = { purpose: "typing", kind: "typing" };
const budget: EditBudget = {
  chat: () => ({ draftEveryMs: 1_100, refillMs: 1_000, burst: 3, reserve: 1 }),
  account: [{ refillMs: 10, burst: 100, reserve: 5 }],
};

function clock(): { now: number } {
  return { now: 1_000 };
}

describe("the budget of a chat", () => {
  it("keeps a reserve that drafts and typing do not touch", () => {
    const time = clock();
    const scheduler = new CallScheduler(() => time.now);
    expect(scheduler.take(budget, place("7"), TYPING)).toBe(0);
    expect(scheduler.take(budget, place("7"), TYPING)).toBe(0);
    expect(scheduler.take(budget, place("7"), TYPING)).toBeGreaterThan(0);
    expect(scheduler.take(budget, place("7"), FINAL)).toBe(0);
  });

  it("keeps drafts apart by their interval, also from the first message", () => {
    const time = clock();
    const scheduler = new CallScheduler(() => time.now);
    expect(scheduler.take(budget, place("7"), FIRST)).toBe(0);
    expect(scheduler.take(budget, place("7"), DRAFT)).toBe(1_100);
    time.now += 1_100;
    expect(scheduler.take(budget, place("7"), DRAFT)).toBe(0);
  });

  it("says how long to wait, and that is enough", () => {
    const time = clock();
    const scheduler = new CallScheduler(() => time.now);
    for (let call = 0; call < 3; call++) scheduler.take(budget, place("7"), FINAL);
    const waitMs = scheduler.take(budget, place("7"), FINAL);
    expect(waitMs).toBeGreaterThan(0);
    time.now += waitMs;
    expect(scheduler.take(budget, place("7"), FINAL)).toBe(0);
  });

  it("lets nothing through while the platform asked for a pause, and other chats go on", () => {
    const time = clock();
    const scheduler = new CallScheduler(() => time.now);
    scheduler.block(account, "7", 30_000);
    scheduler.block(account, "7", 1_000);
    expect(scheduler.take(budget, place("7"), FINAL)).toBe(30_000);
    expect(scheduler.take(budget, place("8"), FINAL)).toBe(0);
    time.now += 30_000;
    expect(scheduler.take(budget, place("7"), FINAL)).toBe(0);
  });

  it("remembers a pause however many chats there are", () => {
    const time = clock();
    const scheduler = new CallScheduler(() => time.now);
    scheduler.block(account, "7", 3_600_000);
    for (let chat = 100; chat < 30_000; chat++) scheduler.take(budget, place(String(chat)), FINAL);
    expect(scheduler.take(budget, place("7"), FINAL)).toBe(3_600_000);
  });

  it("takes back a call that was not made, and never grants more for it", () => {
    const time = clock();
    const scheduler = new CallScheduler(() => time.now);
    for (let round = 0; round < 10; round++) {
      expect(scheduler.take(budget, place("7"), FIRST)).toBe(0);
      scheduler.giveBack(budget, place("7"), FIRST);
    }
    const granted = Array.from({ length: 5 }, () => scheduler.take(budget, place("7"), FINAL));
    expect(granted.map((waitMs) => waitMs === 0)).toEqual([true, true, true, false, false]);
  });

  it("is shared by all chats of an account", () => {
    const time = clock();
    const scheduler = new CallScheduler(() => time.now);
    const granted = Array.from({ length: 200 }, (_, chat) => scheduler.take(budget, place(String(chat)), FINAL));
    expect(granted.filter((waitMs) => waitMs === 0)).toHaveLength(100);
  });

  it("counts a call where its kind is counted: in the chat, in the account, or nowhere", () => {
    const time = clock();
    const scheduler = new CallScheduler(() => time.now);
    const apart: EditBudget = {
      chat: () => ({ ...budget.chat("private"), calls: ["post"] }),
      account: [{ refillMs: 1_000, burst: 2, reserve: 1, calls: ["edit"] }],
    };
    for (let call = 0; call < 10; call++) expect(scheduler.take(apart, place("7"), TYPING)).toBe(0);
    for (let chat = 0; chat < 5; chat++) expect(scheduler.take(apart, place(`${chat}`), FIRST)).toBe(0);
    expect(scheduler.take(apart, place("7"), DRAFT)).toBe(0);
    expect(scheduler.take(apart, place("8"), DRAFT)).toBe(1_000);
    expect(scheduler.take(apart, place("9"), FINAL)).toBe(0);
    expect(scheduler.take(apart, place("10"), FINAL)).toBe(1_000);
    for (let call = 0; call < 3; call++) expect(scheduler.take(apart, place("11"), POST)).toBe(0);
    expect(scheduler.take(apart, place("11"), POST)).toBe(1_000);
  });

  it("keeps the drafts of one place apart, not those of a chat's topics", () => {
    const time = clock();
    const scheduler = new CallScheduler(() => time.now);
    expect(scheduler.take(budget, place("7", "a"), DRAFT)).toBe(0);
    expect(scheduler.take(budget, place("7", "b"), DRAFT)).toBe(0);
    time.now += 1_000;
    expect(scheduler.take(budget, place("7", "a"), DRAFT)).toBe(100);
  });

  it("never grants more than burst and refill, whatever is asked when", () => {
    const step = fc.record({
      ms: fc.nat(2_000),
      call: fc.constantFrom(FINAL, POST, FIRST, DRAFT, TYPING),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const time = clock();
        const scheduler = new CallScheduler(() => time.now);
        const begin = time.now;
        let granted = 0;
        for (const { ms, call } of steps) {
          time.now += ms;
          if (scheduler.take(budget, place("7"), call) === 0) granted += 1;
          expect(granted).toBeLessThanOrEqual(3 + (time.now - begin) / 1_000);
        }
      }),
    );
  });
});
