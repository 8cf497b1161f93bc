import type { MessageEntity } from "grammy/types";
import type { RenderedPage } from "../../src/platform/platform-adapter.ts";
import { rememberByText } from "../../src/platform/remember-by-text.ts";
import { splitMarkdown } from "./markdown-pieces.ts";
import { fromLastPiece, fromMarkdownPiece } from "./telegram-markdown.ts";
import { toPages } from "./telegram-pages.ts";
import { type OutlinedPart, toRichBlocks } from "./telegram-rich.ts";
import type { OutlinedText } from "./text-outline.ts";

/** UTF-16 units of Markdown whose parsed pieces are kept: those of many answers that are streaming at once. */
const KEPT_UNITS = 1_000_000;

type Render = (markdown: string, growing?: boolean) => RenderedPage[];

export interface RendererOptions {
  /** Pages that hold what text shows poorly carry a rich message as well. */
  rich?: boolean;
  parse?: typeof fromMarkdownPiece;
  parseLast?: typeof fromLastPiece;
}

/**
 * Renders answers, finished or not, as pages. An answer is rendered again for every edit, so the pieces before its last
 * one are remembered; what is given back depends on the Markdown only.
 */
export function createTelegramRenderer(options: RendererOptions = {}): Render {
  const { rich = false, parse = fromMarkdownPiece, parseLast = fromLastPiece } = options;
  const remembered = rememberByText(KEPT_UNITS, parse);
  return (markdown, growing = false) => {
    const pieces = splitMarkdown(clean(markdown));
    const last = (piece: string, isAll: boolean) => (growing ? parseLast(piece, isAll) : parse(piece));
    const all = join(pieces.map((piece, i) => (i < pieces.length - 1 ? remembered(piece) : last(piece, i === 0))));
    return rich ? toPages(all, (page, from) => toRichBlocks(page, from, all.parts)) : toPages(all);
  };
}

/** One line-end, no control characters, no half of a surrogate pair (a stream may end inside one). */
function clean(markdown: string): string {
  return markdown
    .replace(/[\uD800-\uDBFF]$/, "")
    .toWellFormed()
    .replaceAll(/\r\n?|[\u2028\u2029]/g, "\n")
    .replaceAll(/[\0-\x08\x0B\x0C\x0E-\x1F\u202A-\u202E]/g, "");
}

function join(pieces: readonly OutlinedText[]) {
  let text = "";
  const entities: MessageEntity[] = [];
  const parts: OutlinedPart[] = [];
  for (const part of pieces) {
    if (part.text.trim() === "") continue;
    if (text !== "") text += "\n\n";
    for (const entity of part.entities) entities.push({ ...entity, offset: entity.offset + text.length });
    parts.push({ part, from: text.length, to: text.length + part.text.length });
    text += part.text;
  }
  return { text, entities, parts };
}
