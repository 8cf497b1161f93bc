import type { ChatLine } from "../terminal-chat.ts";
import type { ChatEvent, FakeChat, FakeMessage } from "./chats.ts";

/**
 * What happened in a chat, one line per event, without times and ids: "ann: hi", "bot#1: Hel", "bot#1~ Hello",
 * "bot#1 removed". Further lines of a text are indented; a topic stands before the line as "[5] ".
 */
export function transcript(chat: FakeChat, thread?: number | null): string[] {
  return chat.events
    .filter((event) => thread === undefined || threadOf(event) === thread)
    .map((event) => line(event, thread));
}

/** All that happened, for a terminal. */
export function chatLines(chat: FakeChat): ChatLine[] {
  return chat.events.map((event) => ({
    text: line(event),
    message: event.kind === "note" ? null : event.message,
    isEdit: event.kind === "edit",
  }));
}

/** One event as a line; without the topic when `thread` is given. */
function line(event: ChatEvent, thread?: number | null): string {
  const at = threadOf(event);
  return `${at === null || thread !== undefined ? "" : `[${at}] `}${words(event)}`;
}

function words(event: ChatEvent): string {
  switch (event.kind) {
    case "post":
      return `${speaker(event.message)}: ${indented(content(event.message))}`;
    case "edit":
      return `${speaker(event.message)}~ ${indented(event.text)}`;
    case "remove":
      return `${speaker(event.message)} removed`;
    case "note":
      return `(${event.text})`;
    default:
      return event satisfies never;
  }
}

function content(message: FakeMessage): string {
  const text = message.versions[0]?.text ?? "";
  if (message.service !== null) {
    return `(${Object.keys(message.service).join(", ")})`;
  }
  return message.mediaGroupId === null ? text : `[photo] ${text}`.trimEnd();
}

function threadOf(event: ChatEvent): number | null {
  return event.kind === "note" ? event.thread : event.message.thread;
}

function speaker(message: FakeMessage): string {
  return message.author === "bot" ? `bot#${message.botNumber}` : message.author.name;
}

function indented(text: string): string {
  return text.replaceAll("\n", "\n    ");
}
