/** The parser is quadratic on some inputs, and an answer may be any text: more at once is not given to it. */
const PIECE_TARGET = 8_000;
const PIECE_LIMIT = 16_000;

/** Behind backticks that open a block stand no more of them on their line. */
const FENCE = /^( {0,3}(?:`{3,}(?!.*`)|~{3,}))/;
/** After a blank line it may go on with the list before. */
const LIST_ITEM = /^(?:[-+*]|\d{1,9}[.)])(?:[ \t]|$)/;
/** Some HTML goes on over blank lines, and no fence counts in it: there the parser alone knows where blocks end. */
const HTML = /^ {0,3}<[/!?a-z]/i;
/** A definition is for the whole text: links and notes anywhere may refer to it. */
const DEFINITION = /^[ \t>]{0,8}\[(?:[^\]\\\n]|\\.|\n(?!\n)){1,999}\]:/m;

/**
 * Cuts Markdown into pieces that can be parsed one by one with the same result as the whole, so that of a growing
 * answer only the last piece is new. Cuts are at blank lines outside of lists and code, and around code. Only pieces over
 * `PIECE_TARGET` are cut elsewhere, between lines; what surely is code may be as long as it likes.
 */
export function splitMarkdown(markdown: string): string[] {
  const whole = DEFINITION.test(markdown);
  const pieces: string[] = [];
  let from = 0;
  let fence = "";
  let openEnded = false;
  let blankBefore = false;
  const cut = (at: number) => {
    if (at > from) pieces.push(markdown.slice(from, at));
    from = at;
  };
  for (let at = 0, next: number; at < markdown.length; at = next) {
    const end = markdown.indexOf("\n", at);
    next = end === -1 ? markdown.length : end + 1;
    const line = markdown.slice(at, end === -1 ? markdown.length : end);
    if (fence !== "") {
      // A fence inside a list item ends with the item; which of the two it is, only the parser knows.
      openEnded ||= fence.startsWith(" ") && /^\S/.test(line);
      const inList = fence.startsWith(" ");
      const isEnd = closes(line, fence);
      if (isEnd) fence = "";
      blankBefore = false;
      if (!inList && !openEnded) {
        if (isEnd && !whole) cut(next);
        continue;
      }
      // It may be no code at all, which the parser could not bear at any length.
      if (at - from > PIECE_LIMIT) cut(at);
      for (const inside of longLineCuts(markdown, from, next)) cut(inside);
      continue;
    }
    const plain = !/^\s/.test(line) && line !== "";
    if (blankBefore && plain && !whole && !openEnded && !LIST_ITEM.test(line)) cut(at);
    else if ((plain && at - from > PIECE_TARGET) || at - from > PIECE_LIMIT) cut(at);
    for (const inside of longLineCuts(markdown, from, next)) cut(inside);
    openEnded ||= HTML.test(line);
    fence = FENCE.exec(line)?.[1] ?? "";
    // It ends whatever is before it, if it stands at the left.
    if (fence !== "" && plain && !whole && !openEnded) cut(at);
    blankBefore = line.trim() === "";
  }
  cut(markdown.length);
  return pieces;
}

/** Where a line is cut that makes the piece too long all by itself: at a space, or else between two characters. */
function longLineCuts(markdown: string, from: number, to: number): number[] {
  const cuts: number[] = [];
  for (let at = from + PIECE_LIMIT; at < to; at += PIECE_LIMIT) {
    const space = markdown.lastIndexOf(" ", at);
    if (space > at - PIECE_LIMIT / 2) at = space;
    else if (/[\uD800-\uDBFF]/.test(markdown[at - 1] ?? "")) at -= 1;
    cuts.push(at);
  }
  return cuts;
}

function closes(line: string, fence: string): boolean {
  return (
    FENCE.test(line) &&
    line.trim() === line.trim()[0]?.repeat(line.trim().length) &&
    line.trim().startsWith(fence.trim())
  );
}

/** Quotes and lists one within the other on one line. */
const TOO_DEEP = /^(?:[ \t]{0,4}(?:>|(?:[-+*]|\d{1,9}[.)])(?=[ \t]))){24}/m;
/** More in one piece than any answer has that is meant to be read: brackets, stars, underlines of headings. */
const TOO_MANY: readonly (readonly [RegExp, number])[] = [
  [/[[\]]/g, 1000],
  [/[*_]/g, 3000],
  [/^ {0,3}(?:=+|-+)[ \t]*$/gm, 300],
];

/** What takes the parser seconds and is no text for people. */
export function isTooHard(piece: string): boolean {
  return looksHard(piece) && looksHard(withoutCode(piece));
}

function looksHard(text: string): boolean {
  return TOO_DEEP.test(text) || TOO_MANY.some(([sign, max]) => (text.match(sign)?.length ?? 0) > max);
}

/** Without the code between fences, where no sign means anything; HTML may hold fences that are none. */
function withoutCode(piece: string): string {
  const kept: string[] = [];
  let fence = "";
  for (const line of piece.split("\n")) {
    if (fence !== "") {
      if (closes(line, fence)) fence = "";
      continue;
    }
    if (HTML.test(line)) return piece;
    if (!line.startsWith(" ")) fence = FENCE.exec(line)?.[1] ?? "";
    if (fence === "") kept.push(line);
  }
  return kept.join("\n");
}

/** One line of words and the marks of prose that mean nothing in Markdown. */
const PROSE_LINE = /^[\p{L}\p{M}\p{N} .,;:!?'"()%/–—…’‘“”„«»€$£-]+$/u;
/** How a list, a rule or a heading begins, and what GFM (6.9) or Telegram makes links of. */
const NOT_PROSE = /^(?:[ -]|\d{1,9}[.)])|:\/\/|www\.|\.\p{L}+[/?]/iu;

/** The text of a piece that is nothing but one line of prose, which the parser would only give back; else null. */
export function proseOf(piece: string): string | null {
  const line = piece.replace(/[ \n]+$/, "");
  return PROSE_LINE.test(line) && !NOT_PROSE.test(line) ? line : null;
}

export interface FencedCode {
  value: string;
  /** The first word behind the fence. */
  language: string | null;
  isClosed: boolean;
}

/** The code of a piece that is nothing else, however long, without its parsing; else null. */
export function codeOf(piece: string): FencedCode | null {
  const [first = ""] = piece.split("\n", 1);
  const fence = /^\S/.test(first) ? (FENCE.exec(first)?.[1] ?? "") : "";
  const info = first.slice(fence.length).trim();
  if (fence === "" || /[\\&]/.test(info)) return null;
  const lines = piece
    .slice(first.length + 1)
    .replace(/\n$/, "")
    .split("\n");
  const end = lines.findIndex((line) => closes(line, fence));
  // What stands behind the code is none, so the parser reads it.
  if (end !== -1 && end < lines.length - 1) return null;
  const value = lines.slice(0, end === -1 ? undefined : end).join("\n");
  return { value, language: info.split(/\s/, 1)[0] || null, isClosed: end !== -1 };
}
