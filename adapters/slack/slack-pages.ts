import type { Fence, MarkdownLine } from "./slack-markdown.ts";

/** A page as it is written, and as it is seen. */
export interface MarkdownPage {
  markdown: string;
  plain: string;
}

const ITEM = /^(?:[-+*]|\d{1,9}[.)])\s/;
/** Slack's tables: "100 rows", "10,000 characters in all cells" (docs.slack.dev, table block). */
const MAX_ROWS = 100;
const MAX_TABLE_COST = 10_000;
/** A longer head of a table is not written again. */
const MAX_HEAD = 1_000;

/**
 * Puts lines on pages that cost at most `limit`, the more the longer: between blocks in the second half of a page where
 * there is a place, else between lines. Code and tables that are cut go on under their head.
 */
export function toMarkdownPages(lines: readonly MarkdownLine[], limit: number): MarkdownPage[] {
  const pages: MarkdownPage[] = [];
  for (let from = skipBlank(lines, 0); from < lines.length;) {
    const to = endOfPage(lines, from, limit);
    const page = compose(lines, from, to);
    if (isVisible(page.plain)) pages.push(page);
    from = skipBlank(lines, to);
  }
  return pages;
}

/** Slack refuses a message that shows nothing. */
export function isVisible(text: string): boolean {
  return /[^\s\p{Cc}\p{Cf}]/u.test(text);
}

function skipBlank(lines: readonly MarkdownLine[], from: number): number {
  let at = from;
  while (at < lines.length && isBlank(lines[at]!)) at += 1;
  return at;
}

function isBlank(line: MarkdownLine): boolean {
  return line.markdown === "" && line.fence === null && !line.hidden;
}

function endOfPage(lines: readonly MarkdownLine[], from: number, limit: number): number {
  let cost = headCost(lines, from);
  const costs: number[] = [];
  const table = { rows: 0, cost: 0 };
  for (let at = from; at < lines.length; at += 1) {
    const line = lines[at]!;
    cost += line.cost;
    table.rows = line.head === null ? 0 : table.rows + 1;
    table.cost = line.head === null ? 0 : table.cost + line.cost;
    // The head is a row as well.
    if (at > from && (table.rows >= MAX_ROWS || table.cost > MAX_TABLE_COST)) return at;
    const closing = line.fence ? line.fence.ticks.length + 1 : 0;
    if (cost + closing > limit) return bestCut(lines, from, costs, limit / 2);
    costs.push(cost);
  }
  return lines.length;
}

/** `costs`: of the page up to each of its lines. A page that one line is too much for has that line alone. */
function bestCut(lines: readonly MarkdownLine[], from: number, costs: readonly number[], half: number): number {
  const end = from + Math.max(1, costs.length);
  const middle = costs.findIndex((cost) => cost >= half);
  if (middle === -1) return end;
  const last = (suits: (line: MarkdownLine, before: MarkdownLine) => boolean) => {
    for (let at = end; at > from + middle; at -= 1) {
      const [before, line] = [lines[at - 1]!, lines[at]];
      if (line && suits(line, before)) return at;
    }
    return null;
  };
  return (
    last((line, before) => isBlank(before) && !isBlank(line)) ??
    last((line) => !line.isRest && line.fence === null && line.head === null) ??
    last((line) => !line.isRest) ??
    end
  );
}

function headCost(lines: readonly MarkdownLine[], from: number): number {
  const { fence, head } = continued(lines, from);
  if (fence) return fence.ticks.length + fence.language.length + 1;
  return head ? head.join("\n").length + 1 : 0;
}

/** What the line at the top of a page goes on with. */
function continued(
  lines: readonly MarkdownLine[],
  from: number,
): { fence: Fence | null; head: readonly string[] | null } {
  const { fence, head, begins, isRest } = lines[from]!;
  const isRepeated = head !== null && !isRest && head.join("\n").length <= MAX_HEAD;
  return { fence: begins ? null : fence, head: isRepeated ? head : null };
}

function compose(lines: readonly MarkdownLine[], from: number, to: number): MarkdownPage {
  const { fence, head } = continued(lines, from);
  const written = fence ? [fence.ticks + fence.language] : [...(head ?? [])];
  const shown = lines.slice(from, to).filter((line) => !line.hidden);
  let plain = "";
  // Where nothing stands before them, lines of a list would be code for their indent.
  let drop = Number.POSITIVE_INFINITY;
  let wasCut = false;
  for (const [index, line] of shown.entries()) {
    if (line.ends) drop = Number.POSITIVE_INFINITY;
    else if (!isBlank(line)) drop = Math.min(drop, line.indent.length);
    const indent = line.indent.slice(drop);
    // A number goes on with a paragraph, unless the paragraph stands in its list, which this one did.
    if (wasCut && ITEM.test(line.markdown)) written.push("");
    wasCut = indent.length < line.indent.length && !ITEM.test(line.markdown);
    written.push((line.isRest && index > 0 ? (written.pop() ?? "") : "") + indent + line.markdown);
    if (line.plain !== null) plain += (plain === "" || line.isRest ? "" : "\n") + indent + line.plain;
  }
  const last = shown.at(-1);
  if (last?.begins) written.pop();
  else if (last?.fence) written.push(last.fence.ticks);
  return { markdown: written.join("\n").trimEnd(), plain: plain.trim() };
}
