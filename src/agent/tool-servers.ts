import type { AgentCard } from "./agent-card.ts";
import type { ToolSource } from "./tool-source.ts";

/** What an agent is told of a server that nobody has set up. */
export const UNKNOWN_SERVER = "is not among the MCP servers of MCP_CONFIG";

/** Servers of tools, as the operator has set them up. All runs share their connections; no run or clone owns one. */
export interface ToolServers {
  /** Why an agent gets no tools of this server, ever; null = it may. A sentence without a subject, for the operator. */
  faultOf(server: string): string | null;
  /**
   * What a run of this card may call. Costs nothing until it is listed, and holds nothing afterwards. It shows the
   * tools as they were at its first listing, without those of servers that could not be asked then. A server that
   * `faultOf` names is passed over: that is for the operator to mend, and no news to people.
   */
  view(card: Pick<AgentCard, "servers" | "toolFilters" | "connects">, session: string): ToolSource;
  /** Ends every connection; calls under way fail. */
  close(): Promise<void>;
}

/**
 * Where the operator has set up none: what cards bring is opened with the first run that needs it. Cards that name a
 * server do without its tools, which the operator was told.
 */
export function noServers(leftOut: ReadonlyMap<string, string>, open: () => Promise<ToolServers>): ToolServers {
  let opened: Promise<ToolServers> | null = null;
  return {
    faultOf: (server) => leftOut.get(server) ?? UNKNOWN_SERVER,
    view(card, session) {
      let view: ToolSource | null = null;
      const get = async () => (view ??= (await (opened ??= open())).view(card, session));
      return {
        list: async () => (card.connects ? (await get()).list() : []),
        async call(call, signal, context) {
          if (!card.connects) return { ok: false, text: `There is no tool "${call.tool}".` };
          return (await get()).call(call, signal, context);
        },
        unreachable: () => view?.unreachable?.() ?? [],
      };
    },
    close: async () => (await opened)?.close(),
  };
}
