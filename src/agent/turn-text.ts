import type { FileId } from "../ids.ts";
import type { ContextPart, FilePart, Message } from "./message.ts";

const NAME_CHARS = 64;
const PROBLEM_CHARS = 200;
const LINE_START_BRACKET = /([\r\n\u2028\u2029])\[/g;

/**
 * A user message as the model reads it: each part's origin goes before it in brackets. No name holds brackets or line
 * ends, and no line of a text begins like one of these marks, so nobody's words can look like somebody else's. `seen`:
 * the pictures that the model is shown beside this.
 */
export function turnText(message: Message, seen?: ReadonlyMap<FileId, unknown>): string {
  const marked = message.parts.some((part) => part.type === "context" || part.type === "file");
  const said = message.parts.flatMap((part): string[] => {
    switch (part.type) {
      case "text":
        return [marked ? unmarked(`\n${part.text}`).slice(1) : part.text];
      case "context":
        return [contextText(part)];
      case "file":
        return [fileText(part, seen)];
      case "tool_call":
      case "tool_result":
        return [];
      default:
        return part satisfies never;
    }
  });
  const text = said.join(marked ? "\n" : "");
  if (!message.author) return text;
  return `[${nameLabel(message.author.name)}] ${marked ? text : unmarked(text)}`;
}

const ORIGIN: Record<Exclude<ContextPart["kind"], "agent">, (author: string) => string> = {
  reply: (author) => `answers what ${author} wrote`,
  quote: (author) => `quotes ${author}`,
  forward: (author) => `forwarded, written by ${author}`,
  background: (author) => `said here before by ${author}`,
  memory: () => "what you remember from earlier talks",
  client: () => "how the program wants you to answer that they talk through",
  summary: () => "summary of what was said and done before this",
};

function contextText({ kind, author, text }: ContextPart): string {
  if (kind === "agent") return `[from here on ${nameLabel(text)} answers, until here ${nameLabel(author)} did]`;
  return `[${ORIGIN[kind](nameLabel(author))}:]\n${quoted(text)}\n[end]`;
}

function fileText(part: FilePart, seen?: ReadonlyMap<FileId, unknown>): string {
  const { kind, name, mediaType, text, problem, file } = part;
  const what = [kind, nameLabel(name, ""), nameLabel(mediaType, "")].filter((word) => word !== "").join(", ");
  if (problem !== undefined) return `[${what}: ${nameLabel(problem, "not read", PROBLEM_CHARS)}]`;
  if (kind === "image" && file && !seen?.has(file)) return `[${what}: not shown to you]`;
  return text === undefined ? `[${what}]` : `[${what}:]\n${quoted(text)}\n[end]`;
}

/** As Markdown quotes, so that its lines stay apart from the author's own. */
function quoted(text: string): string {
  return text.replaceAll(/^/gm, "> ");
}

function unmarked(text: string): string {
  return text.replaceAll(LINE_START_BRACKET, "$1 [");
}

function nameLabel(name: string, nobody = "someone", chars = NAME_CHARS): string {
  const label = name
    .toWellFormed()
    .replaceAll(/[\s\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ")
    .replaceAll(/[[\]]/g, "")
    .trim();
  return [...label].slice(0, chars).join("").trim() || nobody;
}
