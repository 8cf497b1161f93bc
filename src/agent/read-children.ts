import { Compile } from "typebox/schema";
import type { AgentCard, Children } from "./agent-card.ts";
import type { FieldNotes } from "./card-fields.ts";
import type { ToolSchema } from "./tool-source.ts";

const SOURCES = ["none", "messages", "child", "orchestrator"] as const;
/** fast-agent's fork took `messages` too. */
const TARGETS = ["none", "child", "orchestrator", "messages"] as const;

/** Reads what a card says of agents as tools: of those it calls, and of itself where it is called. */
export function readChildren(
  fields: ReadonlyMap<string, unknown>,
  { faults, warnings }: FieldNotes,
): Pick<AgentCard, "children" | "inputSchema"> {
  /** Null = absent (or wrong, which is a fault then). */
  const read = <T>(name: string, fits: (value: unknown) => value is T, expected: string): T | null => {
    const value = fields.get(name) ?? null;
    if (value === null || fits(value)) return value;
    faults.push(`${name}: must be ${expected}`);
    return null;
  };
  const written = read("agents", isTexts, "a list of texts that are not empty") ?? [];
  const agents = [...new Set(written.map((name) => name.trim().replaceAll(" ", "_")))];
  const source = read("history_source", oneOf(SOURCES), `one of ${SOURCES.join(", ")}`) ?? "none";
  const target = read("history_merge_target", oneOf(TARGETS), `one of ${TARGETS.join(", ")}`) ?? "none";
  const timeoutSec = read("child_timeout_sec", isPositive, "a number above 0");
  const children: Children = {
    agents,
    historySource: source === "child" ? "none" : source,
    mergeTarget: target === "orchestrator" ? target : "none",
    maxParallel: read("max_parallel", isPositiveInteger, AT_LEAST_ONE),
    timeoutMs: timeoutSec === null ? null : timeoutSec * 1000,
    maxLines: read("max_display_instances", isPositiveInteger, AT_LEAST_ONE),
  };
  if (source === "child") warnings.push('history_source: "child" is read as "none": a called agent keeps no history');
  if (target === "child" || target === "messages") {
    warnings.push(`history_merge_target: "${target}" is read as "none": a called agent keeps no history`);
  }
  const schema = read("tool_input_schema", isObjectSchema, 'a JSON Schema with "type: object"');
  if (schema && !compiles(schema)) faults.push("tool_input_schema: is not a JSON Schema that can be read");
  return { ...(agents.length > 0 && { children }), ...(schema && { inputSchema: schema }) };
}

function compiles(schema: ToolSchema): boolean {
  try {
    Compile(schema);
    return true;
  } catch {
    return false;
  }
}

const AT_LEAST_ONE = "a whole number of at least 1";
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === "string" && item.trim() !== "");
const isPositive = (value: unknown): value is number => typeof value === "number" && value > 0;
const isPositiveInteger = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
const isObjectSchema = (value: unknown): value is ToolSchema =>
  typeof value === "object" && value !== null && !Array.isArray(value) && "type" in value && value.type === "object";

function oneOf<T extends string>(choices: readonly T[]): (value: unknown) => value is T {
  return (value): value is T => choices.some((choice) => choice === value);
}
