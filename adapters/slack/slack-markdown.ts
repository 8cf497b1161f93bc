import { rememberByText } from "../../src/platform/remember-by-text.ts";
import { type Ending, escapeCode, NOTHING, renderInline, type Shown } from "./slack-inline.ts";

/** How code began. It is written at the left, wherever it stood: Slack shows no code within lists, and no parser errs there. */
export interface Fence {
  ticks: string;
  language: string;
}

/** One line of an answer, ready to be put on a page. */
export interface MarkdownLine {
  /** The spaces it begins with, which a page may leave out at its top. */
  indent: string;
  markdown: string;
  /** What is seen of it behind the indent; null = nothing, not even an empty line. */
  plain: string | null;
  /** It goes on where the line before was cut for its length. */
  isRest: boolean;
  /** The most it can take on a page. Never falls while the line grows, so that full pages stay as they are. */
  cost: number;
  /** It stands in this code, or begins it. */
  fence: Fence | null;
  begins?: "fence";
  ends?: "fence";
  /** It has begun to be what it is not yet, and would be shown wrongly. */
  hidden?: true;
  /** The head of the table that it is a row of. */
  head: readonly string[] | null;
}

/** Slack's tables have "20 columns" at most (docs.slack.dev, table block); wider ones are lines of text. */
const MAX_COLUMNS = 20;
/** A line is cut where it costs more, so that pages have places to end. */
const MAX_LINE_COST = 4_000;
/** What closing all that is open on a line may add. */
const LINE_COST = 16;

/** More quotes in quotes, and longer fences, are no text for people. */
const PREFIX = /^([ \t]{0,40})((?:(?:>|[-+*](?=[ \t])|\d{1,9}[.)](?=[ \t]))[ \t]{0,8}){0,12})/;
const FENCE = /^(`{3,16}(?=[^`]*$)|~{3,16})[ \t]*([\w+#.-]{0,32})/;
const DELIMITER_ROW = /^\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;
/** Nothing but signs; what they begin cannot be told yet, and they could make a heading of what is before. */
const SIGNS = /^(?:[-+*|]|#{1,6}|=+|-{2,}|\*{2,3}|_{1,3}|~{1,2}|`{1,2})?[ \t]*$/;
const HEADING = /^#{1,6}[ \t]+/;
const QUOTE = /^[ \t]*>[ \t]?/;

/** A part of an answer is at least so long, but for the last one. */
const PART_LENGTH = 2_000;
/** UTF-16 units of Markdown whose lines are kept: those of many answers that are streaming at once. */
const KEPT_UNITS = 500_000;

/** What the lines before say about those behind them. */
interface ReaderState {
  isStart: boolean;
  fence: OpenFence | null;
  head: readonly string[] | null;
  /** The line before, if it may be the head of a table. */
  before: string;
}

type OpenFence = Fence & { quotes: number; indent: number };

type Reader = (markdown: string, growing?: boolean) => MarkdownLine[];

interface ReadPart {
  lines: readonly MarkdownLine[];
  state: ReaderState;
}

/**
 * Reads Markdown, whole or `growing`, line by line. An answer is read again for every edit, so what was made of the parts
 * before its last one is remembered. `readPart`: for counting.
 */
export function createMarkdownReader(readPart = readLines, length = PART_LENGTH): Reader {
  const remembered = rememberByText(KEPT_UNITS, (key) => {
    const [state, part] = JSON.parse(key) as [ReaderState, string];
    return readPart(state, part, false);
  });
  return (markdown, growing = false) => {
    const parts = partsOf(markdown, length);
    let state: ReaderState = { isStart: true, fence: null, head: null, before: "" };
    return parts.flatMap((part, index) => {
      const isLast = index === parts.length - 1;
      const read = isLast ? readPart(state, part, growing) : remembered(JSON.stringify([state, part]));
      state = read.state;
      return read.lines;
    });
  };
}

export const readMarkdown = createMarkdownReader();

/** A line of any length is such parts, of which only the last one grows. */
const renderCut = rememberByText(KEPT_UNITS, (part) => renderInline(part, "cut"));

/** Cut between lines, wherever a part is long enough; what makes a table of the line before stays with it. */
function partsOf(markdown: string, length: number): string[] {
  const parts: string[] = [];
  let from = 0;
  for (let at = markdown.indexOf("\n", length); at !== -1; at = markdown.indexOf("\n", at + 1)) {
    if (at - from < length) continue;
    const end = markdown.indexOf("\n", at + 1);
    if (mayBeDelimiterRow(markdown.slice(at + 1, end === -1 ? undefined : end))) continue;
    parts.push(markdown.slice(from, at));
    from = at + 1;
  }
  return [...parts, markdown.slice(from)];
}

function mayBeDelimiterRow(line: string): boolean {
  return DELIMITER_ROW.test(line.slice(PREFIX.exec(line)?.[0].length ?? 0));
}

export function readLines(state: ReaderState, part: string, isLast: boolean): ReadPart {
  const reader = new LineReader(state);
  const sources = part.split("\n");
  for (const [index, source] of sources.entries()) reader.read(source, isLast && index === sources.length - 1);
  return { lines: reader.lines, state: reader.state };
}

class LineReader {
  readonly lines: MarkdownLine[] = [];
  readonly #isStart: boolean;
  #fence: OpenFence | null;
  #head: readonly string[] | null;
  #before: string;

  constructor({ isStart, fence, head, before }: ReaderState) {
    this.#isStart = isStart;
    this.#fence = fence;
    this.#head = head;
    this.#before = before;
  }

  get state(): ReaderState {
    return { isStart: false, fence: this.#fence, head: this.#head, before: this.#before };
  }

  read(source: string, isLast: boolean): void {
    const code = this.#fence ? unquote(source, this.#fence.quotes) : null;
    if (this.#fence && code !== null) return this.#code(code, this.#fence, isLast);
    if (this.#fence) this.#close(this.#fence);
    if (source.trim() === "") {
      this.#head = null;
      this.#before = "";
      return this.#push({ markdown: "", plain: "" });
    }
    const [prefix = "", spaces = "", marks = ""] = PREFIX.exec(source) ?? [];
    const rest = source.slice(prefix.length);
    const indent = spaces.replaceAll("\t", "    ");
    const fence = FENCE.exec(rest);
    if (fence) return this.#open(indent + marks, fence, isLast);
    const isAll = this.#isStart && this.lines.length === 0;
    if (isLast && !isAll && SIGNS.test(rest)) return this.#push({ markdown: rest, plain: null, hidden: true });
    this.#text(indent, marks.replaceAll("\t", " "), rest, isLast);
  }

  #open(prefix: string, [, ticks = "", language = ""]: RegExpExecArray, isLast: boolean): void {
    const quotes = prefix.split(">").length - 1;
    const indent = unquote(prefix, quotes)?.length ?? 0;
    this.#fence = { ticks, language, quotes, indent };
    this.#head = null;
    this.#before = "";
    const markdown = ticks + language;
    if (isLast) this.#push({ markdown, plain: null, hidden: true });
    else this.#push({ markdown, plain: null, fence: this.#fence, begins: "fence" });
  }

  /** All of it goes on until its fence, whatever its lines begin with; only a quote ends before. */
  #code(body: string, fence: Fence & { indent: number }, isLast: boolean): void {
    const trimmed = body.trim();
    const isTicks = trimmed !== "" && trimmed === fence.ticks[0]!.repeat(trimmed.length);
    if (isTicks && trimmed.length >= fence.ticks.length) return this.#close(fence);
    if (isLast && (isTicks || trimmed === "")) {
      return this.#push({ markdown: trimmed, plain: null, fence, hidden: true });
    }
    const code = body.slice(Math.min(fence.indent, /^ */.exec(body)![0].length));
    for (const [index, part] of cutByCost(code).entries()) {
      this.#push({ markdown: escapeCode(part), plain: part, isRest: index > 0, cost: costOf(part), fence });
    }
  }

  #close({ ticks }: Fence): void {
    this.#push({ markdown: ticks, plain: null, ends: "fence" });
    this.#fence = null;
  }

  #text(indent: string, marks: string, rest: string, isLast: boolean): void {
    const heading = HEADING.exec(rest)?.[0] ?? "";
    const parts = cutByCost(rest.slice(heading.length));
    for (const [index, part] of parts.entries()) {
      const isFirst = index === 0;
      const ending = index < parts.length - 1 ? "cut" : isLast ? "open" : "end";
      const shown = this.#head
        ? renderRow(part, ending)
        : ending === "cut"
          ? renderCut(part)
          : renderInline(part, ending);
      this.#push({
        indent: isFirst ? indent : "",
        markdown: (isFirst ? marks + heading : "") + withoutDefinition(shown.markdown),
        plain: (isFirst ? marks : "") + shown.plain,
        isRest: !isFirst,
        cost: costOf(part) + marks.length + heading.length,
        head: this.#head,
      });
    }
    if (parts.length === 1) this.#table(rest, this.#before);
    this.#before = parts.length === 1 ? indent + marks + rest : "";
  }

  /** A line of dashes and bars makes a head of the line before, in which code ends at bars as well. */
  #table(rest: string, before: string): void {
    if (this.#head || before === "" || !/[|:]/.test(rest) || !DELIMITER_ROW.test(rest)) return;
    const [above, row] = this.lines.slice(-2);
    if (!above || !row || above.isRest || above.fence) return;
    const marks = PREFIX.exec(before)?.[0] ?? "";
    if (rest.replaceAll(/^\||\|[ \t]*$/g, "").split("|").length > MAX_COLUMNS) {
      Object.assign(row, { markdown: NOTHING + row.markdown });
      return;
    }
    const head = renderRow(before.slice(marks.length));
    Object.assign(above, {
      markdown: marks.trimStart() + withoutDefinition(head.markdown),
      plain: marks.trimStart() + head.plain,
    });
    row.plain = null;
    this.#head = [above.markdown, row.markdown];
  }

  #push(line: Partial<MarkdownLine> & Pick<MarkdownLine, "markdown" | "plain">): void {
    const { indent = "", isRest = false, fence = null, head = null } = line;
    const cost = (line.cost ?? line.markdown.length) + indent.length + LINE_COST;
    this.lines.push({ ...line, indent, isRest, fence, head, cost });
  }
}

/** A row of a table: bars divide it before anything else means something. */
function renderRow(row: string, ending: Ending = "end"): Shown {
  const cells = row.split(/(?<!\\)\|/);
  const shown = cells.map((cell, index) => renderInline(cell, index < cells.length - 1 ? "cut" : ending));
  const plain = shown.map((it) => it.plain.replaceAll("\\|", "|")).join("|");
  return { markdown: shown.map((it) => it.markdown).join("|"), plain };
}

/** A bracket that begins a line could define what links elsewhere mean, and then not be seen. */
function withoutDefinition(markdown: string): string {
  return markdown.startsWith("[") && !/^\[(?:[ xX]\] |[^\]\\]*\]\()/.test(markdown) ? NOTHING + markdown : markdown;
}

/** What stands in a quote of this depth, or null if it has ended. */
function unquote(source: string, quotes: number): string | null {
  let rest = source;
  for (let depth = 0; depth < quotes; depth += 1) {
    const found = QUOTE.exec(rest);
    if (!found) return null;
    rest = rest.slice(found[0].length);
  }
  return rest;
}

/** The length of a text, with what making it harmless may add. */
function costOf(text: string): number {
  let cost = 0;
  for (let at = 0; at < text.length; at += 1) cost += COSTS[text.charCodeAt(at)] ?? 1;
  return cost;
}

/** By character: entities, signs of no width, and what surrounds an address that is not a link. */
const COSTS: readonly number[] = Array.from({ length: 128 }, (_, code) => {
  const sign = String.fromCharCode(code);
  if (sign === "<" || sign === ">") return 4;
  if (sign === "&") return 5;
  if (sign === "(") return 12;
  if ("`|*@[].".includes(sign)) return 3;
  return "!:/?#".includes(sign) ? 2 : 1;
});

/** Parts of a line, cut at a space where there is one. Where it is cut depends on what is before only. */
function cutByCost(text: string): string[] {
  if (text.length * 12 <= MAX_LINE_COST) return [text];
  const parts: string[] = [];
  let from = 0;
  let cost = 0;
  for (let at = 0; at < text.length; at += 1) {
    cost += COSTS[text.charCodeAt(at)] ?? 1;
    if (cost <= MAX_LINE_COST) continue;
    const cut = placeToCut(text, from, at);
    parts.push(text.slice(from, cut));
    from = cut;
    cost = costOf(text.slice(from, at + 1));
  }
  return [...parts, text.slice(from)];
}

/** Behind the last space of the second half, else between two characters. */
function placeToCut(text: string, from: number, to: number): number {
  const space = text.lastIndexOf(" ", to - 1);
  return space > (from + to) / 2 ? space + 1 : characterBoundary(text, from, to);
}

/** Not inside a surrogate pair, and not between a character and the marks or joiners that belong to it. */
function characterBoundary(text: string, from: number, to: number): number {
  const belongs = /^(?:\p{M}|\p{Emoji_Modifier}|\u200D)/u;
  for (let at = to; at > Math.max(from + 1, to - 32); at -= 1) {
    if (!splitsPair(text, at) && !belongs.test(text.slice(at, at + 2)) && text[at - 1] !== "\u200D") return at;
  }
  return splitsPair(text, to) ? to - 1 : to;
}

function splitsPair(text: string, at: number): boolean {
  return /[\uDC00-\uDFFF]/.test(text[at] ?? "") && /[\uD800-\uDBFF]/.test(text[at - 1] ?? "");
}
