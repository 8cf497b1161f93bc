import type { TLocalizedValidationError } from "typebox/error";
import { Compile, type Validator } from "typebox/schema";
import { capText } from "./cap-text.ts";
import { systemClock, type Clock } from "./clock.ts";
import type { Tool, ToolCall, ToolResult, ToolSource } from "./tool-source.ts";

/** A tool that is a TypeScript function in this process. */
export interface FunctionTool extends Tool {
  /** How long one call may take, in ms. */
  timeoutMs: number;
  /**
   * Gets arguments that fit the schema, and a signal that aborts when the run stops or the time is over. What it
   * returns is what the model reads; what it throws becomes an error result with the error's message.
   */
  run(args: Record<string, unknown>, signal: AbortSignal): string | Promise<string>;
}

interface CheckedTool {
  tool: FunctionTool;
  arguments: Validator;
}

/** Faults of the arguments that are named at most: enough to mend them in one go. */
const NAMED_FAULTS = 5;

/**
 * Function tools as one source. `call` never throws. After an abort a read-only tool is given up at once; one that may
 * have effects is waited for (until its own time is over), because only its real outcome tells what happened.
 * Throws at once for a name of the wrong shape, a repeated name and a schema that does not compile.
 */
export function functionTools(tools: readonly FunctionTool[], clock: Clock = systemClock): ToolSource {
  const byName = new Map<string, CheckedTool>();
  for (const tool of tools) {
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(tool.name)) throw new Error(`not a tool name: "${tool.name}"`);
    if (byName.has(tool.name)) throw new Error(`two tools are named "${tool.name}"`);
    byName.set(tool.name, { tool, arguments: Compile(tool.schema) });
  }
  const descriptions = tools.map(({ name, description, schema, readOnly, afterCrash }): Tool => {
    return { name, description, schema, readOnly, afterCrash };
  });

  return {
    list: async () => descriptions,
    async call(call, signal) {
      const found = byName.get(call.tool);
      if (!found) return refusal(`There is no tool "${call.tool}". Tools: ${[...byName.keys()].join(", ")}.`);
      const args = readArguments(found, call);
      if ("fault" in args) return refusal(args.fault);
      if (signal.aborted) return refusal("Not called: the run was stopped.");
      return runTool(found.tool, args.value, clock, signal);
    },
  };
}

function readArguments(
  { tool, arguments: validator }: CheckedTool,
  call: ToolCall,
): { value: Record<string, unknown> } | { fault: string } {
  let value: unknown;
  try {
    // A tool without parameters is often called with no text at all.
    value = call.args.trim() === "" ? {} : JSON.parse(call.args);
  } catch (error) {
    return {
      fault: `The arguments of ${tool.name} are not valid JSON (${messageOf(error)}). Call it again with valid JSON.`,
    };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { fault: `The arguments of ${tool.name} must be one JSON object. Call it again with an object.` };
  }
  const [fits, faults] = validator.Errors(value);
  if (fits) return { value: value as Record<string, unknown> };
  // A forbidden property is reported twice; the report on its parent is the one with words.
  const named = faults.filter(({ keyword }) => keyword !== "boolean").map(describeFault);
  return {
    fault: `The arguments of ${tool.name} do not fit its schema: ${named.slice(0, NAMED_FAULTS).join("; ")}. Call it again with these mended.`,
  };
}

function describeFault({ instancePath, message, params }: TLocalizedValidationError): string {
  const where = instancePath === "" ? "the arguments" : instancePath;
  const detail = Object.values(params).find((value) => Array.isArray(value));
  return `${where} ${message}${detail ? ` (${detail.join(", ")})` : ""}`;
}

/** Races the function against its time and, for read-only tools, against the abort. */
async function runTool(
  tool: FunctionTool,
  args: Record<string, unknown>,
  clock: Clock,
  outer: AbortSignal,
): Promise<ToolResult> {
  const controller = new AbortController();
  const settled = new AbortController();
  const stopped = Promise.withResolvers<ToolResult>();
  const stop = () => {
    controller.abort(outer.reason);
    if (tool.readOnly) stopped.resolve(refusal("Stopped before it had a result."));
  };
  outer.addEventListener("abort", stop, { once: true });
  const timeUp = clock.sleep(tool.timeoutMs, settled.signal).then(() => {
    if (!settled.signal.aborted) controller.abort(new Error("time is over"));
    const effect = tool.readOnly ? "" : " Its outcome is unknown: it may have taken effect.";
    return refusal(`${tool.name} had no result within ${tool.timeoutMs / 1000} s.${effect}`);
  });
  try {
    return await Promise.race([outcome(tool, args, controller.signal), timeUp, stopped.promise]);
  } finally {
    settled.abort();
    outer.removeEventListener("abort", stop);
  }
}

async function outcome(tool: FunctionTool, args: Record<string, unknown>, signal: AbortSignal): Promise<ToolResult> {
  try {
    return { ok: true, text: capText(await tool.run(args, signal)) };
  } catch (error) {
    return refusal(`${tool.name} failed: ${messageOf(error)}`);
  }
}

function refusal(text: string): ToolResult {
  return { ok: false, text: capText(text) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
