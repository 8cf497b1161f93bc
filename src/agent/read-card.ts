import { GatewayError } from "../errors.ts";
import type { AgentCard } from "./agent-card.ts";
import { checkFields, isUsed, type FieldNotes } from "./card-fields.ts";
import { type Entrypoint, readFunctionTools } from "./entrypoints.ts";
import { readCardTools } from "./read-card-tools.ts";
import { readChildren } from "./read-children.ts";
import { readModel } from "./read-model.ts";
import { readRequestParams } from "./read-request-params.ts";
import { readYamlMapping } from "./read-yaml.ts";

/** A card as its file says it. */
export interface CardRead {
  /** Without what stands in the files it names. */
  card: AgentCard;
  /** Of `messages`: paths from the card's folder. */
  seedFiles: string[];
  /** Of `function_tools`. */
  functions: Entrypoint[];
  /** What the file asks for and does not get here, one sentence each. */
  warnings: string[];
}

/**
 * The value of a variable that a card names as `${NAME}`; undefined = not set, the text stays as written; null = a
 * secret, which is a fault: what stands in a card goes to the model, and the model may say it in a chat.
 */
export type VariableLookup = (name: string) => string | null | undefined;

/** The cap of a run's model steps: a card may ask for fewer, not for more. */
export const MAX_STEPS = 25;

/** fast-agent's version of the format, which its cards may name. */
const SCHEMA_VERSION = 1;
const DEFAULT_INSTRUCTION = "You are {{agentName}}, a helpful assistant. Today is {{currentDate}}. Answer briefly.";
/** With the prefix `agent__` it must fit the 64 characters of a tool's name. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,56}$/;
/** fast-agent's marks of history inside a body, which no card may hold. */
const HISTORY_MARK = /^---(USER|ASSISTANT|RESOURCE)\s*$/m;
const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}/g;

/** True if `text` begins (after blank lines) with a line `---`: Markdown without it is no card. */
export function hasFrontmatter(text: string): boolean {
  return /^\uFEFF?\s*---[ \t]*\r?\n/.test(text);
}

/**
 * Reads an agent's file in fast-agent's format: `.md`/`.markdown` with YAML frontmatter and the instruction as body,
 * or `.yaml`/`.yml` with a field `instruction`. `path` names the file in faults and gives the default name.
 * `${NAME}` and `${NAME:default}` in the values of fields (not in a body) are replaced by `lookup`; placeholders such
 * as `{{currentDate}}` stay until a clone is made. Throws GatewayError `invalid` that lists all faults, one a line.
 */
export function readCard(path: string, text: string, lookup: VariableLookup = () => undefined): CardRead {
  const file = path.split(/[/\\]/).at(-1) ?? path;
  const notes: FieldNotes = { faults: [], warnings: [] };
  const { card, ...named } = readFields(file, text, lookup, notes);
  const { faults, warnings } = notes;
  if (faults.length > 0) throw new GatewayError("invalid", faults.map((fault) => `${file}: ${fault}`).join("\n"));
  return { card, ...named, warnings: warnings.map((warning) => `${file}: ${warning}`) };
}

/** The fields of a card as they are written. */
export function readCardFields(file: string, text: string): ReadonlyMap<string, unknown> {
  const mapping = readYamlMapping(splitFile(file, text, []).yaml);
  return new Map("faults" in mapping ? [] : mapping.entries);
}

function readFields(file: string, text: string, lookup: VariableLookup, notes: FieldNotes): Omit<CardRead, "warnings"> {
  const { faults, warnings } = notes;
  const { yaml, body } = splitFile(file, text, faults);
  const mapping = readYamlMapping(yaml);
  if ("faults" in mapping) faults.push(...mapping.faults.map((fault) => `frontmatter: ${fault}`));
  const entries = "faults" in mapping ? [] : mapping.entries;
  // What stands there goes to a server and not to the model, so it may name secrets.
  const connect = entries.find(([name]) => name === "mcp_connect")?.[1];
  const used = entries.filter(([name]) => isUsed(name) && name !== "mcp_connect");
  const fields = new Map(
    used.map(([name, value]) => [
      name,
      resolveVariables(value, (variable) => {
        const found = lookup(variable);
        if (found !== null) return found;
        faults.push(`${name}: \${${variable}} is a secret, or holds one, and cannot be used in a card; remove it`);
        return undefined;
      }),
    ]),
  );
  /** Null = absent (or wrong, which is a fault then). */
  const read = <T>(name: string, fits: (value: unknown) => value is T, expected: string): T | null => {
    const value = fields.get(name) ?? null;
    if (value === null || fits(value)) return value;
    faults.push(`${name}: must be ${expected}`);
    return null;
  };

  const type = read("type", isText, 'the text "agent"') ?? "agent";
  const checked = checkFields(entries, type.trim().toLowerCase());
  faults.push(...checked.faults);
  warnings.push(...checked.warnings);
  const stem = file.replace(/\.[^.]*$/, "");
  const name = (read("name", isText, NOT_EMPTY) ?? stem).trim().replaceAll(" ", "_");
  if (!NAME.test(name)) {
    faults.push(`name: "${name}" must be 1–57 letters, digits, "_" or "-" and start with a letter or digit`);
  }
  const instruction = read("instruction", isText, NOT_EMPTY)?.trim() ?? null;
  if (instruction !== null && body !== "") {
    faults.push("instruction: stands in the field and in the body; keep one of them");
  }
  const isDefault = read("default", isBoolean, "true or false") ?? false;
  const toolOnly = read("tool_only", isBoolean, "true or false") ?? false;
  if (isDefault && toolOnly)
    faults.push("tool_only: a default agent cannot be for other agents alone; keep one of them");
  const version = read("schema_version", isInteger, "a whole number") ?? SCHEMA_VERSION;
  if (version !== SCHEMA_VERSION) {
    warnings.push(`schema_version: ${version} is read as ${SCHEMA_VERSION}, the one that is known here`);
  }
  const params = readRequestParams(fields.get("request_params"), notes);
  const { templateVars } = params;
  const tools = readCardTools(fields.get("servers"), fields.get("tools"), connect, notes);
  const { model, sampling } = readModel(read("model", isText, NOT_EMPTY) ?? params.model ?? "", notes);
  const card: AgentCard = {
    name,
    file,
    description: (read("description", isString, "a text") ?? "").trim(),
    instruction: instruction ?? (body === "" ? DEFAULT_INSTRUCTION : body),
    model,
    default: isDefault,
    ...(toolOnly && { toolOnly }),
    ...tools,
    useHistory: read("use_history", isBoolean, "true or false") ?? params.useHistory ?? true,
    sampling: { ...sampling, ...params.sampling },
    maxSteps: Math.min(params.maxSteps ?? MAX_STEPS, MAX_STEPS),
    idleMs: params.idleMs,
    ...readChildren(fields, notes),
    ...(Object.keys(templateVars).length > 0 && { templateVars }),
  };
  const seedFiles = [read("messages", isTexts, "a path or a list of paths") ?? []].flat().map((path) => path.trim());
  return { card, seedFiles, functions: readFunctionTools(fields.get("function_tools"), notes) };
}

/** The YAML part and the instruction's body ("" for a YAML file and for an empty body). */
function splitFile(file: string, text: string, faults: string[]): { yaml: string; body: string } {
  const plain = text.replace(/^\uFEFF/, "");
  if (/\.ya?ml$/i.test(file)) return { yaml: plain, body: "" };
  const parts = /^\s*---[ \t]*\r?\n(?<yaml>[^]*?)^---[ \t]*(?:\r?\n(?<body>[^]*))?$/m.exec(plain)?.groups;
  if (!hasFrontmatter(plain) || !parts) {
    faults.push("frontmatter: is missing; begin the file with a line ---, then the fields, then a line ---");
    return { yaml: "", body: "" };
  }
  const body = (parts["body"] ?? "")
    .trim()
    .replace(/^---SYSTEM[ \t]*(\r?\n|$)/, "")
    .trim();
  const mark = HISTORY_MARK.exec(body);
  if (mark) faults.push(`body: holds ${mark[0].trim()}; messages inside a card are not supported, remove them`);
  // The line break stands for the line --- so that faults name the file's own lines.
  return { yaml: `\n${parts["yaml"] ?? ""}`, body };
}

function resolveVariables(value: unknown, lookup: (name: string) => string | undefined): unknown {
  if (typeof value === "string") {
    return value.replaceAll(VARIABLE, (whole, name: string, fallback?: string) => lookup(name) ?? fallback ?? whole);
  }
  if (Array.isArray(value)) return value.map((item) => resolveVariables(item, lookup));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, resolveVariables(item, lookup)]));
}

const NOT_EMPTY = "a text that is not empty";
const isString = (value: unknown): value is string => typeof value === "string";
const isText = (value: unknown): value is string => typeof value === "string" && value.trim() !== "";
const isTexts = (value: unknown): value is string | string[] =>
  isText(value) || (Array.isArray(value) && value.every(isText));
const isInteger = (value: unknown): value is number => Number.isSafeInteger(value);
const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";
