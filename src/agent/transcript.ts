import { capText } from "./cap-text.ts";
import type { Message, Part } from "./message.ts";
import { turnText } from "./turn-text.ts";

/** UTF-8 bytes of a call and of its result: what came of it is in the words after it as well. */
const MAX_ARGS = 1_000;
const MAX_RESULT = 4_000;

/** Messages as text to read, in pieces of at most so many UTF-8 bytes; pieces end between messages where they can. */
export function transcriptOf(messages: readonly Message[], maxBytes: number): string[] {
  const pieces: string[] = [];
  let piece = "";
  for (const text of messages.flatMap((message) => split(textOfMessage(message), maxBytes))) {
    if (piece !== "" && Buffer.byteLength(piece) + Buffer.byteLength(text) > maxBytes) {
      pieces.push(piece);
      piece = "";
    }
    piece += piece === "" ? text : `\n\n${text}`;
  }
  return piece === "" ? pieces : [...pieces, piece];
}

function textOfMessage(message: Message): string {
  switch (message.role) {
    case "user":
      return `User: ${[turnText(message), ...message.parts.flatMap(fileId)].join("\n")}`;
    case "assistant":
    case "tool":
      return message.parts.flatMap(lineOf).join("\n");
    default:
      return message.role satisfies never;
  }
}

function lineOf(part: Part): string[] {
  switch (part.type) {
    case "text":
      return part.text.trim() === "" ? [] : [`Assistant: ${part.text}`];
    case "tool_call":
      return [`Assistant calls ${part.tool} ${capText(part.args, MAX_ARGS)}`];
    case "tool_result": {
      const file = part.file ? ` (file ${part.file})` : "";
      return [`${part.ok ? "Result" : "Failure"}${file}: ${capText(part.text, MAX_RESULT)}`];
    }
    case "context":
    case "file":
      return [];
    default:
      return part satisfies never;
  }
}

function fileId(part: Part): string[] {
  return part.type === "file" && part.file ? [`(file ${part.file}: ${part.name})`] : [];
}

/** In the middle of a line where one is longer than a piece. */
function split(text: string, maxBytes: number): string[] {
  if (text === "") return [];
  if (Buffer.byteLength(text) <= maxBytes) return [text];
  const pieces: string[] = [];
  let piece = "";
  let bytes = 0;
  for (const line of text.split(/(?<=\n)/)) {
    // A character has at most three bytes per UTF-16 unit.
    const units = Math.max(1, Math.floor(maxBytes / 3));
    for (let at = 0; at < line.length; at += units) {
      const part = line.slice(at, at + units);
      const size = Buffer.byteLength(part);
      if (bytes + size > maxBytes) {
        pieces.push(piece);
        piece = "";
        bytes = 0;
      }
      piece += part;
      bytes += size;
    }
  }
  return piece === "" ? pieces : [...pieces, piece];
}
