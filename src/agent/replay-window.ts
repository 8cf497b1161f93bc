import type { FileId } from "../ids.ts";
import type { Message, Part } from "./message.ts";
import type { ModelRequest } from "./model-client.ts";

/** Bytes of UTF-8 per token, measured on o200k and rounded to the safe side: prose, and JSON with ids in it. */
const PROSE_BYTES = 3.5;
const JSON_BYTES = 2.2;
/** A picture of about a megapixel; providers count 765 to 1,600. https://platform.openai.com/docs/guides/images */
const IMAGE_TOKENS = 1_600;
/** Role and separators of one message. */
const MESSAGE_TOKENS = 4;

/** The pictures that are sent; absent: all there are. */
type Shown = ReadonlyMap<FileId, unknown>;

/** How many tokens these messages will about be; over-estimates rather than under-estimates. */
export function estimateTokens(messages: readonly Message[], shown?: Shown): number {
  return messages.reduce((tokens, message) => tokens + messageTokens(message, shown), 0);
}

/** The same for all that a request says. */
export function estimateRequest({ instruction, tools, messages, images }: ModelRequest): number {
  const declared = tools.length === 0 ? 0 : Buffer.byteLength(JSON.stringify(tools)) / JSON_BYTES;
  return Math.ceil(Buffer.byteLength(instruction) / PROSE_BYTES + declared) + estimateTokens(messages, images);
}

/** About how many bytes of prose are so many tokens. */
export function proseBytes(tokens: number): number {
  return Math.floor(tokens * PROSE_BYTES);
}

/**
 * Where the part of a history begins that stays as it is: its newest turns that fit, or, where not even the newest one
 * does, the newest of its exchanges (an answer with calls, and their results) that do. Its length = nothing fits.
 */
export function cutAt(history: readonly Message[], limits: { maxTokens: number; maxMessages?: number }): number {
  const { maxTokens, maxMessages = Number.POSITIVE_INFINITY } = limits;
  let tokens = 0;
  let turn = history.length;
  let exchange = history.length;
  for (let at = history.length - 1; at >= 0; at -= 1) {
    tokens += messageTokens(history[at] as Message);
    if (tokens > maxTokens || history.length - at > maxMessages) break;
    if (startsTurn(history, at)) turn = at;
    else if (history[at]?.role === "assistant") exchange = at;
  }
  return turn < history.length ? turn : exchange;
}

/** What stands for the messages before it. */
export function summaryMessage(text: string): Message {
  return { role: "user", parts: [{ type: "context", kind: "summary", author: "", text }], status: "complete" };
}

/** Says to the model that something is missing; "" = nothing is. */
export function leftOutNote(messages: number): string {
  return messages > 0 ? `[${messages} older messages are left out here]` : "";
}

/** A history without its oldest messages, where nothing can be summed up: what is missing is told to the model. */
export function dropOldest(history: readonly Message[], maxTokens: number): Message[] {
  const summary = summaryOf(history[0]);
  const rest = summary === null ? history : history.slice(1);
  const head = summary === null ? [] : history.slice(0, 1);
  const cut = cutAt(rest, { maxTokens: maxTokens - estimateTokens(head) });
  if (cut === 0) return [...history];
  return [summaryMessage(joinLines(summary ?? "", leftOutNote(cut))), ...rest.slice(cut)];
}

/**
 * What is replayed after a provider said the context is too long: the newest turns that make up at most half of what
 * was sent, possibly none. The run's own turn is not part of `history` and always stays.
 */
export function halveWindow(history: readonly Message[]): Message[] {
  return dropOldest(history, estimateTokens(history) / 2);
}

/** Lines below each other; those that are empty are none. */
export function joinLines(...lines: string[]): string {
  return lines.filter((line) => line !== "").join("\n");
}

function summaryOf(message: Message | undefined): string | null {
  const [part] = message?.parts ?? [];
  return part?.type === "context" && part.kind === "summary" ? part.text : null;
}

/** A user message that follows something else: several in a row are one turn. */
function startsTurn(history: readonly Message[], at: number): boolean {
  const before = history[at - 1];
  return history[at]?.role === "user" && (before?.role !== "user" || summaryOf(before) !== null);
}

function messageTokens(message: Message, shown?: Shown): number {
  return Math.ceil(message.parts.reduce((tokens, part) => tokens + partTokens(part, shown), MESSAGE_TOKENS));
}

function partTokens(part: Part, shown?: Shown): number {
  switch (part.type) {
    case "text":
      return Buffer.byteLength(part.text) / PROSE_BYTES;
    case "context":
      return Buffer.byteLength(part.author + part.text) / PROSE_BYTES;
    case "file": {
      const picture = part.kind === "image" && part.file !== undefined && (shown?.has(part.file) ?? true);
      const words = Buffer.byteLength(part.name + (part.text ?? part.problem ?? "")) / PROSE_BYTES;
      return words + (picture ? IMAGE_TOKENS : 0);
    }
    case "tool_call":
      return Buffer.byteLength(part.tool + part.args + (JSON.stringify(part.extra?.data) ?? "")) / JSON_BYTES;
    case "tool_result":
      return Buffer.byteLength(part.text) / JSON_BYTES;
    default:
      part satisfies never;
      return 0;
  }
}
