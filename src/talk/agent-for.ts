import type { AgentCard } from "../agent/agent-card.ts";
import { agentOfPlace } from "../agent/agent-settings.ts";
import type { Agents } from "../agent/agents.ts";

/** Who answers in a new talk at a place: who was chosen there, else whom the operator has set, else the default. */
export function agentFor(
  agents: Agents,
  place: { account: string; chat: string; thread: string },
  chosen: string | null,
): AgentCard {
  const wanted = [chosen, agentOfPlace(agents.settings(), place)];
  const cards = agents.list();
  return wanted.map((wish) => cards.find(({ name }) => name === wish)).find((card) => card) ?? agents.default();
}
