import { entrypointFault, PYTHON } from "./entrypoints.ts";

/** A field of fast-agent's cards that has no effect here yet: it is checked, and the operator is told once. */
interface UnusedField {
  /** What is wrong with a value, as written; null = nothing. */
  faultOf: (value: unknown) => string | null;
  /** What is not done, for the warning. */
  undone: string;
}

/** The fields that do here what they say. */
const WORKING_FIELDS = [
  "schema_version",
  "type",
  "name",
  "description",
  "instruction",
  "model",
  "default",
  "tool_only",
  "use_history",
  "messages",
  "request_params",
  "function_tools",
  "agents",
  "history_source",
  "history_merge_target",
  "max_parallel",
  "child_timeout_sec",
  "max_display_instances",
  "tool_input_schema",
  "servers",
  "tools",
  "mcp_connect",
] as const;

const TOOLS_ALONE = "of MCP servers the agent has the tools alone";
const NO_SUBAGENTS = "there are no built-in subagents here";

const UNUSED_FIELDS: Readonly<Record<string, UnusedField>> = {
  resources: unused(TOOLS_ALONE, textsByName),
  prompts: unused(TOOLS_ALONE, textsByName),
  tool_hooks: unused("hooks do not run yet", hooks),
  lifecycle_hooks: unused("hooks do not run yet", hooks),
  commands: unused("commands of cards do not run yet", hooks),
  skills: unused("skills are not read yet", skills),
  shell: unused("there is no shell here", flag),
  cwd: unused("there is no shell here", text),
  subagents: unused(NO_SUBAGENTS, flag),
  subagent_model: unused(NO_SUBAGENTS, text),
  harness_tools: unused("fast-agent's harness tools do not exist here", flag),
  save_trajectory: unused("no trajectory is saved; the history is in the database", flag),
  variables: unused("is reserved by fast-agent and has no meaning here", anything),
  human_input: unused("the agent has no tool to ask people; it can only ask in its answer", flag),
  api_key: unused("every agent uses the gateway's own key", keyByName),
  trim_tool_history: unused("tool calls stay in the history: cutting them costs the provider's cache", flag),
};

/** Types of fast-agent that do not run here, with the fields they have besides an agent's. */
const WORKFLOW_FIELDS: Readonly<Record<string, readonly string[]>> = {
  chain: ["sequence", "cumulative"],
  parallel: ["fan_out", "fan_in", "include_request"],
  evaluator_optimizer: ["generator", "evaluator", "min_rating", "max_refinements", "refinement_instruction"],
  router: [],
  orchestrator: ["plan_type", "plan_iterations"],
  iterative_planner: ["plan_iterations"],
  maker: ["worker", "k", "max_samples", "match_strategy", "red_flag_max_length"],
  a2a: [
    "url",
    "transport",
    "streaming",
    "polling",
    "headers",
    "auth",
    "accepted_output_modes",
    "relative_card_path",
    "request_timeout_seconds",
  ],
};

/** What is told of a card's fields before their values are read. Sentences begin with the field's name. */
export interface FieldNotes {
  faults: string[];
  warnings: string[];
}

/**
 * Holds every field of a card, values as written, against what fast-agent knows and what works here. A field that asks
 * for nothing (false, empty, `none`) is not worth a warning. `type` is in lower case.
 */
export function checkFields(entries: readonly [string, unknown][], type: string): FieldNotes {
  const notes: FieldNotes = { faults: [], warnings: [] };
  if (Object.hasOwn(WORKFLOW_FIELDS, type)) notes.faults.push(`type: "${type}" is not supported yet; only "agent" is`);
  else if (type === "smart") {
    notes.warnings.push(`type: "smart" is read as "agent"; ${NO_SUBAGENTS}`);
  } else if (type !== "agent") notes.faults.push(`type: "${type}" is not a type of agent; write "agent"`);
  for (const [name, value] of entries) {
    if (isUsed(name) || WORKFLOW_FIELDS[type]?.includes(name)) continue;
    const field = Object.hasOwn(UNUSED_FIELDS, name) ? UNUSED_FIELDS[name] : undefined;
    const fault = field ? (asksForNothing(value) ? null : field.faultOf(value)) : unknownField(name);
    if (fault) notes.faults.push(`${name}: ${fault}`);
    else if (field && !asksForNothing(value)) notes.warnings.push(`${name}: ${field.undone}`);
  }
  return notes;
}

/** True for a field whose value has an effect here. */
export function isUsed(name: string): boolean {
  return WORKING_FIELDS.some((field) => field === name);
}

function unknownField(name: string): string {
  const types = Object.entries(WORKFLOW_FIELDS).filter(([, fields]) => fields.includes(name));
  if (types.length === 0) return "is not a field of a card; remove it";
  return `is a field of the type ${types.map(([type]) => type).join(" or ")}; remove it`;
}

function asksForNothing(value: unknown): boolean {
  if (value === null || value === false || value === "none") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function unused(undone: string, faultOf: UnusedField["faultOf"]): UnusedField {
  return { undone, faultOf };
}

const isText = (value: unknown): value is string => typeof value === "string" && value.trim() !== "";
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);
const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function anything(): null {
  return null;
}

function text(value: unknown): string | null {
  return isText(value) ? null : "must be a text that is not empty";
}

function textsByName(value: unknown): string | null {
  const fits = isMapping(value) && Object.values(value).every(isTexts);
  return fits ? null : "must be a mapping of servers to lists of texts";
}

function flag(value: unknown): string | null {
  return typeof value === "boolean" ? null : "must be true or false";
}

function skills(value: unknown): string | null {
  return isText(value) || isTexts(value) ? null : "must be a path, a list of paths, or false";
}

/** A key in a file that is shared and kept in version control is a leak. */
function keyByName(value: unknown): string | null {
  const named = typeof value === "string" && /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/.test(value.trim());
  return named ? null : "must not stand in a card; name a variable of the environment as ${NAME}";
}

/** Hooks and commands: each by its name, either the entry point or a mapping that holds it somewhere. */
function hooks(value: unknown): string | null {
  if (!isMapping(value)) return "must be a mapping of names to file.ts:export";
  for (const each of Object.values(value)) {
    const written = isMapping(each) ? Object.values(each).find((item) => PYTHON.test(String(item))) : each;
    const fault = written === undefined ? null : entrypointFault(written);
    if (fault) return fault;
  }
  return null;
}
