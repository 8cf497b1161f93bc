import type { Progress } from "@modelcontextprotocol/client";
import { capText } from "../../src/agent/cap-text.ts";
import { systemClock } from "../../src/agent/clock.ts";
import { type ToolServers, UNKNOWN_SERVER } from "../../src/agent/tool-servers.ts";
import type { Tool, ToolSource } from "../../src/agent/tool-source.ts";
import { McpServer, type McpServerParts } from "./mcp-server.ts";
import { readArguments, toTools } from "./mcp-tools.ts";
import type { McpServersRead } from "./read-mcp-servers.ts";

export type McpServersOptions = Pick<McpServerParts, "onTrouble"> & Partial<McpServerParts>;

export interface McpServers extends ToolServers {
  /** Connections that are open or being opened, to all servers. */
  readonly connections: number;
}

/** A line in the chat shows the first words. */
const MAX_PROGRESS = 500;

/** A tool of a view, and where a call of it goes. */
interface Owned {
  tool: Tool;
  original: string;
  server: McpServer;
}

/** One pool of connections for all runs of the process. Nothing is connected before a run asks for tools. */
export function createMcpServers(
  { servers: configs, leftOut }: Pick<McpServersRead, "servers" | "leftOut">,
  options: McpServersOptions,
): McpServers {
  const parts: McpServerParts = { clock: systemClock, random: Math.random, ...options };
  const servers = new Map(configs.map((config) => [config.name, new McpServer(config, parts)]));
  const all = () => [...servers.values()];
  return {
    get connections() {
      return all().reduce((sum, { connections }) => sum + connections, 0);
    },
    faultOf(name) {
      if (servers.has(name)) return null;
      return leftOut.get(name) ?? UNKNOWN_SERVER;
    },
    view: ({ servers: wanted = [], toolFilters = {} }, session) => {
      const known = [...new Set(wanted)].flatMap((name) => servers.get(name) ?? []);
      return viewOf(known, toolFilters, session);
    },
    close: async () => void (await Promise.all(all().map((server) => server.close()))),
  };
}

function viewOf(
  servers: readonly McpServer[],
  filters: Readonly<Record<string, readonly string[]>>,
  session: string,
): ToolSource {
  const missing: string[] = [];
  let listed: Promise<ReadonlyMap<string, Owned>> | null = null;

  async function look(): Promise<ReadonlyMap<string, Owned>> {
    const asked = servers.map(async (server) => ({ server, tools: await server.list(session) }));
    const owned = new Map<string, Owned>();
    for (const { server, tools } of await Promise.all(asked)) {
      const { name } = server.config;
      if (!tools) {
        missing.push(name);
        continue;
      }
      for (const each of toTools(name, tools, filters[name])) {
        if (!owned.has(each.tool.name)) owned.set(each.tool.name, { ...each, server });
      }
    }
    return owned;
  }
  const names = () => (listed ??= look());

  return {
    list: async () => [...(await names()).values()].map(({ tool }) => tool),
    async call({ callId, tool: name, args }, signal, context) {
      const found = (await names()).get(name);
      if (!found) return { ok: false, text: capText(`There is no tool "${name}".`) };
      const read = readArguments(name, args);
      if ("fault" in read) return { ok: false, text: read.fault };
      if (signal.aborted) return { ok: false, text: "Not called: the run was stopped." };
      const { server, original, tool } = found;
      const progressed = async ({ progress, total, message = "" }: Progress) =>
        context?.report({
          type: "tool.progress",
          callId,
          progress,
          ...(total === undefined ? {} : { total }),
          text: message.slice(0, MAX_PROGRESS),
        });
      const { readOnly } = tool;
      return server.call({ session, tool: original, args: read.value, readOnly, progressed }, signal);
    },
    unreachable: () => missing,
  };
}
