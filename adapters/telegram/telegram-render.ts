import type { MessageEntity } from "grammy/types";
import type { RenderedPage } from "../../src/platform/platform-adapter.ts";
import type { FormattedText } from "./formatted-text.ts";
import { splitMarkdown } from "./markdown-pieces.ts";
import { fromLastPiece, fromMarkdownPiece } from "./telegram-markdown.ts";
import { toPages } from "./telegram-pages.ts";

/** UTF-16 units of Markdown whose parsed pieces are kept: those of many answers that are streaming at once. */
const KEPT_UNITS = 1_000_000;

/**
 * Renders answers, finished or not, as pages. An answer is rendered again for every edit, so the pieces before its last
 * one are remembered; what is given back depends on the Markdown only.
 */
export function createTelegramRenderer(): (markdown: string) => RenderedPage[] {
  const remembered = rememberPieces(fromMarkdownPiece);
  return (markdown) => {
    const pieces = splitMarkdown(clean(markdown));
    return toPages(
      join(pieces.map((piece, i) => (i < pieces.length - 1 ? remembered(piece) : fromLastPiece(piece, i === 0)))),
    );
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

/** Forgets what was not used for longest. */
function rememberPieces(parse: (piece: string) => FormattedText): (piece: string) => FormattedText {
  const kept = new Map<string, FormattedText>();
  let units = 0;
  return (piece) => {
    const known = kept.get(piece);
    kept.delete(piece);
    const parsed = known ?? parse(piece);
    kept.set(piece, parsed);
    if (!known) units += piece.length;
    for (const oldest of kept.keys()) {
      if (units <= KEPT_UNITS) break;
      kept.delete(oldest);
      units -= oldest.length;
    }
    return parsed;
  };
}
