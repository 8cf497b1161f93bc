import type { ChatLine } from "../terminal-chat.ts";
import type { InlineKeyboardMarkup } from "grammy/types";
import type { ChatEvent, FakeChat, FakeMessage } from "./chats.ts";
import { fileWords } from "./files.ts";

/**
 * What happened in a chat, one line per event, without times and ids: "ann: hi", "bot#1: Hel", "bot#1~ Hello",
 * "bot#1 removed", "bot… Hel" for a draft. Further lines of a text are indented, as are buttons, "[Stop]"; a topic stands before the line as "[5] ".
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
    message: "message" in event ? event.message : null,
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
      return `${speaker(event.message)}~ ${indented(event.version.text + buttons(event.version.keyboard))}`;
    case "draft":
      return `bot… ${indented(event.draft.text)}`;
    case "remove":
      return `${speaker(event.message)} removed`;
    case "note":
      return `(${event.text})`;
    default:
      return event satisfies never;
  }
}

function content(message: FakeMessage): string {
  const { text = "", keyboard = null } = message.versions[0] ?? {};
  if (message.service !== null) {
    return `(${Object.keys(message.service).join(", ")})`;
  }
  const shown = message.file === null ? text : `${fileWords(message.file)} ${text}`.trimEnd();
  return shown + buttons(keyboard);
}

function buttons(keyboard?: InlineKeyboardMarkup | null): string {
  return (keyboard?.inline_keyboard ?? []).map((row) => `\n${row.map(({ text }) => `[${text}]`).join(" ")}`).join("");
}

function threadOf(event: ChatEvent): number | null {
  if (event.kind === "note") {
    return event.thread;
  }
  return event.kind === "draft" ? event.draft.thread : event.message.thread;
}

function speaker(message: FakeMessage): string {
  return message.author === "bot" ? `bot#${message.botNumber}` : message.author.name;
}

function indented(text: string): string {
  return text.replaceAll("\n", "\n    ");
}
