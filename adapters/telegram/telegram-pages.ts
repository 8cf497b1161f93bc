import type { InputRichBlock, MessageEntity } from "grammy/types";
import type { RenderedPage } from "../../src/platform/platform-adapter.ts";
import type { FormattedText } from "./formatted-text.ts";

/** "1-4096 characters after entities parsing" (Bot API, sendMessage), in UTF-16 units. */
export const TELEGRAM_TEXT_LIMIT = 4096;
/** Where a text that is too long is cut. One that still fits is not, so that no last page holds a few words only. */
const CUT_TARGET = 3900;
/** Telegram drops what is over (tdlib, MAX_USER_ENTITY_COUNT), after it has split what overlaps. */
const TELEGRAM_ENTITY_LIMIT = 100;
/** ENTITIES_TOO_LONG: about 9500 bytes of entities in all, addresses included (tdlib/telegram-bot-api#165). */
const TELEGRAM_ENTITY_BYTES = 9000;
const ENTITY_BYTES = 16;
const SPLIT_BY_TELEGRAM = new Set(["bold", "italic", "strikethrough"]);

/** The adapter's `rich` part of a page: its entities, and what it is as a rich message where that shows more. */
export interface TelegramRich {
  entities: MessageEntity[];
  blocks?: InputRichBlock[];
}

/** Of a page whose text begins at `from`; null = it is no rich message. */
type ToBlocks = (page: FormattedText, from: number) => InputRichBlock[] | null;

/**
 * Cuts a text into pages Telegram accepts, at least one. A cut depends only on what is before it and up to 4096 units
 * behind the page's start, so pages stay as they are while the text grows at its end.
 */
export function toPages(formatted: FormattedText, toBlocks: ToBlocks = () => null): RenderedPage[] {
  const pages: RenderedPage[] = [];
  const { text } = formatted;
  let from = skipSpace(text, 0);
  while (from < text.length) {
    const to = endOfPage(formatted, from);
    const page = cutOut(formatted, from, to);
    if (isVisible(page.text)) pages.push(toPage(page, toBlocks(page, from)));
    from = skipSpace(text, to);
  }
  return pages.length > 0 ? pages : [{ text: "…" }];
}

/** Telegram refuses a message that shows nothing. */
export function isVisible(text: string): boolean {
  return /[^\s\p{Cc}\p{Cf}]/u.test(text);
}

function endOfPage({ text, entities }: FormattedText, from: number): number {
  const full = entityCeiling(entities, from);
  if (text.length - from <= TELEGRAM_TEXT_LIMIT && full >= text.length) return text.length;
  return bestCut(text, entities, from, Math.min(full, from + CUT_TARGET));
}

/** The offset of the first entity that is one too many for a page that starts at `from`. */
function entityCeiling(entities: readonly MessageEntity[], from: number): number {
  let count = 0;
  let bytes = 0;
  const open: MessageEntity[] = [];
  for (const entity of entities) {
    if (entity.offset + entity.length <= from) continue;
    while (open.length > 0 && endOf(open.at(-1)!) <= entity.offset) open.pop();
    count += 1;
    if (entity.type === "text_link") bytes += entity.url.length;
    if (SPLIT_BY_TELEGRAM.has(entity.type)) {
      count += open.length;
      open.push(entity);
    }
    const tooLarge = bytes + count * ENTITY_BYTES > TELEGRAM_ENTITY_BYTES;
    if (count > TELEGRAM_ENTITY_LIMIT || tooLarge) return entity.offset;
  }
  return Number.POSITIVE_INFINITY;
}

/** The last good place in the second half of the page: between blocks, lines, lines of code, words, then anywhere. */
function bestCut(text: string, entities: readonly MessageEntity[], from: number, ceiling: number): number {
  const earliest = from + Math.floor((ceiling - from) / 2);
  const code = entities.filter((it) => it.type === "pre" && it.offset < ceiling && endOf(it) > earliest);
  const inCode = (at: number) => code.some((it) => it.offset < at && at < endOf(it));
  const last = (what: string, suits: (at: number) => boolean) => {
    for (let at = text.lastIndexOf(what, ceiling); at > earliest; at = text.lastIndexOf(what, at - 1)) {
      if (suits(at)) return at;
    }
    return null;
  };
  return (
    last("\n\n", (at) => !inCode(at)) ??
    last("\n", (at) => !inCode(at)) ??
    // Telegram trims the spaces a message begins with, which a line of code would miss.
    last("\n", (at) => text[at + 1] !== " ") ??
    last("\n", () => true) ??
    last(" ", () => true) ??
    characterBoundary(text, from, ceiling)
  );
}

/** Not inside a surrogate pair, and not between a character and the marks or joiners that belong to it. */
function characterBoundary(text: string, from: number, ceiling: number): number {
  const belongs = /^(?:\p{M}|\p{Emoji_Modifier}|\u200D)/u;
  const lowest = Math.max(from + 1, ceiling - 32);
  for (let at = ceiling; at > lowest; at -= 1) {
    if (!splitsPair(text, at) && !belongs.test(text.slice(at, at + 2)) && text[at - 1] !== "\u200D") return at;
  }
  return splitsPair(text, ceiling) ? ceiling - 1 : ceiling;
}

function splitsPair(text: string, at: number): boolean {
  return /[\uDC00-\uDFFF]/.test(text[at] ?? "") && /[\uD800-\uDBFF]/.test(text[at - 1] ?? "");
}

function toPage({ text, entities }: FormattedText, blocks: InputRichBlock[] | null): RenderedPage {
  if (blocks !== null) return { text, rich: { entities, blocks } satisfies TelegramRich };
  return entities.length === 0 ? { text } : { text, rich: { entities } satisfies TelegramRich };
}

function cutOut({ text, entities }: FormattedText, from: number, to: number): FormattedText {
  const shown = text.slice(from, to).trimEnd();
  const inside = entities.flatMap((entity) => {
    const offset = Math.max(entity.offset - from, 0);
    const length = Math.min(endOf(entity) - from, shown.length) - offset;
    return length > 0 && shown.slice(offset, offset + length).trim() !== "" ? [{ ...entity, offset, length }] : [];
  });
  return { text: shown, entities: inside };
}

function endOf(entity: MessageEntity): number {
  return entity.offset + entity.length;
}

function skipSpace(text: string, from: number): number {
  const rest = /\S/.exec(text.slice(from));
  return rest ? from + rest.index : text.length;
}
