import { describe, expect, test } from "vitest";
import type { Budget, BudgetScope } from "../../src/agent/budgets.ts";
import { BudgetBook } from "../../src/run/budget-book.ts";
import type { BudgetOf } from "../../src/run/budgets-of.ts";
import type { Counter, Held } from "../../src/store/budget-counters.ts";

const counter = (more: Partial<Counter> = {}): Counter => ({
  scope: "a",
  tokens: 0,
  micros: 0,
  minute_runs: 0,
  warned: false,
  minute_left_ms: 40_000.5,
  ...more,
});
const of = (budget: Budget, scope = "a", kind: BudgetScope = "person"): BudgetOf => ({ kind, scope, budget });
const book = (counters: Counter[], held: Held[] = [], run = {}) => new BudgetBook(counters, held, run);

describe("a run", () => {
  test("begins while something is left, and holds what one may use", () => {
    const verdict = book([counter({ tokens: 400 })], [], { tokens: 1_000 }).decide([of({ tokensPerDay: 5_000 })]);
    const budget = { scopes: ["a"], held: { tokens: 1_000, micros: 0 }, allowed: { tokens: 1_000, micros: null } };
    expect(verdict).toEqual({ kind: "begin", budget, nearlyUsed: [] });
  });

  test("holds no more than is left, and keeps to it", () => {
    const held = [{ scope: "a", runs: 1, tokens: 4_000, micros: 0 }];
    const verdict = book([counter({ tokens: 400 })], held, { tokens: 1_000 }).decide([of({ tokensPerDay: 5_000 })]);
    expect(verdict).toMatchObject({ budget: { held: { tokens: 600 }, allowed: { tokens: 600 } } });
  });

  test("without a limit of its own may use what is left of the day", () => {
    const budgets = [of({ tokensPerDay: 9_000 }), of({ tokensPerDay: 20_000, microsPerDay: 7_000 }, "b", "gateway")];
    const verdict = book([counter({ tokens: 400 }), counter({ scope: "b" })]).decide(budgets);
    const budget = { held: { tokens: 5_000, micros: 7_000 }, allowed: { tokens: 8_600, micros: 7_000 } };
    expect(verdict).toMatchObject({ kind: "begin", budget });
  });

  test.each([
    ["tokens", { tokens: 5_000 }, { tokensPerDay: 5_000 }],
    ["money", { micros: 5_001 }, { microsPerDay: 5_000 }],
  ])("is refused when the day's %s are used", (_what, used, budget) => {
    const asked = [of({ tokensPerDay: 9_000 }), of(budget, "b", "agent")];
    const verdict = book([counter(), counter({ scope: "b", ...used })]).decide(asked);
    expect(verdict).toEqual({ kind: "refuse", of: asked[1] });
  });

  test("waits while others hold what is left, because they may use less", () => {
    const held = [{ scope: "a", runs: 1, tokens: 4_000, micros: 0 }];
    expect(book([counter({ tokens: 1_000 })], held).decide([of({ tokensPerDay: 5_000 })])).toEqual({
      kind: "wait",
      delayMs: 500,
    });
  });

  test("waits for one of those under way, or for the next minute", () => {
    const held = [{ scope: "a", runs: 2, tokens: 0, micros: 0 }];
    expect(book([counter()], held).decide([of({ concurrentRuns: 2 })])).toEqual({ kind: "wait", delayMs: 500 });
    const busy = [of({ concurrentRuns: 1 }), of({ runsPerMinute: 3 }, "b")];
    const counters = [counter(), counter({ scope: "b", minute_runs: 3 })];
    expect(book(counters).decide(busy)).toEqual({ kind: "wait", delayMs: 40_001 });
  });

  test("counts for those decided after it", () => {
    const asked = [of({ runsPerMinute: 3, concurrentRuns: 9 })];
    const shared = book([counter({ minute_runs: 1 })], [], { tokens: 10 });
    expect([1, 2, 3].map(() => shared.decide(asked).kind)).toEqual(["begin", "begin", "wait"]);
    expect(shared.changes()).toEqual([{ scope: "a", runs: 2, warned: false }]);
  });

  test("tells once of a budget that is nearly used", () => {
    const asked = [of({ tokensPerDay: 1_000, microsPerDay: 10 })];
    const shared = book([counter({ tokens: 100, micros: 8 })]);
    expect(shared.decide(asked)).toMatchObject({ nearlyUsed: asked });
    expect(shared.percent(asked[0]!)).toBe(80);
    shared.warned(asked[0]!);
    expect(book([counter({ tokens: 100, micros: 8, warned: true })]).decide(asked)).toMatchObject({ nearlyUsed: [] });
    expect(book([counter({ tokens: 799, micros: 7 })]).decide(asked)).toMatchObject({ nearlyUsed: [] });
    expect(shared.changes()).toEqual([{ scope: "a", runs: 1, warned: true }]);
  });
});
