import type { InputRichBlock, MessageEntity } from "grammy/types";
import { expect } from "vitest";
import { toLinkUrl } from "../../adapters/telegram/telegram-link.ts";
import type { RenderedPage } from "../../src/platform/platform-adapter.ts";
import { shownText } from "../fakes/telegram/rich-text.ts";

const CODE = ["code", "pre"];
const QUOTES = ["blockquote", "expandable_blockquote"];
const SPLIT = ["bold", "italic", "strikethrough"];

export function entitiesOf(page: RenderedPage): MessageEntity[] {
  return (page.rich as { entities: MessageEntity[] } | undefined)?.entities ?? [];
}

/** What a page is as a rich message; undefined = it is none. */
export function richBlocksOf(page: RenderedPage): InputRichBlock[] | undefined {
  return (page.rich as { blocks?: InputRichBlock[] } | undefined)?.blocks;
}

/** What is seen of a page where rich messages are. */
export function shownOf(page: RenderedPage): string {
  const blocks = richBlocksOf(page);
  return blocks ? shownText(blocks) : page.text;
}

/** Throws unless Telegram would show each page exactly as it is (Bot API, "Formatting options"). */
export function checkPages(pages: readonly RenderedPage[]): void {
  const wrong = pages.flatMap((page) => [...textTroubles(page.text), ...entityTroubles(page)]);
  if (wrong.length > 0 || pages.length === 0) expect(wrong, "pages").toEqual(["at least one page, without trouble"]);
}

function* textTroubles(text: string): Generator<string> {
  if (text.length > 4096) yield `${text.length} units`;
  if (text === "" || text.trim() !== text) yield "space around it, or nothing in it";
  if (!text.isWellFormed()) yield "half a surrogate pair";
  if (/[\0-\x08\x0B-\x1F]/.test(text)) yield "a control character";
}

function* entityTroubles(page: RenderedPage): Generator<string> {
  const { text } = page;
  const entities = entitiesOf(page);
  if (countAfterSplitting(entities) > 100) yield "too many entities";
  if (entityBytes(entities) > 9500) yield "too large entities";
  for (const [i, a] of entities.entries()) {
    const end = a.offset + a.length;
    const covered = text.slice(a.offset, end);
    if (a.offset < 0 || a.length <= 0 || end > text.length) yield `${a.type}: out of range`;
    if (!covered.isWellFormed()) yield `${a.type}: inside a character`;
    if (covered.trim() === "") yield `${a.type}: covers nothing`;
    if (a.type === "text_link" && toLinkUrl(a.url) !== a.url) yield `a bad link: ${a.url}`;
    for (const b of entities.slice(i + 1)) {
      if (b.offset >= end) break;
      if (b.offset + b.length > end) yield `${a.type} and ${b.type} overlap`;
      if (b.type === a.type) yield `${a.type} within itself`;
      if (CODE.includes(a.type)) yield `${b.type} within ${a.type}`;
      if (CODE.includes(b.type) && !QUOTES.includes(a.type)) yield `${b.type} within ${a.type}`;
    }
  }
}

/** Roughly as Telegram counts: a fixed size for each, and the address of a link. */
function entityBytes(entities: readonly MessageEntity[]): number {
  return entities.reduce((sum, it) => sum + 16 + (it.type === "text_link" ? it.url.length : 0), 0);
}

/** Telegram splits what lies within bold and the like, and counts the parts. */
function countAfterSplitting(entities: readonly MessageEntity[]): number {
  let count = 0;
  let open: MessageEntity[] = [];
  for (const entity of entities) {
    open = open.filter((it) => it.offset + it.length > entity.offset);
    count += 1;
    if (!SPLIT.includes(entity.type)) continue;
    count += open.length;
    open.push(entity);
  }
  return count;
}
