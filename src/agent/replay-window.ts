import type { Message, Part } from "./message.ts";

export interface WindowLimits {
  /** Messages at most. */
  maxMessages: number;
  /** Estimated tokens at most. */
  maxTokens: number;
}

export const DEFAULT_WINDOW: WindowLimits = { maxMessages: 200, maxTokens: 100_000 };

/** Bytes of UTF-8 per token, measured on o200k and rounded to the safe side: prose, and JSON with ids in it. */
const PROSE_BYTES = 3.5;
const JSON_BYTES = 2.2;
/** A picture of about a megapixel; providers count 765 to 1,600. https://platform.openai.com/docs/guides/images */
const IMAGE_TOKENS = 1_600;
/** Role and separators of one message. */
const MESSAGE_TOKENS = 4;

/** How many tokens these messages will about be; over-estimates rather than under-estimates. */
export function estimateTokens(messages: readonly Message[]): number {
  return messages.reduce((tokens, message) => tokens + messageTokens(message), 0);
}

/**
 * The tail of a history that is replayed: as many of the newest turns as fit both limits, at least the newest one.
 * Turns are never cut in the middle; what precedes the first turn start (the loaded rows may begin inside a turn) is
 * left out. Append-only between calls as long as nothing falls out, which keeps providers' prompt caches warm.
 */
export function replayWindow(history: readonly Message[], limits: WindowLimits = DEFAULT_WINDOW): Message[] {
  let tokens = 0;
  let from = history.length;
  for (let at = history.length - 1; at >= 0; at -= 1) {
    tokens += messageTokens(history[at] as Message);
    const fits = history.length - at <= limits.maxMessages && tokens <= limits.maxTokens;
    if (!fits && from < history.length) break;
    if (startsTurn(history, at)) from = at;
  }
  return history.slice(from);
}

/**
 * What is replayed after a provider said the context is too long: the newest turns that make up at most half of what
 * was sent, possibly none. The run's own turn is not part of `history` and always stays.
 */
export function halveWindow(history: readonly Message[]): Message[] {
  const half = estimateTokens(history) / 2;
  const kept = replayWindow(history, { maxMessages: history.length, maxTokens: half });
  return estimateTokens(kept) <= half ? kept : [];
}

/** A user message that follows something else: several in a row are one turn. */
function startsTurn(history: readonly Message[], at: number): boolean {
  return history[at]?.role === "user" && history[at - 1]?.role !== "user";
}

function messageTokens(message: Message): number {
  return Math.ceil(message.parts.reduce((tokens, part) => tokens + partTokens(part), MESSAGE_TOKENS));
}

function partTokens(part: Part): number {
  switch (part.type) {
    case "text":
      return Buffer.byteLength(part.text) / PROSE_BYTES;
    case "context":
      return Buffer.byteLength(part.author + part.text) / PROSE_BYTES;
    case "file":
      return (
        Buffer.byteLength(part.name + (part.text ?? part.problem ?? "")) / PROSE_BYTES +
        (part.kind === "image" && part.file ? IMAGE_TOKENS : 0)
      );
    case "tool_call":
      return Buffer.byteLength(part.tool + part.args + (JSON.stringify(part.extra?.data) ?? "")) / JSON_BYTES;
    case "tool_result":
      return Buffer.byteLength(part.text) / JSON_BYTES;
    default:
      part satisfies never;
      return 0;
  }
}
