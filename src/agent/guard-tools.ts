import type { ToolPolicy } from "./tool-policy.ts";
import type { ToolCall, ToolSource } from "./tool-source.ts";

/** What stands between an agent and its tools. */
export interface ToolGuard {
  policyOf(tool: string): ToolPolicy;
  /** True = a run may wait for a person's decision here; else a tool that asks is told to the model and never called. */
  asks: boolean;
  /**
   * Uses up the approval of a call that asks, right before it is made; null = it may be made, else why not. Must not
   * throw.
   */
  refusal(call: ToolCall): Promise<string | null>;
}

/** Tools without those that are denied, and of which those that ask are called with an approval only. */
export function guardTools(source: ToolSource, guard: ToolGuard): ToolSource {
  return {
    async list() {
      const tools = await source.list();
      return tools.flatMap((tool) => {
        const policy = guard.policyOf(tool.name);
        if (policy === "deny") return [];
        return policy === "ask" && guard.asks ? { ...tool, asks: true as const } : tool;
      });
    },
    async call(call, signal, context) {
      const policy = guard.policyOf(call.tool);
      if (policy === "deny") return { ok: false, text: `There is no tool "${call.tool}" here.` };
      const refusal = policy === "ask" ? await guard.refusal(call) : null;
      return refusal === null ? source.call(call, signal, context) : { ok: false, text: refusal };
    },
    unreachable: () => source.unreachable?.() ?? [],
  };
}
