import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { accountId } from "../../src/ids.ts";
import type { EditBudget } from "../../src/platform/platform-adapter.ts";
import { type CallPurpose, ChatBudgets } from "../../src/delivery/chat-budgets.ts";

const account = accountId("telegram", "1");
const place = (chat: string) => ({ account, chat, kind: "private" as const });
const budget: EditBudget = {
  chat: () => ({ draftEveryMs: 1_100, refillMs: 1_000, burst: 3, reserve: 1 }),
  account: { refillMs: 10, burst: 100, reserve: 5 },
};

function clock(): { now: number } {
  return { now: 1_000 };
}

describe("the budget of a chat", () => {
  it("keeps a reserve that drafts and typing do not touch", () => {
    const time = clock();
    const budgets = new ChatBudgets(() => time.now);
    expect(budgets.take(budget, place("7"), "typing")).toBe(0);
    expect(budgets.take(budget, place("7"), "typing")).toBe(0);
    expect(budgets.take(budget, place("7"), "typing")).toBeGreaterThan(0);
    expect(budgets.take(budget, place("7"), "final")).toBe(0);
  });

  it("keeps drafts apart by their interval, also from the first message", () => {
    const time = clock();
    const budgets = new ChatBudgets(() => time.now);
    expect(budgets.take(budget, place("7"), "first")).toBe(0);
    expect(budgets.take(budget, place("7"), "draft")).toBe(1_100);
    time.now += 1_100;
    expect(budgets.take(budget, place("7"), "draft")).toBe(0);
  });

  it("says how long to wait, and that is enough", () => {
    const time = clock();
    const budgets = new ChatBudgets(() => time.now);
    for (let call = 0; call < 3; call++) budgets.take(budget, place("7"), "final");
    const waitMs = budgets.take(budget, place("7"), "final");
    expect(waitMs).toBeGreaterThan(0);
    time.now += waitMs;
    expect(budgets.take(budget, place("7"), "final")).toBe(0);
  });

  it("lets nothing through while the platform asked for a pause, and other chats go on", () => {
    const time = clock();
    const budgets = new ChatBudgets(() => time.now);
    budgets.block(account, "7", 30_000);
    budgets.block(account, "7", 1_000);
    expect(budgets.take(budget, place("7"), "final")).toBe(30_000);
    expect(budgets.take(budget, place("8"), "final")).toBe(0);
    time.now += 30_000;
    expect(budgets.take(budget, place("7"), "final")).toBe(0);
  });

  it("remembers a pause however many chats there are", () => {
    const time = clock();
    const budgets = new ChatBudgets(() => time.now);
    budgets.block(account, "7", 3_600_000);
    for (let chat = 100; chat < 30_000; chat++) budgets.take(budget, place(String(chat)), "final");
    expect(budgets.take(budget, place("7"), "final")).toBe(3_600_000);
  });

  it("takes back a call that was not made, and never grants more for it", () => {
    const time = clock();
    const budgets = new ChatBudgets(() => time.now);
    for (let round = 0; round < 10; round++) {
      expect(budgets.take(budget, place("7"), "first")).toBe(0);
      budgets.giveBack(place("7"));
    }
    const granted = Array.from({ length: 5 }, () => budgets.take(budget, place("7"), "final"));
    expect(granted.map((waitMs) => waitMs === 0)).toEqual([true, true, true, false, false]);
  });

  it("is shared by all chats of an account", () => {
    const time = clock();
    const budgets = new ChatBudgets(() => time.now);
    const granted = Array.from({ length: 200 }, (_, chat) => budgets.take(budget, place(String(chat)), "final"));
    expect(granted.filter((waitMs) => waitMs === 0)).toHaveLength(100);
  });

  it("counts posts and typing in the chat's bucket alone, where an account's limit is for edits", () => {
    const time = clock();
    const budgets = new ChatBudgets(() => time.now);
    const editsOnly: EditBudget = { ...budget, account: { refillMs: 1_000, burst: 2, reserve: 1, editsOnly: true } };
    for (const purpose of ["post", "first", "typing"] as const) {
      for (let chat = 0; chat < 5; chat++)
        expect(budgets.take(editsOnly, place(`${purpose} ${chat}`), purpose)).toBe(0);
    }
    expect(budgets.take(editsOnly, place("7"), "draft")).toBe(0);
    expect(budgets.take(editsOnly, place("8"), "draft")).toBe(1_000);
    expect(budgets.take(editsOnly, place("9"), "final")).toBe(0);
    expect(budgets.take(editsOnly, place("10"), "final")).toBe(1_000);
    for (let call = 0; call < 3; call++) expect(budgets.take(editsOnly, place("11"), "post")).toBe(0);
    expect(budgets.take(editsOnly, place("11"), "post")).toBe(1_000);
  });

  it("never grants more than burst and refill, whatever is asked when", () => {
    const step = fc.record({
      ms: fc.nat(2_000),
      purpose: fc.constantFrom<CallPurpose>("final", "post", "first", "draft", "typing"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const time = clock();
        const budgets = new ChatBudgets(() => time.now);
        const begin = time.now;
        let granted = 0;
        for (const { ms, purpose } of steps) {
          time.now += ms;
          if (budgets.take(budget, place("7"), purpose) === 0) granted += 1;
          expect(granted).toBeLessThanOrEqual(3 + (time.now - begin) / 1_000);
        }
      }),
    );
  });
});
