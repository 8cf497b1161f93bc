import type { Tool, ToolSource } from "./tool-source.ts";

/** Several sources as one. Where two have a tool of one name, it is that of the earlier source. */
export function joinTools(sources: readonly [ToolSource, ...ToolSource[]]): ToolSource {
  const owners = new Map<string, ToolSource>();
  const list = async (): Promise<Tool[]> => {
    const listed = await Promise.all(sources.map(async (source) => ({ source, tools: await source.list() })));
    owners.clear();
    const joined: Tool[] = [];
    for (const { source, tools } of listed) {
      for (const tool of tools) {
        if (owners.has(tool.name)) continue;
        owners.set(tool.name, source);
        joined.push(tool);
      }
    }
    return joined;
  };
  return {
    list,
    async call(call, signal, context) {
      if (!owners.has(call.tool)) await list();
      return (owners.get(call.tool) ?? sources[0]).call(call, signal, context);
    },
    unreachable: () => sources.flatMap((source) => source.unreachable?.() ?? []),
  };
}
