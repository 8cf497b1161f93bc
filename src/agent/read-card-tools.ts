import type { AgentCard } from "./agent-card.ts";
import type { FieldNotes } from "./card-fields.ts";
import { readConnections } from "./read-connections.ts";

/** What a card says of the servers whose tools it may call. Nothing for a card that names none. */
export function readCardTools(
  servers: unknown,
  tools: unknown,
  connect: unknown,
  notes: FieldNotes,
): Pick<AgentCard, "servers" | "toolFilters" | "connects"> {
  const { faults, warnings } = notes;
  const connects = readConnections(connect, notes);
  const named = asksForNothing(servers) ? [] : servers;
  const filters = asksForNothing(tools) ? {} : tools;
  if (!isTexts(named)) faults.push("servers: must be a list of texts that are not empty");
  if (!isMapping(filters) || !Object.values(filters).every(isTexts)) {
    faults.push("tools: must be a mapping of servers to lists of texts");
  }
  if (faults.length > 0 || !isTexts(named)) return {};
  const toolFilters = filters as Record<string, string[]>;
  for (const server of Object.keys(toolFilters)) {
    if (!named.includes(server) && !connects.some(({ name }) => name === server))
      warnings.push(`tools: "${server}" is not among the servers of this card`);
  }
  const twice = connects.find(({ name }) => named.includes(name));
  if (twice) faults.push(`mcp_connect: "${twice.name}" is also among the servers; rename it`);
  if (named.length + connects.length === 0) return {};
  return {
    ...(named.length > 0 && { servers: named }),
    ...(connects.length > 0 && { connects }),
    ...(Object.keys(toolFilters).length > 0 && { toolFilters }),
  };
}

function asksForNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === "none") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === "string" && item.trim() !== "");
const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
