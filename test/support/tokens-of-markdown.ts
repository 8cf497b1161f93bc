import type { Nodes, Table } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { gfm } from "micromark-extension-gfm";

/** One thing that a reader must see, in order: a text without its spaces. */
export interface Token {
  text: string;
  /** It may be left out, as a platform may show it otherwise: an address behind its label, the head of a column. */
  optional?: true;
}

function treeOf(markdown: string): Nodes {
  const extensions = [gfm({ singleTilde: false })];
  return fromMarkdown(markdown, { extensions, mdastExtensions: [gfmFromMarkdown()] });
}

/** What is seen of a text, without spaces and signs of no width. */
function inkOf(text: string): string {
  return text.replaceAll(/[\s\p{Cc}\p{Cf}]/gu, "");
}

/**
 * The text content of a tree: what its leaves say, whatever it is shown as. Not in it are the signs that a platform
 * chooses itself (bullets, numbers, rules, frames of tables).
 */
export function tokensOf(markdown: string): Token[] {
  const tree = treeOf(markdown);
  const addresses = addressesIn(tree);
  const tokens: Token[] = [];
  const add = (text: string, optional?: true) => {
    const ink = inkOf(text);
    if (ink !== "") tokens.push(optional ? { text: ink, optional } : { text: ink });
  };
  const visit = (node: Nodes): void => {
    if ("value" in node) return add(node.value);
    if (node.type === "image" || node.type === "imageReference") add(node.alt || "image");
    if (node.type === "footnoteReference" || node.type === "footnoteDefinition") {
      add(`[${node.label ?? node.identifier}]`);
    }
    // One that nothing refers to is shown as it was written.
    if (node.type === "definition") add(markdown.slice(node.position?.start.offset, node.position?.end.offset), true);
    if (node.type === "table") return node.children.forEach((row, index) => visitRow(row, index > 0, node));
    if ("children" in node) node.children.forEach((child) => visit(child));
    const url = "url" in node ? node.url : addresses.get("identifier" in node ? node.identifier : "");
    if (url === undefined || node.type === "definition") return;
    const readable = url.replace(/^(mailto|tel):/i, "");
    if (node.type === "link" && node.children.every((child) => child.type === "text" && child.value.trim() === ""))
      add(readable);
    else add(`(${readable})`, true);
  };
  const visitRow = (row: Table["children"][number], isBody: boolean, table: Table) => {
    for (const [column, cell] of row.children.entries()) {
      if (isBody) add(`${plainOf(table.children[0]!.children[column] ?? cell)}:`, true);
      const from = tokens.length;
      visit(cell);
      if (!isBody) for (const token of tokens.slice(from)) token.optional = true;
    }
  };
  visit(tree);
  return tokens;
}

/** The first address of each name counts. */
function addressesIn(tree: Nodes): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (node: Nodes): void => {
    if (node.type === "definition" && !found.has(node.identifier)) found.set(node.identifier, node.url);
    if ("children" in node) node.children.forEach((child) => visit(child));
  };
  visit(tree);
  return found;
}

function plainOf(node: Nodes): string {
  if ("children" in node) return node.children.map((child) => plainOf(child)).join("");
  return "value" in node ? node.value : "alt" in node ? (node.alt ?? "") : "";
}

/** Signs that a platform chooses itself. */
const FRAME = /^(?:[•☑☐|+—…:-]|\d{1,9}\.)*/u;

/** Why a text does not show exactly these, framed by signs alone; null = it does. */
export function differenceOf(shown: string, tokens: readonly Token[]): string | null {
  let rest = inkOf(shown);
  for (const { text, optional } of tokens) {
    const at = rest.startsWith(text) ? 0 : placeOf(text, rest);
    if (at === -1 && optional) continue;
    if (at === -1) return `${JSON.stringify(text)} is not where it should be: ${rest.slice(0, 80)}`;
    rest = rest.slice(at + text.length);
  }
  return FRAME.exec(rest)![0] === rest ? null : `too much at the end: ${rest}`;
}

/** Where this stands behind nothing but signs, or -1. */
function placeOf(text: string, rest: string): number {
  const frame = FRAME.exec(rest)![0].length;
  const at = rest.indexOf(text);
  return at <= frame ? at : -1;
}
