import type { Message, Part } from "./message.ts";

/**
 * Messages as the model reads them: a text that its sender's app has cut into several is one again, without a gap. What
 * is stored stays as it came. Pure.
 */
export function joinPastes(messages: readonly Message[]): Message[] {
  const joined: Message[] = [];
  for (const message of messages) {
    const before = joined.at(-1);
    const goesOn = before && before.role === "user" && message.role === "user" && isSameAuthor(before, message);
    const parts = goesOn ? joinParts(before.parts, message.parts) : null;
    if (before && parts) joined[joined.length - 1] = { ...before, parts };
    else joined.push(message);
  }
  return joined;
}

function isSameAuthor(a: Message, b: Message): boolean {
  return a.author?.id === b.author?.id;
}

/** Null = the second does not go on where the first ends. */
function joinParts(before: Part[], after: Part[]): Part[] | null {
  const last = before.at(-1);
  const [next, ...rest] = after;
  if (last?.type !== "text" || !last.continues || next?.type !== "text") return null;
  return [...before.slice(0, -1), { ...next, text: last.text + next.text }, ...rest];
}
