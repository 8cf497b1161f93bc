import path from "node:path";
import { createMcpServers, type McpServers } from "../../adapters/mcp/mcp-servers.ts";
import { readMcpServers } from "../../adapters/mcp/read-mcp-servers.ts";
import type { Clock } from "../../src/agent/clock.ts";
import type { ToolSource } from "../../src/agent/tool-source.ts";

const STDIO = path.join(import.meta.dirname, "../fakes/mcp/stdio-main.ts");

/** How the fake server is started as a process, as the file of servers says it. */
export const asProcess = { command: process.execPath, args: [STDIO] };

export interface Pool {
  pool: McpServers;
  troubles: string[];
}

/** A pool of the servers that are given as the file would have them. */
export function startPool(servers: Record<string, object>, clock?: Clock): Pool {
  const text = JSON.stringify({ mcp: { servers } });
  const read = readMcpServers(text, { file: "servers.yaml", lookup: () => undefined, stdio: true });
  const troubles: string[] = [];
  const onTrouble = (server: string, reason: string) => troubles.push(`${server}: ${reason}`);
  return { pool: createMcpServers(read, { onTrouble, random: () => 0.5, ...(clock && { clock }) }), troubles };
}

export const live = () => new AbortController().signal;

export function callOf(source: ToolSource, tool: string, args: object = {}, signal = live()) {
  return source.call({ callId: "1", tool, args: JSON.stringify(args) }, signal);
}

export const namesOf = async (source: ToolSource) => (await source.list()).map(({ name }) => name);
