import type { AgentCard } from "./agent-card.ts";
import type { AgentRunner } from "./agent-runner.ts";
import { userMessage } from "./message.ts";
import type { ModelClient } from "./model-client.ts";
import { isFinal } from "./run-event.ts";
import { TokenGauge } from "./token-gauge.ts";

/** What came of asking an agent outside of any talk. */
export interface Tried {
  ok: boolean;
  text: string;
  /** Why it failed; null = it did not. */
  code: string | null;
  message: string | null;
}

const MAX_CHARS = 2_000;

/** Asks an agent once: without history, without tools, and nothing of it is kept. Ends with the abort at the latest. */
export async function tryAgent(
  { runner, model }: { runner: AgentRunner; model: ModelClient },
  card: AgentCard,
  text: string,
  signal: AbortSignal,
): Promise<Tried> {
  const clone = {
    card,
    language: "",
    history: [],
    gauge: new TokenGauge(),
    mustCompact: false,
    turn: [userMessage(text)],
    kept: [],
    inFlight: new Set<string>(),
    decisions: new Map<string, never>(),
    images: new Map<never, never>(),
    model,
    tools: { list: async () => [], call: async () => ({ ok: false, text: "There are no tools." }) },
    steer: async () => [],
    usedUp: () => false,
  };
  let said = "";
  for await (const event of runner.run(clone, signal)) {
    if (event.type === "text.delta") said = (said + event.text).slice(0, MAX_CHARS);
    if (!isFinal(event)) continue;
    if (event.type === "run.completed") return { ok: true, text: said, code: null, message: null };
    if (event.type === "run.failed") return { ok: false, text: said, code: event.code, message: event.message };
  }
  return { ok: false, text: said, code: "too_slow", message: "The agent did not answer in time." };
}
