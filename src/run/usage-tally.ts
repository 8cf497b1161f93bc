import type { Clone } from "../agent/agent-runner.ts";
import type { AgentSettings } from "../agent/agent-settings.ts";
import { costOf, type Prices } from "../agent/budgets.ts";
import type { Usage } from "../agent/model-client.ts";
import { estimateTokens } from "../agent/replay-window.ts";
import type { RunEvent } from "../agent/run-event.ts";
import type { StoredEvent } from "../store/run-events.ts";
import type { RunBudget } from "../store/schema.ts";
import type { UsageRow } from "../store/usage.ts";

/** The model's name of steps whose usage nobody told: they were broken off, or their server tells none. */
const ESTIMATED = "estimated";

/** Of UTF-8, as `estimateTokens` counts prose. */
const BYTES_PER_TOKEN = 3.5;

/** `input`: of the step before; null = there was none. */
interface Step {
  input: number | null;
  output: number;
}

/**
 * What a run has used, in all its attempts: what a dead one used was paid as well. By agent and model. A step that said
 * something and whose usage is not told counts as estimated, so that nobody speaks for nothing by stopping early.
 */
export class UsageTally {
  readonly #rows = new Map<string, UsageRow>();
  readonly #agent: string;
  readonly #prices: Prices;
  readonly #allowed: { tokens?: number | null; micros?: number | null };
  readonly #untold: Step[] = [];
  #step: Step | null = null;
  #input: number | null = null;
  #clone: Pick<Clone, "history" | "turn" | "kept"> = { history: [], turn: [], kept: [] };

  /** `agent`: whose the usage is that names nobody. `budget`: as it was when the run began. */
  constructor({ agent, budget }: { agent: string; budget: RunBudget | null }, settings: AgentSettings) {
    this.#agent = agent;
    this.#prices = settings.prices ?? new Map();
    this.#allowed = budget?.allowed ?? settings.budgets?.run ?? {};
  }

  /** What the model is sent in this attempt. */
  reads(clone: Pick<Clone, "history" | "turn" | "kept">): void {
    this.#clone = clone;
  }

  /** What earlier attempts of the run have told of. */
  keep(events: readonly StoredEvent[]): void {
    for (const { type, data } of events) this.take({ type, ...data } as RunEvent);
  }

  /** The next event of the run. Returns what it costs, in millionths of a dollar; null = nothing, or nobody knows. */
  take(event: RunEvent): number | null {
    if (event.type === "run.restarted") this.#endStep();
    else if (event.type === "step.started") {
      this.#endStep();
      this.#step = { input: this.#input, output: 0 };
    } else if (event.type === "text.delta" && this.#step) {
      this.#step.output += Buffer.byteLength(event.text) / BYTES_PER_TOKEN;
    } else if (event.type === "message.completed" && this.#step && event.message.role === "assistant") {
      this.#step.output = estimateTokens([event.message]);
    } else if (event.type === "usage") {
      // What comes before the step's first word is that of a summary.
      if (event.callId === undefined && this.#step && this.#step.output > 0) {
        this.#step = null;
        this.#input = event.usage.inputTokens;
      }
      return this.#add(event.model, event.usage, event.agent ?? this.#agent);
    }
    return null;
  }

  #endStep(): void {
    if (this.#step && this.#step.output > 0) this.#untold.push(this.#step);
    this.#step = null;
  }

  #add(model: string, usage: Usage, agent: string): number | null {
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

  /** For the merge: money in whole millionths. */
  get rows(): UsageRow[] {
    return [...this.#rows.values(), ...this.#estimated()].map((row) => {
      return { ...row, micros: row.micros && Math.ceil(row.micros) };
    });
  }

  #estimated(): UsageRow[] {
    const steps = [...this.#untold, ...(this.#step && this.#step.output > 0 ? [this.#step] : [])];
    if (steps.length === 0) return [];
    const { history, turn, kept } = this.#clone;
    const sent = estimateTokens([...history, ...turn, ...kept]);
    const input = steps.reduce((sum, step) => sum + (step.input ?? sent), 0);
    const output = Math.ceil(steps.reduce((sum, step) => sum + step.output, 0));
    const micros = costOf(this.#prices, ESTIMATED, { inputTokens: input, outputTokens: output });
    return [{ agent: this.#agent, model: ESTIMATED, input, cached: 0, output, reasoning: 0, micros }];
  }

  /** The run has used what it may. */
  get usedUp(): boolean {
    const { tokens, micros } = this.#allowed;
    if ((tokens ?? null) === null && (micros ?? null) === null) return false;
    const { rows } = this;
    const used = rows.reduce((total, { input, output }) => total + input + output, 0);
    const paid = rows.reduce((total, row) => total + (row.micros ?? 0), 0);
    return used >= (tokens ?? Infinity) || paid >= (micros ?? Infinity);
  }
}
