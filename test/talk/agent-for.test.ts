import { expect, it } from "vitest";
import type { AgentCard } from "../../src/agent/agent-card.ts";
import { NO_SETTINGS } from "../../src/agent/agent-settings.ts";
import type { Agents } from "../../src/agent/agents.ts";
import { agentFor } from "../../src/talk/agent-for.ts";
import { card } from "../agent/run-it.ts";

const place = { account: "telegram:1", chat: "-1", thread: "" };

function agentsOf(...cards: AgentCard[]): Agents {
  return {
    get: (name) => cards.find((each) => each.name === name) ?? null,
    default: () => card,
    list: () => cards.filter(({ toolOnly }) => !toolOnly),
    settings: () => ({ ...NO_SETTINGS, places: new Map([["telegram:-1", { agent: "editor" }]]) }),
    reload: async () => undefined,
  };
}

it("is who was chosen, else who is set for the place, else the default; never one for other agents alone", () => {
  const [editor, poet] = [
    { ...card, name: "editor" },
    { ...card, name: "poet" },
  ];
  expect(agentFor(agentsOf(card, editor, poet), place, "poet").name).toBe("poet");
  expect(agentFor(agentsOf(card, editor, { ...poet, toolOnly: true }), place, "poet").name).toBe("editor");
  expect(agentFor(agentsOf(card, { ...editor, toolOnly: true }), place, null)).toBe(card);
});
