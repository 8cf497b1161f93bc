import { closingCodeRun, codeRunAt } from "../../src/platform/code-run.ts";
import type { Nodes, Root } from "mdast";

/** More of an open end than this is text: nothing far behind it is waited for. */
const MAX_OPEN = 2_000;

/** A line that is nothing but signs; what it begins cannot be told yet. */
const SIGNS = /^[ \t>]*(?:[-+*]|#{1,6}|>|={1,}|-{2,}|\*{2,3}|_{1,3}|~{1,2}|`{1,2}|\|)[ \t]*$/;
/** An item that may be about to be a task, of which nothing is there yet. */
const HALF_TASK = /^[ \t>]*(?:[-+*]|\d{1,9}[.)])[ \t]+\[[ xX]?\]?[ \t]*$/;
const HALF_FENCE = /^[ \t>]*(?:`{1,2}|~{1,2})[ \t]*$/;
/** The head of a table, perhaps with a part of the line below. */
const TABLE_HEAD = /^(\|[ \t][^\n]*)(?:\n[ \t]*\|?[-:| \t]*)?$/;
const DESTINATION = /^\(\S*(?:\s+"[^"]*"?)?$/;
const DELIMITERS = /\*{1,3}|_{1,3}|~~/y;

/**
 * The Markdown as if what its last block has begun were finished: so that an answer looks at every moment as its final
 * form will, without stars, half addresses and headings that are none. `root` is its tree; `isAll`: nothing is before it.
 */
export function finishMarkdown(source: string, root: Root, isAll: boolean): string {
  const last = lastBlock(root);
  const from = last?.position?.start.offset ?? source.length;
  if (last === null || source.length - from > MAX_OPEN) return source;
  const lineStart = source.lastIndexOf("\n") + 1;
  const line = source.slice(lineStart);
  if (last.type === "code") return HALF_FENCE.test(line) && lineStart > from ? source.slice(0, lineStart) : source;
  if (last.type === "html" || last.type === "definition") return source;
  if (SIGNS.test(line) || HALF_TASK.test(line))
    return isAll && lineStart === 0 ? source : source.slice(0, lineStart).trimEnd();
  if (/\n[ \t]*\n[ \t]*$/.test(source)) return source;
  const head = last.type === "paragraph" ? TABLE_HEAD.exec(source.slice(from).trimEnd())?.[1] : undefined;
  if (head !== undefined) return source.slice(0, from) + asTable(finishInline(head));
  const start = last.type === "table" ? lineStart : from;
  return source.slice(0, start) + finishInline(source.slice(start));
}

/** Code without what may be about to end it. */
export function withoutHalfFence(code: string): string {
  const lineStart = code.lastIndexOf("\n") + 1;
  return HALF_FENCE.test(code.slice(lineStart)) ? code.slice(0, lineStart) : code;
}

/** The block in which the end stands, or null where nothing can be open. */
function lastBlock(root: Root): Nodes | null {
  let node: Nodes = root;
  while ("children" in node && !["paragraph", "heading", "table"].includes(node.type)) {
    const child: Nodes | undefined = node.children.at(-1);
    if (!child) break;
    node = child;
  }
  return node.type === "root" ? null : node;
}

function asTable(head: string): string {
  const cells = head.replace(/^\||(?<!\\)\|[ \t]*$/g, "").split(/(?<!\\)\|/).length;
  return `${head}\n${"|---".repeat(cells)}|`;
}

interface Delimiter {
  run: string;
  at: number;
}

function finishInline(text: string): string {
  const open: Delimiter[] = [];
  let at = 0;
  while (at < text.length) {
    const sign = text[at]!;
    if (sign === "\\") at += 2;
    else if (sign === "`") {
      const run = codeRunAt(text, at);
      const end = closingCodeRun(text, at + run.length, run.length);
      if (end === -1 && run.length < 3) return finishCode(text, at, run, open);
      at = end === -1 ? at + run.length : end + run.length;
    } else if (sign === "[") {
      const label = labelEnd(text, at);
      const rest = text.slice(label + 1);
      if (label !== -1 && DESTINATION.test(rest) && !rest.endsWith(")")) {
        const bang = text[at - 1] === "!" ? 1 : 0;
        return close(text.slice(0, at - bang) + text.slice(at + 1, label), open);
      }
      at += 1;
    } else if (/[*_~]/.test(sign)) at = delimiter(text, at, open);
    else at += 1;
  }
  return close(text, open);
}

/** Code that is not closed is shown as code, unless there is nothing of it yet. */
function finishCode(text: string, at: number, run: string, open: readonly Delimiter[]): string {
  const code = text.slice(at + run.length).replace(/`+$/, "");
  if (code.trim() === "") return close(text.slice(0, at), open);
  // A backtick and a space behind it is more likely a sign than the beginning of code.
  if (/^\s/.test(code) || code.includes("\n")) return close(text, open);
  return close(text.slice(0, at) + run + code + run, open);
}

function delimiter(text: string, at: number, open: Delimiter[]): number {
  DELIMITERS.lastIndex = at;
  const run = DELIMITERS.exec(text)?.[0] ?? text[at]!;
  const before = text[at - 1] ?? " ";
  const after = text[at + run.length] ?? " ";
  const partner = open.findLastIndex((it) => it.run === run);
  const intraword = run.startsWith("_") && isWord(before) && isWord(after);
  if (!/\s/.test(before) && partner !== -1 && !intraword) open.splice(partner);
  else if (run !== "~" && !/\s/.test(after) && !isWord(before)) open.push({ run, at });
  return at + run.length;
}

/** What is bold or struck so far is shown so; a single star may be no more than a star. */
function close(text: string, open: readonly Delimiter[]): string {
  const dangling = /(?:^|\s)(?:\*{1,3}|~{1,2}|_{1,2})$/.exec(text);
  let finished = dangling ? text.slice(0, dangling.index) : text;
  for (const { run, at } of open.toReversed()) {
    if (!/^(?:\*\*|~~|__)/.test(run) || at + run.length >= finished.length) continue;
    // Half of the sign that is going to close it.
    const half = finished.length > at + run.length + 1 && finished.endsWith(run[0]!) && !finished.endsWith(run);
    finished = (half ? finished.replace(/([*_~])\1*$/, "") : finished).trimEnd() + run;
  }
  return finished;
}

/** Where the bracket that opens here is closed, or -1. */
function labelEnd(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === "[") depth += 1;
    else if (text[at] === "]" && --depth === 0) return at;
  }
  return -1;
}

function isWord(sign: string): boolean {
  return /[\p{L}\p{N}]/u.test(sign);
}
