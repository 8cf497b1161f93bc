import { percentUsed, type Spending } from "../agent/budgets.ts";
import type { Counter, Held } from "../store/budget-counters.ts";
import type { RunBudget } from "../store/schema.ts";
import type { BudgetOf } from "./budgets-of.ts";

/** `wait`: others are under way that may use up what is left, or there are too many. `refuse`: not before tomorrow. */
export type Verdict =
  | { kind: "begin"; budget: RunBudget; nearlyUsed: BudgetOf[] }
  | { kind: "wait"; delayMs: number }
  | { kind: "refuse"; of: BudgetOf };

/** What a run holds where it is not said what one may use: about a question and its answer. */
const USUAL: Spending = { tokens: 5_000, micros: 10_000 };
/** People are told of a budget that is used up to here. */
const NEARLY = 0.8;
/** A lane that waits for others' runs is looked at again after this long. */
const LOOK_AGAIN_MS = 500;

const UNITS = [
  { unit: "tokens", limit: "tokensPerDay" },
  { unit: "micros", limit: "microsPerDay" },
] as const;

interface Page extends Omit<Counter, "scope"> {
  held: Spending;
  open: number;
  begun: number;
  warnedNow: boolean;
}

/** The counters that runs to begin share, while they are locked. Pure. */
export class BudgetBook {
  readonly #pages = new Map<string, Page>();
  readonly #run: Partial<Spending>;

  /** `run`: what one run may use. */
  constructor(counters: readonly Counter[], held: readonly Held[], run: Partial<Spending>) {
    this.#run = run;
    for (const { scope, ...counter } of counters) {
      const { runs = 0, tokens = 0, micros = 0 } = held.find((each) => each.scope === scope) ?? {};
      this.#pages.set(scope, { ...counter, held: { tokens, micros }, open: runs, begun: 0, warnedNow: false });
    }
  }

  /** What becomes of the next run; one that begins is counted. */
  decide(budgets: readonly BudgetOf[]): Verdict {
    const usedUp = budgets.find((of) => UNITS.some(({ unit, limit }) => this.#left(of, unit, limit) <= 0));
    if (usedUp) return { kind: "refuse", of: usedUp };
    const delayMs = Math.max(0, ...budgets.map((of) => this.#waitMs(of)));
    if (delayMs > 0) return { kind: "wait", delayMs };
    const budget: RunBudget = {
      scopes: budgets.map(({ scope }) => scope),
      held: { tokens: 0, micros: 0 },
      allowed: { tokens: this.#run.tokens ?? null, micros: this.#run.micros ?? null },
    };
    for (const { unit, limit } of UNITS) {
      const limited = budgets.filter((of) => of.budget[limit] !== undefined);
      if (limited.length === 0) continue;
      const cap = this.#run[unit];
      const left = Math.min(...limited.map((of) => this.#left(of, unit, limit)));
      const free = Math.min(...limited.map((of) => this.#left(of, unit, limit) - this.#page(of).held[unit]));
      budget.held[unit] = Math.min(cap ?? USUAL[unit], free);
      // With a cap of its own a run keeps to what it holds, so that all together keep to the day's.
      budget.allowed[unit] = cap === undefined ? left : budget.held[unit];
    }
    for (const of of budgets) {
      const page = this.#page(of);
      page.open += 1;
      page.begun += 1;
      for (const { unit } of UNITS) page.held[unit] += budget.held[unit];
    }
    const nearlyUsed = budgets.filter((of) => !this.#page(of).warned && this.percent(of) >= NEARLY * 100);
    return { kind: "begin", budget, nearlyUsed };
  }

  percent(of: BudgetOf): number {
    return percentUsed(this.#page(of), of.budget);
  }

  warned(of: BudgetOf): void {
    Object.assign(this.#page(of), { warned: true, warnedNow: true });
  }

  changes(): { scope: string; runs: number; warned: boolean }[] {
    return [...this.#pages].flatMap(([scope, { begun, warnedNow }]) =>
      begun > 0 || warnedNow ? [{ scope, runs: begun, warned: warnedNow }] : [],
    );
  }

  #left(of: BudgetOf, unit: keyof Spending, limit: (typeof UNITS)[number]["limit"]): number {
    return (of.budget[limit] ?? Number.POSITIVE_INFINITY) - this.#page(of)[unit];
  }

  #waitMs(of: BudgetOf): number {
    const page = this.#page(of);
    const { runsPerMinute = Number.POSITIVE_INFINITY, concurrentRuns = Number.POSITIVE_INFINITY } = of.budget;
    if (page.minute_runs + page.begun >= runsPerMinute) return Math.ceil(page.minute_left_ms);
    const allHeld = UNITS.some(({ unit, limit }) => this.#left(of, unit, limit) <= page.held[unit]);
    return allHeld || page.open >= concurrentRuns ? LOOK_AGAIN_MS : 0;
  }

  #page(of: BudgetOf): Page {
    const page = this.#pages.get(of.scope);
    if (!page) throw new Error(`no counter of ${of.scope} was locked`);
    return page;
  }
}
