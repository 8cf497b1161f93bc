import type { Progress } from "@modelcontextprotocol/client";
import { capText } from "../../src/agent/cap-text.ts";
import { systemClock } from "../../src/agent/clock.ts";
import type { CardServer } from "../../src/agent/read-connections.ts";
import { type ToolServers, UNKNOWN_SERVER } from "../../src/agent/tool-servers.ts";
import type { Tool, ToolSource } from "../../src/agent/tool-source.ts";
import { McpServer, type McpServerParts } from "./mcp-server.ts";
import { readArguments, toTools } from "./mcp-tools.ts";
import { type McpServersRead, readCardServer, type ReadOptions } from "./read-mcp-servers.ts";

/** `lookup`: what cards' own servers may name; left out: nothing. */
export type McpServersOptions = Pick<McpServerParts, "onTrouble"> &
  Partial<McpServerParts> &
  Partial<Pick<ReadOptions, "lookup">>;

export interface McpServers extends ToolServers {
  /** Connections that are open or being opened, to all servers. */
  readonly connections: number;
}

/** A line in the chat shows the first words. */
const MAX_PROGRESS = 500;

/** Servers of cards that are kept at most, unless they are in use. */
const MAX_BROUGHT = 256;

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
  /** Those that cards bring, apart from the operator's: by what they are, so cards and reloads share them. */
  const brought = new Map<string, McpServer | null>();
  const all = () => [...servers.values(), ...[...brought.values()].flatMap((server) => server ?? [])];
  const lookup = options.lookup ?? (() => undefined);
  const bring = (written: CardServer): McpServer | null => {
    const config = readCardServer(written, lookup);
    const key = JSON.stringify(config ?? written);
    const known = brought.get(key);
    if (known !== undefined) return known;
    for (const [old, server] of brought) {
      if (brought.size >= MAX_BROUGHT && (server?.connections ?? 0) === 0) brought.delete(old);
    }
    const server = config && new McpServer(config, parts);
    if (!server) options.onTrouble(written.name, "mcp_connect names what is not set, or no http address");
    brought.set(key, server);
    return server;
  };
  return {
    get connections() {
      return all().reduce((sum, { connections }) => sum + connections, 0);
    },
    faultOf(name) {
      if (servers.has(name)) return null;
      return leftOut.get(name) ?? UNKNOWN_SERVER;
    },
    view: ({ servers: wanted = [], toolFilters = {}, connects = [] }, session) => {
      const own = connects.flatMap((written) => bring(written) ?? []);
      const known = [...[...new Set(wanted)].flatMap((name) => servers.get(name) ?? []), ...own];
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
      const traced = context?.traceparent && { traceparent: context.traceparent };
      return server.call({ session, tool: original, args: read.value, readOnly, progressed, ...traced }, signal);
    },
    unreachable: () => missing,
  };
}
