import type { AgentSettings } from "../agent/agent-settings.ts";
import { costOf, type Prices } from "../agent/budgets.ts";
import type { Usage } from "../agent/model-client.ts";
import type { StoredEvent } from "../store/run-events.ts";
import type { RunBudget } from "../store/schema.ts";
import type { UsageRow } from "../store/usage.ts";

/** What a run has used, in all its attempts: what a dead one used was paid as well. By agent and model. */
export class UsageTally {
  readonly #rows = new Map<string, UsageRow>();
  readonly #agent: string;
  readonly #prices: Prices;
  readonly #allowed: { tokens?: number | null; micros?: number | null };

  /** `agent`: whose the usage is that names nobody. `budget`: as it was when the run began. */
  constructor({ agent, budget }: { agent: string; budget: RunBudget | null }, settings: AgentSettings) {
    this.#agent = agent;
    this.#prices = settings.prices ?? new Map();
    this.#allowed = budget?.allowed ?? settings.budgets?.run ?? {};
  }

  /** Returns what it costs, in millionths of a dollar; null = nobody knows. */
  add(model: string, usage: Usage, agent = this.#agent): number | null {
    const key = `${agent} ${model}`;
    const row = this.#rows.get(key) ?? { agent, model, input: 0, cached: 0, output: 0, reasoning: 0, micros: 0 };
    const cost = costOf(this.#prices, model, usage);
    this.#rows.set(key, {
      ...row,
      input: row.input + usage.inputTokens,
      cached: row.cached + (usage.cachedTokens ?? 0),
      output: row.output + usage.outputTokens,
      reasoning: row.reasoning + (usage.reasoningTokens ?? 0),
      micros: cost === null || row.micros === null ? null : row.micros + cost,
    });
    return cost;
  }

  /** What earlier attempts of the run have told of. */
  keep(events: readonly StoredEvent[]): void {
    for (const { type, data } of events) {
      if (type !== "usage") continue;
      const { model, usage, agent } = data as { model: string; usage: Usage; agent?: string };
      this.add(model, usage, agent);
    }
  }

  /** For the merge: money in whole millionths. */
  get rows(): UsageRow[] {
    return [...this.#rows.values()].map((row) => ({ ...row, micros: row.micros && Math.ceil(row.micros) }));
  }

  /** The run has used what it may. */
  get usedUp(): boolean {
    const rows = [...this.#rows.values()];
    const tokens = rows.reduce((total, { input, output }) => total + input + output, 0);
    const micros = rows.reduce((total, row) => total + (row.micros ?? 0), 0);
    return tokens >= (this.#allowed.tokens ?? Infinity) || micros >= (this.#allowed.micros ?? Infinity);
  }
}
