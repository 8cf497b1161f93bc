import type { InputRichBlock as RichBlock, MessageEntity, RichBlockTableCell, RichText } from "grammy/types";
import type { FormattedText } from "./formatted-text.ts";
import { linksOf } from "./telegram-link.ts";
import { isVisible } from "./telegram-pages.ts";
import type { OutlinedText, Range, TextBlock } from "./text-outline.ts";

/**
 * Bot API, "Rich Message Limits". Characters need no check: a page of text has 4096, and heads of tables that stand
 * once more above their rows stay far below the 32,768.
 */
const MAX_BLOCKS = 500;
const MAX_NESTING = 16;
const MAX_COLUMNS = 20;

/** A part of a text, from `at` to `to`. */
export interface OutlinedPart extends Range {
  part: OutlinedText;
}

/**
 * A page as a rich message, or null where text shows it as well, or the limits do not allow it. Made of blocks and not
 * of HTML or Markdown: Telegram parses nothing in a block's text, so whatever an answer quotes stays what it is, and
 * only the kinds of blocks and links that are named here can exist.
 * @param page its text and entities, which count from `from` of the whole
 */
export function toRichBlocks(page: FormattedText, from: number, parts: readonly OutlinedPart[]): RichBlock[] | null {
  const inside = parts.filter((it) => it.from < from + page.text.length && it.to > from);
  if (!inside.some(({ part }) => part.wantsMore)) return null;
  const writer = new RichPageWriter(page);
  const blocks = inside.flatMap((it) => writer.write(it.part.blocks, it.from - from));
  return writer.showsMore && fits(blocks) ? blocks : null;
}

class RichPageWriter {
  showsMore = false;
  readonly #page: FormattedText;

  constructor(page: FormattedText) {
    this.#page = page;
  }

  /** @param shift where the blocks' text begins on the page, negative if on one before */
  write(blocks: readonly TextBlock[], shift: number): RichBlock[] {
    return blocks.flatMap((block) => this.#block(block, shift));
  }

  #block(block: TextBlock, shift: number): RichBlock[] {
    switch (block.type) {
      case "paragraph":
        return this.#paragraph(block, shift, block.indent);
      case "heading": {
        const text = this.#text(block, shift, block.indent, ["bold"]);
        return text === null ? [] : [{ type: "heading", text, size: block.depth }];
      }
      case "code":
        return this.#code(block, shift);
      case "rule":
        return this.#has(block.from + shift) ? [{ type: "divider" }] : [];
      case "quote": {
        const blocks = this.write(block.blocks, shift);
        return blocks.length === 0 ? [] : [{ type: "blockquote", blocks }];
      }
      case "list":
        return this.#list(block, shift);
      case "table":
        return this.#table(block, shift);
      default:
        return block satisfies never;
    }
  }

  #paragraph(range: Range, shift: number, indent = ""): RichBlock[] {
    const text = this.#text(range, shift, indent);
    return text === null ? [] : [{ type: "paragraph", text }];
  }

  #code({ language, ...range }: TextBlock & { type: "code" }, shift: number): RichBlock[] {
    const { from, to } = this.#clip(range, shift);
    const text = this.#page.text.slice(from, to).replaceAll(/^\n+|\n+$/g, "");
    if (!isVisible(text)) return [];
    return [language === null ? { type: "pre", text } : { type: "pre", text, language }];
  }

  /** What stands on this page of an item that began on the page before is no item of its own. */
  #list({ items }: TextBlock & { type: "list" }, shift: number): RichBlock[] {
    const before: RichBlock[] = [];
    const here: (RichBlock & { type: "list" })["items"] = [];
    for (const { at, number, checked, blocks } of items) {
      const inside = this.write(blocks, shift);
      if (!this.#has(at + shift)) {
        before.push(...inside);
        continue;
      }
      if (checked !== null) this.showsMore = true;
      here.push({
        // As Telegram's own parser does: an item without a block is refused (librefang/librefang#8396).
        blocks: inside.length === 0 ? [{ type: "paragraph", text: "" }] : inside,
        ...(checked === null ? {} : { has_checkbox: true as const }),
        ...(checked ? { is_checked: true as const } : {}),
        ...(number === null ? {} : { value: number, type: "1" as const }),
      });
    }
    return here.length === 0 ? before : [...before, { type: "list", items: here }];
  }

  /** The rows that stand on this page, below the head. A row that is cut in two stays text. */
  #table(table: TextBlock & { type: "table" }, shift: number): RichBlock[] {
    const { rows, head } = table;
    const isWhole = (range: Range) => this.#has(range.from + shift, true) && this.#has(range.to + shift, true);
    const first = rows.findIndex(isWhole);
    const last = rows.findLastIndex(isWhole);
    const shown = rows.length === 0 && isWhole(table) ? [] : first === -1 ? null : rows.slice(first, last + 1);
    const columns = Math.max(head.length, ...rows.map((row) => row.cells.length));
    const isSeen = [head, ...(shown ?? []).map((row) => row.cells)].flat().some((cell) => isVisible(cell.text));
    if (shown === null || !isSeen || columns > MAX_COLUMNS) return this.#paragraph(table, shift);
    this.showsMore = true;
    const toRow = (cells: readonly FormattedText[], isHead: boolean) =>
      Array.from({ length: columns }, (_, column) => toCell(cells[column], isHead, table.align[column] ?? "left"));
    return [
      ...(first > 0 ? this.#paragraph(rows[first - 1]!, shift) : []),
      { type: "table", cells: [toRow(head, true), ...shown.map((row) => toRow(row.cells, false))], is_bordered: true },
      ...(last < rows.length - 1 ? this.#paragraph(rows[last + 1]!, shift) : []),
    ];
  }

  #text(range: Range, shift: number, indent: string, without: readonly string[] = []): RichText | null {
    const { text, entities } = this.#page;
    let { from, to } = this.#clip(range, shift);
    while (from < to && /\s/.test(text[from]!)) from += 1;
    while (from < to && /\s/.test(text[to - 1]!)) to -= 1;
    if (!isVisible(text.slice(from, to))) return null;
    return toRichText({ text, entities }, { from, to }, indent, without);
  }

  /** What of it is on the page, which may be nothing. */
  #clip(range: Range, shift: number): Range {
    const { length } = this.#page.text;
    const from = Math.min(Math.max(range.from + shift, 0), length);
    return { from, to: Math.max(from, Math.min(range.to + shift, length)) };
  }

  /** Whether this place of the page's text, or the end of it, is on the page. */
  #has(at: number, orItsEnd = false): boolean {
    return at >= 0 && (orItsEnd ? at <= this.#page.text.length : at < this.#page.text.length);
  }
}

function toCell(cell: FormattedText | undefined, isHead: boolean, align: "left" | "center" | "right") {
  const made: RichBlockTableCell = { align, valign: "top", ...(isHead ? { is_header: true } : {}) };
  if (cell && isVisible(cell.text)) made.text = toRichText(cell, { from: 0, to: cell.text.length });
  return made;
}

/** A part of a text with its formatting; `without`: kinds that are left away. Quotes and code blocks are blocks here. */
function toRichText(
  { text, entities }: FormattedText,
  { from, to }: Range,
  indent = "",
  without: readonly string[] = [],
): RichText {
  const parts: RichText[] = [];
  const isCode = without.includes("code");
  const addPlain = (start: number, end: number) => {
    if (end <= start) return;
    const plain = indent === "" ? text.slice(start, end) : text.slice(start, end).replaceAll(`\n${indent}`, "\n");
    if (isCode || without.includes("text_link")) parts.push(plain);
    else for (const { label, url } of linksOf(plain)) parts.push(url === null ? label : toLink(label, url));
  };
  let at = from;
  for (let index = 0; index < entities.length; index += 1) {
    const entity = entities[index]!;
    const end = entity.offset + entity.length;
    const range = { from: Math.max(entity.offset, from), to: Math.min(end, to) };
    if (range.from >= range.to || range.from < at) continue;
    const following = entities.slice(index + 1);
    const outside = following.findIndex((it) => it.offset >= end);
    const inside = outside === -1 ? following : following.slice(0, outside);
    addPlain(at, range.from);
    const kind = entity.type === "pre" ? "code" : entity.type;
    const more = kind === "code" || kind === "text_link" ? [...without, kind] : without;
    const inner = toRichText({ text, entities: inside }, range, indent, more);
    parts.push(without.includes(kind) ? inner : formatted(entity, inner));
    at = range.to;
    index += inside.length;
  }
  addPlain(at, to);
  return parts.length === 1 ? parts[0]! : parts.flat();
}

function formatted(entity: MessageEntity, text: RichText): RichText {
  const { type } = entity;
  if (type === "bold" || type === "italic" || type === "strikethrough" || type === "code") return { type, text };
  if (type === "pre") return { type: "code", text };
  return type === "text_link" ? toLink(text, entity.url) : text;
}

function toLink(text: RichText, url: string): RichText {
  return { type: "url", text, url };
}

function fits(blocks: readonly RichBlock[]): boolean {
  const size = { blocks: 0, nesting: 0 };
  for (const block of blocks) measure(block, 1, size);
  return size.blocks <= MAX_BLOCKS && size.nesting <= MAX_NESTING;
}

function measure(block: RichBlock, depth: number, size: { blocks: number; nesting: number }): void {
  size.blocks += 1;
  size.nesting = Math.max(size.nesting, depth);
  if ("text" in block) size.nesting = Math.max(size.nesting, depth + nestingOf(block.text));
  if (block.type === "blockquote") for (const inside of block.blocks) measure(inside, depth + 1, size);
  if (block.type === "list") {
    size.blocks += block.items.length;
    for (const item of block.items) for (const inside of item.blocks) measure(inside, depth + 2, size);
  }
  if (block.type === "table") {
    size.blocks += block.cells.length;
    const deepest = Math.max(...block.cells.flat().map((cell) => nestingOf(cell.text ?? "")));
    size.nesting = Math.max(size.nesting, depth + 2 + deepest);
  }
}

function nestingOf(text: RichText): number {
  if (typeof text === "string") return 0;
  if (Array.isArray(text)) return Math.max(0, ...text.map(nestingOf));
  return "text" in text ? 1 + nestingOf(text.text) : 0;
}
