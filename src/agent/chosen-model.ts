import type { AgentCard } from "./agent-card.ts";
import type { Agents } from "./agents.ts";

/** The card of an agent with the model that was chosen for its talk, if people may (still) choose that one. */
export function withChosenModel(agents: Agents, name: string, chosen: string | null): AgentCard {
  const card = agents.get(name) ?? agents.default();
  const choice = chosen === null ? undefined : agents.settings().agents.get(card.name)?.models?.get(chosen);
  return choice ? { ...card, model: choice.model, sampling: { ...card.sampling, ...choice.sampling } } : card;
}
