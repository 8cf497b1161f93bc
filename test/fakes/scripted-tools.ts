import type { Tool, ToolCall, ToolResult, ToolSource } from "../../src/agent/tool-source.ts";

export interface ScriptedTool {
  /** Default true. */
  readOnly?: boolean;
  /** Default `repeat`. */
  afterCrash?: Tool["afterCrash"];
  /** What it says; a function that throws makes an error result. */
  answer: string | ((args: string, signal: AbortSignal) => string | Promise<string>);
}

export interface ScriptedTools extends ToolSource {
  /** Every call that arrived, in order. */
  readonly calls: ToolCall[];
}

/** A source of tools that do as the test says. Schemas are not checked; the arguments arrive as the model wrote them. */
export function scriptedTools(tools: Record<string, ScriptedTool>): ScriptedTools {
  const arrived: ToolCall[] = [];
  return {
    calls: arrived,
    list: async () => Object.entries(tools).map(([name, tool]) => describeTool(name, tool)),
    async call(call, signal): Promise<ToolResult> {
      arrived.push(call);
      const tool = Object.hasOwn(tools, call.tool) ? tools[call.tool] : undefined;
      if (!tool) return { ok: false, text: `There is no tool "${call.tool}".` };
      if (signal.aborted) return { ok: false, text: "Not called." };
      try {
        const { answer } = tool;
        return { ok: true, text: typeof answer === "string" ? answer : await answer(call.args, signal) };
      } catch (error) {
        return { ok: false, text: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}

/** An answer that never comes unless the signal aborts. */
export function untilAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = () => reject(new Error("stopped"));
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
  });
}

function describeTool(name: string, { readOnly = true, afterCrash = "repeat" }: ScriptedTool): Tool {
  return { name, description: `Does ${name}.`, schema: { type: "object" }, readOnly, afterCrash };
}
