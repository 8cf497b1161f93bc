import { asObject, has, type Json, listIn, nameIn, numberIn, objectIn, rawTextIn, cleanText } from "./telegram-json.ts";

/** Of options, tasks and nested texts. */
const MAX_ENTRIES = 100;
const MAX_DEPTH = 16;

/** What a person may send that is neither text nor a file, as a text; null = nothing of the kind. */
export function thingIn(message: Json): string | null {
  for (const [field, describe] of Object.entries(THINGS)) {
    const thing = objectIn(message, field);
    if (thing) return describe(thing);
  }
  return null;
}

const THINGS: Readonly<Record<string, (thing: Json) => string>> = {
  // Also a `location`, which is then the venue's.
  venue: (it) => marked("place", nameIn(it, "title"), nameIn(it, "address"), pointIn(objectIn(it, "location") ?? {})),
  location: (it) => marked("location", pointIn(it)),
  contact: (it) =>
    marked("contact", `${nameIn(it, "first_name")} ${nameIn(it, "last_name")}`, nameIn(it, "phone_number")),
  poll: (it) =>
    withEntries(marked("poll", cleanText(rawTextIn(it, "question") ?? "")), listIn(it, "options"), () => "- "),
  checklist: (it) =>
    withEntries(marked("checklist", nameIn(it, "title")), listIn(it, "tasks"), (task) =>
      has(task, "completion_date") ? "- [x] " : "- [ ] ",
    ),
  dice: (it) => marked("dice", nameIn(it, "emoji"), String(numberIn(it, "value") ?? "")),
  game: (it) => marked("game", nameIn(it, "title")),
  sticker: (it) => marked("sticker", nameIn(it, "emoji")),
  story: () => marked("story"),
  paid_media: () => marked("paid media"),
  rich_message: (it) => cleanText(richText(it, 0)).trim() || marked("formatted message"),
};

function marked(what: string, ...details: string[]): string {
  const said = details.map((it) => it.trim()).filter((it) => it !== "");
  return said.length === 0 ? `[${what}]` : `[${what}: ${said.join(", ")}]`;
}

function pointIn(location: Json): string {
  const [latitude, longitude] = [numberIn(location, "latitude"), numberIn(location, "longitude")];
  return latitude === null || longitude === null ? "" : `${latitude}, ${longitude}`;
}

function withEntries(title: string, entries: readonly unknown[], mark: (entry: Json) => string): string {
  const lines = entries
    .slice(0, MAX_ENTRIES)
    .map(asObject)
    .filter((it) => it !== null)
    .map((entry) => `${mark(entry)}${nameIn(entry, "text")}`);
  return [title, ...lines].join("\n");
}

/** What stands on a line of its own in a formatted message. */
const LINES = new Set(["blocks", "items", "cells"]);

/** The words of a formatted message (Bot API, RichText and RichBlock): texts within texts, blocks, rows of cells. */
function richText(value: unknown, depth: number, gap = ""): string {
  if (typeof value === "string") return value;
  if (depth > MAX_DEPTH) return "";
  if (Array.isArray(value)) return value.map((it) => richText(it, depth + 1, gap === "\n" ? " | " : "")).join(gap);
  const object = asObject(value);
  if (!object) return "";
  const box = has(object, "has_checkbox") ? (has(object, "is_checked") ? "[x] " : "[ ] ") : "";
  const inner = Object.entries(object).filter(([field, it]) => field === "text" || typeof it === "object");
  return box + inner.map(([field, it]) => richText(it, depth + 1, LINES.has(field) ? "\n" : "")).join("");
}
