import type { MessageEntity } from "grammy/types";
import type { RenderedPage } from "../../src/platform/platform-adapter.ts";
import { rememberByText } from "../../src/platform/remember-by-text.ts";
import type { FormattedText } from "./formatted-text.ts";
import { splitMarkdown } from "./markdown-pieces.ts";
import { fromLastPiece, fromMarkdownPiece } from "./telegram-markdown.ts";
import { toPages } from "./telegram-pages.ts";

/** UTF-16 units of Markdown whose parsed pieces are kept: those of many answers that are streaming at once. */
const KEPT_UNITS = 1_000_000;

type Render = (markdown: string, growing?: boolean) => RenderedPage[];

/**
 * Renders answers, finished or not, as pages. An answer is rendered again for every edit, so the pieces before its last
 * one are remembered; what is given back depends on the Markdown only.
 */
export function createTelegramRenderer(parse = fromMarkdownPiece, parseLast = fromLastPiece): Render {
  const remembered = rememberByText(KEPT_UNITS, parse);
  return (markdown, growing = false) => {
    const pieces = splitMarkdown(clean(markdown));
    const last = (piece: string, isAll: boolean) => (growing ? parseLast(piece, isAll) : parse(piece));
    return toPages(join(pieces.map((piece, i) => (i < pieces.length - 1 ? remembered(piece) : last(piece, i === 0)))));
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

function join(parts: readonly FormattedText[]): FormattedText {
  let text = "";
  const entities: MessageEntity[] = [];
  for (const part of parts) {
    if (part.text.trim() === "") continue;
    if (text !== "") text += "\n\n";
    for (const entity of part.entities) entities.push({ ...entity, offset: entity.offset + text.length });
    text += part.text;
  }
  return { text, entities };
}
