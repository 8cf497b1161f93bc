import { type Budget, BUDGET_SCOPES, type Budgets, type Prices } from "./budgets.ts";

const BUDGET_FIELDS = ["tokens_per_day", "money_per_day", "runs_per_minute", "concurrent_runs"] as const;
const RUN_FIELDS = ["tokens", "money"] as const;
const PRICE_FIELDS = ["input", "cached", "output"] as const;

/** Reads the section `budgets`; what is wrong with it is added to `faults`. */
export function readBudgets(value: unknown, faults: string[]): Budgets {
  const of = readFields("budgets", value, [...BUDGET_SCOPES, "run"] as const, faults);
  const budgets: { -readonly [field in keyof Budgets]: Budgets[field] } = {};
  for (const scope of BUDGET_SCOPES) {
    if (of[scope] !== undefined) budgets[scope] = readBudget(`budgets.${scope}`, of[scope], faults);
  }
  if (of.run !== undefined) {
    const { tokens, money } = readNumbers("budgets.run", of.run, RUN_FIELDS, faults);
    budgets.run = {
      ...(tokens !== undefined && { tokens }),
      ...(money !== undefined && { micros: toMicros(money) }),
    };
  }
  return budgets;
}

/** Of somebody, for example of one agent. */
export function readBudget(at: string, value: unknown, faults: string[]): Budget {
  const read = readNumbers(at, value, BUDGET_FIELDS, faults);
  const { tokens_per_day: tokens, money_per_day: money, runs_per_minute: runs, concurrent_runs: concurrent } = read;
  return {
    ...(tokens !== undefined && { tokensPerDay: tokens }),
    ...(money !== undefined && { microsPerDay: toMicros(money) }),
    ...(runs !== undefined && { runsPerMinute: runs }),
    ...(concurrent !== undefined && { concurrentRuns: concurrent }),
  };
}

/** Reads the section `prices`: dollars for a million tokens, by the names of models. */
export function readPrices(value: unknown, faults: string[]): Prices {
  const prices = new Map<string, { input: number; cached: number; output: number }>();
  if (!isMapping(value)) {
    faults.push("prices: must be a mapping of models to prices");
    return prices;
  }
  for (const [model, fields] of Object.entries(value)) {
    const { input, output, cached = input } = readNumbers(`prices.${model}`, fields, PRICE_FIELDS, faults, true);
    if (input === undefined || output === undefined || cached === undefined) {
      faults.push(`prices.${model}: needs input and output, in dollars for a million tokens`);
    } else prices.set(model, { input, cached, output });
  }
  return prices;
}

function readNumbers<F extends string>(
  at: string,
  value: unknown,
  fields: readonly F[],
  faults: string[],
  mayBeZero = false,
): { [field in F]?: number } {
  const read: { [field in F]?: number } = {};
  for (const [field, wanted] of Object.entries(readFields(at, value, fields, faults)) as [F, unknown][]) {
    const whole = !mayBeZero && !field.startsWith("money");
    const fits = typeof wanted === "number" && (whole ? Number.isSafeInteger(wanted) : Number.isFinite(wanted));
    if (fits && (mayBeZero ? wanted >= 0 : wanted > 0)) read[field] = wanted;
    else faults.push(`${at}.${field}: must be a ${whole ? "whole " : ""}number ${mayBeZero ? "from 0 on" : "over 0"}`);
  }
  return read;
}

function readFields<F extends string>(
  at: string,
  value: unknown,
  fields: readonly F[],
  faults: string[],
): { [field in F]?: unknown } {
  if (!isMapping(value)) {
    faults.push(`${at}: must be a mapping of fields to values`);
    return {};
  }
  const known: { [field in F]?: unknown } = {};
  for (const [name, wanted] of Object.entries(value)) {
    const field = fields.find((each) => each === name);
    if (field) known[field] = wanted;
    else faults.push(`${at}.${name}: is not a field; remove it (fields: ${fields.join(", ")})`);
  }
  return known;
}

function toMicros(dollars: number): number {
  return Math.round(dollars * 1e6);
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
