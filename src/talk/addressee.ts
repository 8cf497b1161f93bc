import type { Agents } from "../agent/agents.ts";

/** A name as cards have them, whole. */
const NAMED = /^\s*@([A-Za-z0-9][A-Za-z0-9_-]*)/;

/** The agent that a message begins with, as `@name`, and which answers this one message; null = whoever answers there. */
export function addressee(agents: Agents, text: string): string | null {
  const name = NAMED.exec(text)?.[1]?.toLowerCase();
  if (name === undefined) return null;
  return agents.list().find((card) => card.name.toLowerCase() === name)?.name ?? null;
}
