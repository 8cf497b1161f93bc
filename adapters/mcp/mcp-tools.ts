import { createHash } from "node:crypto";
import type { CallToolResult, Tool as ListedTool } from "@modelcontextprotocol/client";
import { capText } from "../../src/agent/cap-text.ts";
import type { Tool, ToolResult } from "../../src/agent/tool-source.ts";

/** A server's tool, and what the server calls it. */
export interface McpTool {
  original: string;
  tool: Tool;
}

/** What a model can be shown of one server; OpenAI takes 128 tools a request in all. */
const MAX_TOOLS = 128;
const MAX_NAME = 64;
/** UTF-8 bytes. What a server says of its tools is sent with every request. */
const MAX_DESCRIPTION = 4_000;
const MAX_SCHEMA = 16_000;
const HASH_CHARS = 8;

/**
 * The tools of one server that `filters` let through (undefined = all), with names that a model can be shown:
 * `server__tool`. A tool whose schema is no object or too large is left out. All of it is the server's word, so it is
 * cut to size; its annotations are believed, because the operator chose the server.
 */
export function toTools(
  server: string,
  listed: readonly ListedTool[],
  filters: readonly string[] | undefined,
): McpTool[] {
  const patterns = filters?.map(toPattern);
  const taken = new Set<string>();
  const tools: McpTool[] = [];
  for (const each of listed) {
    if (patterns && !patterns.some((pattern) => pattern.test(each.name))) continue;
    if (each.inputSchema.type !== "object" || JSON.stringify(each.inputSchema).length > MAX_SCHEMA) continue;
    const name = toName(server, each.name, taken);
    taken.add(name);
    tools.push({ original: each.name, tool: toTool(name, each) });
    if (tools.length === MAX_TOOLS) break;
  }
  return tools;
}

function toTool(name: string, { description = "", title, inputSchema, annotations = {}, ...each }: ListedTool): Tool {
  // The protocol's defaults: a tool that says nothing changes things, and not only once.
  const readOnly = annotations.readOnlyHint === true;
  const repeatable = readOnly || annotations.idempotentHint === true;
  const words = description.trim() || title || each.name;
  return {
    name,
    description: capText(words, MAX_DESCRIPTION),
    schema: inputSchema,
    readOnly,
    afterCrash: repeatable ? "repeat" : "ask",
  };
}

/** A hash stands for what had to be cut or replaced, so that two tools never share a name. */
function toName(server: string, tool: string, taken: ReadonlySet<string>): string {
  const whole = `${server}__${tool}`;
  const clean = whole.replaceAll(/[^A-Za-z0-9_-]/g, "_");
  if (clean.length <= MAX_NAME && !taken.has(clean)) return clean;
  const hash = createHash("sha256").update(whole).digest("hex").slice(0, HASH_CHARS);
  return `${clean.slice(0, MAX_NAME - HASH_CHARS - 1)}_${hash}`;
}

/** fast-agent's globs, which are the shell's: `*`, `?` and `[…]`. */
function toPattern(glob: string): RegExp {
  const source = glob.replaceAll(/\[(!?)([^\]]+)\]|[^]/gu, (part, not?: string, set?: string) => {
    if (set !== undefined) return `[${not === "!" ? "^" : ""}${set.replaceAll(/[\\^[]/g, "\\$&")}]`;
    if (part === "*") return ".*";
    return part === "?" ? "." : escape(part);
  });
  try {
    return new RegExp(`^${source}$`, "su");
  } catch {
    return new RegExp(`^${escape(glob)}$`, "su");
  }
}

function escape(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

/** What the model reads of a result. Pictures, sounds and other bytes are named, not shown. */
export function toResult({ content, structuredContent, isError }: CallToolResult): ToolResult {
  const parts = content.map(describe).filter((part) => part !== "");
  if (parts.length === 0 && structuredContent !== undefined) parts.push(JSON.stringify(structuredContent));
  const ok = isError !== true;
  return { ok, text: capText(parts.join("\n") || (ok ? "Done; it says nothing." : "It failed and does not say why.")) };
}

function describe(part: CallToolResult["content"][number]): string {
  switch (part.type) {
    case "text":
      return part.text;
    case "image":
    case "audio":
      return `[${part.type}, ${part.mimeType}, not shown]`;
    case "resource_link":
      return `[${part.name}: ${part.uri}]`;
    case "resource":
      return "text" in part.resource ? part.resource.text : `[${part.resource.uri}, not shown]`;
    default:
      part satisfies never;
      return "";
  }
}

/** The arguments as an object, or why they are none. */
export function readArguments(tool: string, args: string): { value: Record<string, unknown> } | { fault: string } {
  let value: unknown;
  try {
    // A tool without parameters is often called with no text at all.
    value = args.trim() === "" ? {} : JSON.parse(args);
  } catch {
    return { fault: `The arguments of ${tool} are not valid JSON. Call it again with valid JSON.` };
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return { value: value as Record<string, unknown> };
  }
  return { fault: `The arguments of ${tool} must be one JSON object. Call it again with an object.` };
}
