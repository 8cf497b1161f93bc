import type { Usage } from "./model-client.ts";

/** Money is counted in millionths of a US dollar, in which providers' prices stand. */
export interface Spending {
  tokens: number;
  micros: number;
}

/** Who has a budget: a person, all guests of the web page, a chat of several people, an agent, who calls with a stored key, all together. */
export const BUDGET_SCOPES = ["person", "guests", "place", "agent", "key", "gateway"] as const;
export type BudgetScope = (typeof BUDGET_SCOPES)[number];

/** What somebody may use; what is absent is not limited. Days and minutes are those of UTC. */
export interface Budget {
  tokensPerDay?: number;
  microsPerDay?: number;
  runsPerMinute?: number;
  concurrentRuns?: number;
}

/** Of everybody who has none of their own, and what one run may use. */
export type Budgets = { readonly [scope in BudgetScope]?: Budget } & { readonly run?: Partial<Spending> };

/** How much of the day's tokens or money is used, whichever is more, in whole per cent. */
export function percentUsed(spent: Spending, { tokensPerDay = Infinity, microsPerDay = Infinity }: Budget): number {
  return Math.floor(100 * Math.max(spent.tokens / tokensPerDay, spent.micros / microsPerDay));
}

/** Dollars for a million tokens. */
export interface Price {
  input: number;
  cached: number;
  output: number;
}

/** By the model's name, which may end in `*`. */
export type Prices = ReadonlyMap<string, Price>;

/** With its provider's name, then without; null = no price is known. */
export function priceOf(prices: Prices, model: string): Price | null {
  return priceNamed(prices, model) ?? priceNamed(prices, model.slice(model.indexOf(".") + 1));
}

/** The name itself goes before the longest pattern. */
function priceNamed(prices: Prices, model: string): Price | null {
  const own = prices.get(model);
  if (own) return own;
  const patterns = [...prices.keys()].filter((name) => name.endsWith("*") && model.startsWith(name.slice(0, -1)));
  const longest = patterns.toSorted((a, b) => b.length - a.length)[0];
  return (longest !== undefined && prices.get(longest)) || null;
}

/** In millionths of a dollar; null = nobody knows. */
export function costOf(prices: Prices, model: string, usage: Usage): number | null {
  const price = priceOf(prices, model);
  if (!price) return null;
  const cached = Math.min(usage.cachedTokens ?? 0, usage.inputTokens);
  return (usage.inputTokens - cached) * price.input + cached * price.cached + usage.outputTokens * price.output;
}
