import type { FieldNotes } from "./card-fields.ts";
import type { Message, Part } from "./message.ts";

/** fast-agent's marks, each on a line of its own. */
const MARK = /^---(USER|ASSISTANT|RESOURCE)[ \t]*\r?$/m;

/**
 * Reads what is said before every talk with an agent, in one of fast-agent's two forms: a saved history
 * (`{"messages": […]}`, from a file `.json`), or text that lines `---USER` and `---ASSISTANT` divide; without such a
 * line all of it is one message of a person. Only words and calls of tools are kept. Sentences are pushed to `notes`.
 */
export function readSeed(path: string, text: string, notes: FieldNotes): Message[] {
  const plain = text.replace(/^\uFEFF/, "");
  const own: FieldNotes = { faults: [], warnings: [] };
  const messages = /\.json$/i.test(path) ? fromJson(plain, own) : fromMarks(plain, own);
  notes.faults.push(...own.faults.map((fault) => `${path} ${fault}`));
  notes.warnings.push(...new Set(own.warnings.map((warning) => `${path} ${warning}`)));
  return messages;
}

function fromMarks(text: string, { warnings }: FieldNotes): Message[] {
  const [before = "", ...marked] = text.split(MARK);
  const messages = said("user", before.trim());
  for (let at = 0; at < marked.length; at += 2) {
    const words = (marked[at + 1] ?? "").trim();
    if (marked[at] === "RESOURCE") warnings.push("names a resource, which is left out");
    else messages.push(...said(marked[at] === "USER" ? "user" : "assistant", words));
  }
  return messages;
}

function fromJson(text: string, notes: FieldNotes): Message[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    notes.faults.push("is not JSON");
    return [];
  }
  const entries = isMapping(value) ? value["messages"] : value;
  if (!Array.isArray(entries)) {
    notes.faults.push('must hold {"messages": […]}');
    return [];
  }
  return entries.flatMap((entry: unknown, index) => fromEntry(entry, `messages[${index}]`, notes));
}

function fromEntry(entry: unknown, at: string, notes: FieldNotes): Message[] {
  const { role, content, tool_calls: calls, tool_results: results } = isMapping(entry) ? entry : {};
  if (role !== "user" && role !== "assistant") {
    notes.faults.push(`${at}: its role must be user or assistant`);
    return [];
  }
  const returned = Object.entries(isMapping(results) ? results : {}).map(([callId, result]): Part => {
    const of = isMapping(result) ? result : {};
    return { type: "tool_result", callId, ok: of["isError"] !== true, text: wordsOf(of["content"], at, notes) };
  });
  const called = Object.entries(isMapping(calls) ? calls : {}).map(([callId, call]): Part => {
    const params = isMapping(call) && isMapping(call["params"]) ? call["params"] : {};
    const tool = typeof params["name"] === "string" ? params["name"] : "";
    return { type: "tool_call", callId, tool, args: JSON.stringify(params["arguments"] ?? {}) };
  });
  const words = wordsOf(content, at, notes);
  return [
    ...(returned.length > 0 ? [{ role: "tool", parts: returned, status: "complete" } satisfies Message] : []),
    ...said(role, words, called),
  ];
}

/** The words of MCP content: a text, a block or a list of blocks. */
function wordsOf(content: unknown, at: string, { faults, warnings }: FieldNotes): string {
  const words: string[] = [];
  for (const block of Array.isArray(content) ? content : content === undefined ? [] : [content]) {
    const { type, text, resource }: Record<string, unknown> = isMapping(block) ? block : { type: "text", text: block };
    const written = type === "resource" && isMapping(resource) ? resource["text"] : text;
    if (typeof written === "string") words.push(written);
    else if (type === "text") faults.push(`${at}: its content must be texts`);
    else warnings.push(`holds content of the type ${JSON.stringify(type)}, which is left out`);
  }
  return words.join("\n\n");
}

function said(role: "user" | "assistant", text: string, calls: Part[] = []): Message[] {
  const parts: Part[] = [...(text === "" ? [] : [{ type: "text", text } satisfies Part]), ...calls];
  return parts.length === 0 ? [] : [{ role, parts, status: "complete" }];
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
