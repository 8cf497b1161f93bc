import type { ChatLine } from "../terminal-chat.ts";
import type { ChannelEvent, FakeChannel, FakeMessage, Json } from "./channels.ts";
import { streamOf } from "./streams.ts";

/**
 * What happened in a conversation, one line per event, without times and ids: "ann: hi", "bot#1: Hel", "bot#1~ Hello",
 * "bot#1 removed", "bot#1» Hel" for what a stream brings, "bot (only ann): psst". Further lines of a text are indented.
 * Replies bear the number of their thread, "[1] ", in the order in which threads began; with `thread` only that one is told, its root included.
 */
export function transcript(channel: FakeChannel, thread?: string): string[] {
  const numbers = new Map<string, number>();
  return channel.events
    .map((event) => {
      const root = rootOf(event);
      if (root !== null && !numbers.has(root)) {
        numbers.set(root, numbers.size + 1);
      }
      return { event, root };
    })
    .filter(({ event, root }) => thread === undefined || root === thread || isRoot(event, thread))
    .map(
      ({ event, root }) => `${root === null || thread !== undefined ? "" : `[${numbers.get(root)}] `}${words(event)}`,
    );
}

/** All that happened, for a terminal. */
export function chatLines(channel: FakeChannel): ChatLine[] {
  const lines = transcript(channel);
  return channel.events.map((event, index) => ({
    text: lines[index] ?? "",
    message: event.kind === "note" ? null : event.message,
    isEdit: event.kind === "edit" || event.kind === "stream",
  }));
}

function words(event: ChannelEvent): string {
  switch (event.kind) {
    case "post":
      return `${speaker(event.message)}${streamOf(event.message) ? "»" : ":"} ${indented(content(event.message))}`;
    case "stream":
      return `${speaker(event.message)}» ${indented(event.shown)}`;
    case "edit":
      return `${speaker(event.message)}~ ${indented(event.shown)}`;
    case "remove":
      return `${speaker(event.message)} removed`;
    case "ephemeral":
      return `bot (only ${event.message.user.name}): ${indented(event.message.shown)}`;
    case "note":
      return `(${event.text})`;
    default:
      return event satisfies never;
  }
}

function content(message: FakeMessage): string {
  const shown = message.versions[0]?.shown ?? "";
  return [...namesOf(message).map((name) => `[file: ${name}]`), shown].join(" ").trimEnd();
}

function namesOf({ extra: { files } }: FakeMessage): string[] {
  return Array.isArray(files) ? files.map((file) => String((file as Json)["name"])) : [];
}

function rootOf(event: ChannelEvent): string | null {
  return event.kind === "note" ? null : event.message.threadTs;
}

function isRoot(event: ChannelEvent, thread: string): boolean {
  return event.kind !== "note" && event.message.ts === thread;
}

function speaker(message: FakeMessage): string {
  return message.botNumber > 0 ? `bot#${message.botNumber}` : message.author.name;
}

function indented(text: string): string {
  return text.replaceAll("\n", "\n    ");
}
