import { closingCodeRun, codeRunAt } from "../../src/platform/code-run.ts";
import { markdownOf, renderSlack } from "./slack-render.ts";
import { BACKTICK, NOTHING } from "./slack-inline.ts";

const FENCE = /^(`{3,16}|~{3,16})/;
/** What more signs behind it could make an address or another sign of: scripts without spaces end a word everywhere. */
const LAST_WORD = /[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]+$/u;
/** A word alone that is not likely to become an address or a list. */
const FIRST_WORD = /^[\p{Lu}\p{Lo}][\p{Lu}\p{Lo}\p{Ll}\p{M}]*/u;
/** What a page shows that has nothing to show. */
const PLACEHOLDER = /^…$/;
/** Spaces, and signs that begin a line of which there is nothing yet. */
const ONLY_BEGUN = /(?:^|\n)[\s>#*+-]*(?:\d+[.)])?\s*$|\s+$/;

/**
 * The beginning of an answer's last page that will be written in the same way whatever else is said: a guess on the
 * careful side, which is right for all of the corpora. `ended`: nothing more is said in this paragraph. Nothing in it is
 * live that is not live on the page: it never ends within code or a link, but for a block of code.
 */
export function settledMarkdown(said: string, ended = false): string {
  if (said.trim() === "") return "";
  const open = renderSlack(ended ? `${said}\n\n` : said, true);
  const last = markdownOf(open.at(-1)!);
  if (ended) return withoutFence(last).replace(PLACEHOLDER, "");
  const whole = renderSlack(said);
  if (open.length !== whole.length) return "";
  const sure = commonStart(last, markdownOf(whole.at(-1)!));
  return settledPart(sure) || (FIRST_WORD.exec(sure)?.[0] ?? "");
}

/** The page itself ends code that goes on. */
function withoutFence(text: string): string {
  const lines = text.split("\n");
  if (FENCE.test(lines.at(-1)!)) lines.pop();
  return lines.join("\n");
}

function settledPart(text: string): string {
  const lines = withoutFence(text).split("\n");
  const last = lines.pop()!;
  const end = isInCode(lines) ? last.length : openAt(last);
  const settled = [...lines, last.slice(0, end).replace(LAST_WORD, "")].join("\n");
  return settled.replace(ONLY_BEGUN, "");
}

function isInCode(lines: readonly string[]): boolean {
  let fence = "";
  for (const line of lines) {
    const ticks = FENCE.exec(line)?.[0];
    if (ticks === undefined) continue;
    if (fence === "") fence = ticks;
    else if (line === fence) fence = "";
  }
  return fence !== "";
}

/** Where the code or link begins that the line ends in; its length = in none. */
function openAt(line: string): number {
  for (let at = 0; at < line.length; at += 1) {
    const from = at;
    if (line[at] === BACKTICK) return from;
    if (line[at] === "\\") at += 1;
    else if (line[at] === "`") {
      const run = codeRunAt(line, at);
      const end = closingCodeRun(line, at + run.length, run.length);
      at = end + run.length - 1;
      if (end === -1 || at >= line.length - 1) return from;
    } else if (line[at] === "[") {
      const found = /^\[(?:\\.|[^\\[\]])*\](?:\([^()\s]*\)(?=.)|(?=[^(\u200B]))/.exec(line.slice(at));
      if (!found) return line.slice(0, from).endsWith(`!${NOTHING}`) ? from - 2 : from;
      at += found[0].length - 1;
    }
  }
  return line.length;
}

function commonStart(one: string, other: string): string {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  return one.slice(0, at);
}
