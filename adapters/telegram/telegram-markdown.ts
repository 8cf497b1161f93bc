import type { Definition, List, ListItem, Nodes, Root, Table } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { gfm } from "micromark-extension-gfm";
import { isHonest } from "../../src/platform/link-safety.ts";
import { type FormattedText, FormattedTextBuilder, type Mark, type Marks, within } from "./formatted-text.ts";
import { codeOf, type FencedCode, isTooHard, proseOf } from "./markdown-pieces.ts";
import { isOwnLabel, partsOf, readableUrl, toLinkUrl, withoutMentions } from "./telegram-link.ts";
import { finishMarkdown, withoutHalfFence } from "./open-markdown.ts";
import { alignTable } from "./telegram-table.ts";
import type { OutlinedText, Range, TextBlock, TextItem } from "./text-outline.ts";

/** Longer quotes, in UTF-16 units, are shown by their first lines. */
const LONG_QUOTE = 800;
/** Deeper nesting is shown as it was written. */
const MAX_DEPTH = 40;

const PARSER = { extensions: [gfm({ singleTilde: false })], mdastExtensions: [gfmFromMarkdown()] };

/** Where a block stands. `indent` begins each of its lines; `gap` stands between its blocks. */
interface Setting {
  marks: Marks;
  indent: string;
  gap: "\n" | "\n\n";
  depth: number;
}

/**
 * One piece of Markdown, finished or not, as Telegram's text and entities. Never throws; nothing that a reader would
 * see of the Markdown is left out. One tilde is no strikethrough, as "~5" is common in prose.
 */
export function fromMarkdownPiece(source: string): OutlinedText {
  const prose = proseOf(source);
  if (prose !== null) {
    const blocks: TextBlock[] = [{ type: "paragraph", from: 0, to: prose.length, indent: "" }];
    return { text: prose, entities: [], blocks, wantsMore: false };
  }
  const code = codeOf(source);
  if (code) return fromCode(code);
  const root = isTooHard(source) ? null : parse(source);
  return new MarkdownWriter(source, root ?? asText(source.trimEnd())).write();
}

/** The last piece of an answer, which may end anywhere: what it has begun is shown as if it were finished. */
export function fromLastPiece(source: string, isAll: boolean): OutlinedText {
  const code = codeOf(source);
  if (code) return fromCode(code.isClosed ? code : { ...code, value: withoutHalfFence(code.value) });
  const root = proseOf(source) !== null || isTooHard(source) ? null : parse(source);
  if (!root) return fromMarkdownPiece(source);
  const asIs = new MarkdownWriter(source, root).write();
  const finished = finishMarkdown(source, root, isAll);
  if (finished === source) return asIs;
  const shown = fromMarkdownPiece(finished);
  // Signs that do not pair as they seemed to are shown, and so is what would be hidden as something else.
  const isWorse = signsIn(shown.text) > signsIn(asIs.text) || (finished.trim() !== "" && shown.text.trim() === "");
  return isWorse ? asIs : shown;
}

/** How many signs of formatting a reader sees. */
function signsIn(text: string): number {
  return text.match(/[*_~`]/g)?.length ?? 0;
}

function fromCode({ value, language: info }: FencedCode): OutlinedText {
  const out = new FormattedTextBuilder();
  const language = languageOf(info);
  out.add(value, [{ type: "pre", language }]);
  const blocks: TextBlock[] = value === "" ? [] : [{ type: "code", from: 0, to: value.length, language }];
  return { ...out.build(), blocks, wantsMore: false };
}

function asText(value: string): Root {
  return { type: "root", children: [{ type: "paragraph", children: [{ type: "text", value }] }] };
}

/** null if the parser gives up: it recurses on some inputs. */
function parse(source: string): Root | null {
  try {
    return fromMarkdown(source, PARSER);
  } catch {
    return null;
  }
}

class MarkdownWriter {
  readonly #source: string;
  readonly #root: Root;
  readonly #out = new FormattedTextBuilder();
  readonly #definitions = new Map<string, Definition>();
  readonly #referenced = new Set<string>();
  /** The blocks of what is being written; what stands within one of them is not noted once more. */
  #noted: TextBlock[] = [];
  #isWithin = false;
  #wantsMore = false;

  constructor(source: string, root: Root) {
    this.#source = source;
    this.#root = root;
    if (source.includes("]:")) this.#collect(root, 0);
  }

  write(): OutlinedText {
    this.#blocks(this.#root.children, { marks: [], indent: "", gap: "\n\n", depth: 0 });
    return { ...this.#out.build(), blocks: this.#noted, wantsMore: this.#wantsMore };
  }

  #collect(node: Nodes, depth: number): void {
    // The first of a name counts (CommonMark, "Link reference definitions"); the others are shown.
    if (node.type === "definition" && !this.#definitions.has(node.identifier)) {
      this.#definitions.set(node.identifier, node);
    }
    if (node.type === "linkReference" || node.type === "imageReference") this.#referenced.add(node.identifier);
    if ("children" in node && depth < 2 * MAX_DEPTH) {
      for (const child of node.children) this.#collect(child, depth + 1);
    }
  }

  #blocks(nodes: readonly Nodes[], at: Setting): void {
    for (const [index, node] of nodes.entries()) {
      if (index > 0) this.#out.separate(at.gap, at.marks);
      this.#block(node, at);
    }
  }

  #block(node: Nodes, at: Setting): void {
    const notesItself = ["list", "blockquote", "table"].includes(node.type) && at.depth <= MAX_DEPTH;
    if (this.#isWithin || notesItself) return this.#node(node, at);
    if (node.type === "code") this.#ownLine(at);
    const from = this.#out.next;
    this.#isWithin = true;
    this.#node(node, at);
    this.#isWithin = false;
    const range = { from, to: this.#out.length };
    if (range.to > from) this.#note(blockOf(node, range, at));
  }

  #note(block: TextBlock): void {
    if (this.#isWithin) return;
    this.#noted.push(block);
    if (block.type === "table" || (block.type === "list" && block.items.some((it) => it.checked !== null))) {
      this.#wantsMore = true;
    }
  }

  /** What is noted meanwhile. */
  #blocksOf(write: () => void): TextBlock[] {
    const around = this.#noted;
    const inside: TextBlock[] = [];
    this.#noted = inside;
    write();
    this.#noted = around;
    return inside;
  }

  #node(node: Nodes, at: Setting): void {
    const { marks } = at;
    if (at.depth > MAX_DEPTH) return this.#text(this.#sourceOf(node), at);
    const inside = { ...at, depth: at.depth + 1 };
    switch (node.type) {
      case "paragraph":
        return this.#inlines(node.children, at);
      case "heading":
        return this.#inlines(node.children, { ...at, marks: within(marks, { type: "bold" }) });
      case "list":
        return this.#list(node, inside);
      case "blockquote":
        return this.#quote(node.children, inside);
      case "code":
        this.#ownLine(at);
        return this.#out.add(node.value, within(marks, { type: "pre", language: languageOf(node.lang) }));
      case "table":
        return this.#table(node, at);
      case "thematicBreak":
        return this.#text("———", at);
      case "definition":
        return this.#isUsed(node) ? undefined : this.#text(this.#sourceOf(node), at);
      case "footnoteDefinition":
        this.#text(`[${node.label ?? node.identifier}] `, at);
        return this.#blocks(node.children, { ...inside, gap: "\n" });
      case "text":
      case "html":
        return this.#text(node.value, at);
      case "break":
        return this.#text("\n", at);
      case "inlineCode":
        return this.#out.add(node.value, within(marks, { type: "code" }));
      case "strong":
        return this.#inlines(node.children, { ...inside, marks: within(marks, { type: "bold" }) });
      case "emphasis":
        return this.#inlines(node.children, { ...inside, marks: within(marks, { type: "italic" }) });
      case "delete":
        return this.#inlines(node.children, { ...inside, marks: within(marks, { type: "strikethrough" }) });
      case "link":
        return this.#link(node.children, node.url, inside);
      case "image":
        return this.#link([{ type: "text", value: node.alt || "image" }], node.url, inside);
      case "linkReference":
        return this.#link(node.children, this.#addressOf(node.identifier), inside);
      case "imageReference":
        return this.#link([{ type: "text", value: node.alt || "image" }], this.#addressOf(node.identifier), inside);
      case "footnoteReference":
        return this.#text(`[${node.label ?? node.identifier}]`, at);
      // Written by the node around them, or unknown to this parser.
      case "listItem":
      case "root":
      case "tableCell":
      case "tableRow":
      case "yaml":
        return this.#text(this.#sourceOf(node), at);
      default:
        node satisfies never;
    }
  }

  /** One that is long opens when it is touched. */
  #quote(nodes: readonly Nodes[], at: Setting): void {
    this.#ownLine(at);
    const from = this.#out.length;
    const mark: Mark = { type: "blockquote" };
    const blocks = this.#blocksOf(() => this.#blocks(nodes, { ...at, indent: "", marks: within(at.marks, mark) }));
    this.#note({ type: "quote", blocks });
    if (this.#out.length - from > LONG_QUOTE) mark.type = "expandable_blockquote";
  }

  #list(list: List, at: Setting): void {
    const items: TextItem[] = [];
    for (const [index, item] of list.children.entries()) {
      if (index > 0) this.#out.separate("\n", at.marks);
      this.#ownLine(at);
      const mark = this.#out.next + at.indent.length;
      this.#out.add(`${at.indent}${bullet(list, item, index)} `, at.marks);
      const inside = { ...at, indent: `${at.indent}  `, gap: "\n" as const };
      const blocks = this.#blocksOf(() => this.#blocks(item.children, inside));
      const number = list.ordered ? (list.start ?? 1) + index : null;
      items.push({ at: mark, number, checked: item.checked ?? null, blocks });
    }
    this.#note({ type: "list", items });
  }

  #table(table: Table, at: Setting): void {
    this.#ownLine(at);
    const cells = table.children.map((row) => row.children.map((cell) => this.#alone(cell)));
    const [head, ...rows] = cells;
    if (!head) return;
    const from = this.#out.next;
    const plain = cells.map((row) => row.map((cell) => cell.text));
    const aligned = hasLink(table, 0) ? null : alignTable(plain, table.align ?? []);
    const ranges = aligned === null ? this.#rows(table, plain, at) : this.#columns(aligned, at);
    const range = { from, to: this.#out.length };
    const noted = rows.map((row, index) => ({ cells: row, ...ranges[index]! }));
    if (range.to > from) this.#note({ type: "table", ...range, align: table.align ?? [], head, rows: noted });
  }

  /** In columns, where it fits and loses nothing by it. Gives back where the rows below the head stand. */
  #columns(aligned: string, at: Setting): Range[] {
    let from = this.#out.next;
    this.#out.add(aligned, within(at.marks, { type: "pre", language: null }));
    const ranges: Range[] = [];
    for (const line of aligned.split("\n")) {
      // Without the spaces it begins with, which a page that begins with it does not have.
      ranges.push({ from: from + line.search(/\S|$/), to: from + line.length });
      from += line.length + 1;
    }
    return ranges.slice(2);
  }

  /** Each row as lines of "head: cell". Gives back where they stand. */
  #rows(table: Table, plain: readonly (readonly string[])[], at: Setting): Range[] {
    const rows = table.children.slice(1);
    const bold = within(at.marks, { type: "bold" });
    if (rows.length === 0) this.#out.add(plain[0]?.join(" | ") ?? "", bold);
    return rows.map((row, index) => {
      if (index > 0) this.#out.separate("\n\n", at.marks);
      const from = this.#out.next;
      for (const [column, cell] of row.children.entries()) {
        const name = plain[0]?.[column] ?? "";
        if (column > 0) this.#out.separate("\n", at.marks);
        if (name !== "") this.#out.add(`${name}:`, bold);
        if (name !== "" && cell.children.length > 0) this.#out.add(" ", at.marks);
        this.#inlines(cell.children, at);
      }
      return { from: Math.min(from, this.#out.length), to: this.#out.length };
    });
  }

  #inlines(nodes: readonly Nodes[], at: Setting): void {
    for (const node of nodes) this.#node(node, at);
  }

  /** An address that cannot be a link stands behind its label, so that it is not lost. */
  #link(label: readonly Nodes[], address: string, at: Setting): void {
    const url = toLinkUrl(address);
    const shown = label.map((node) => this.#plain(node)).join("");
    const alreadyLinked = at.marks.some((it) => it.type === "text_link");
    if (shown.trim() === "") return this.#text(readableUrl(address), at);
    if (isOwnLabel(shown, address) || alreadyLinked) return this.#inlines(label, at);
    if (url !== null && keepsPromise(shown, url)) {
      return this.#inlines(label, { ...at, marks: within(at.marks, { type: "text_link", url }) });
    }
    this.#inlines(label, at);
    if (address !== "") this.#text(` (${readableUrl(address)})`, at);
  }

  /** Mentions in it call nobody, and addresses that could carry something out are code, where nothing is live. */
  #text(text: string, at: Setting): void {
    const lines = withoutMentions(at.indent === "" ? text : text.replaceAll("\n", `\n${at.indent}`));
    for (const part of partsOf(this.#out.atLineStart ? at.indent + lines : lines)) {
      this.#out.add(part.text, part.secret ? within(at.marks, { type: "code" }) : at.marks);
    }
  }

  /** For blocks that Telegram shows as boxes: they cannot share a line with the marker of a list. */
  #ownLine(at: Setting): void {
    if (!this.#out.atLineStart) this.#out.separate("\n", at.marks);
  }

  #isUsed(definition: Definition): boolean {
    const { identifier } = definition;
    return this.#referenced.has(identifier) && this.#definitions.get(identifier) === definition;
  }

  #addressOf(identifier: string): string {
    return this.#definitions.get(identifier)?.url ?? "";
  }

  #plain(node: Nodes): string {
    return this.#alone(node).text;
  }

  /** The node as one line by itself. */
  #alone(node: Nodes): FormattedText {
    const alone = new MarkdownWriter(this.#source, { type: "root", children: [] });
    for (const [id, definition] of this.#definitions) alone.#definitions.set(id, definition);
    alone.#inlines("children" in node ? node.children : [node], { marks: [], indent: "", gap: "\n", depth: 0 });
    const { text, entities } = alone.#out.build();
    return { text: text.replaceAll("\n", " "), entities };
  }

  #sourceOf(node: Nodes): string {
    return this.#source.slice(node.position?.start.offset ?? 0, node.position?.end.offset ?? 0);
  }
}

function blockOf(node: Nodes, range: Range, { indent, depth }: Setting): TextBlock {
  if (depth > MAX_DEPTH) return { type: "paragraph", ...range, indent };
  if (node.type === "heading") return { type: "heading", ...range, indent, depth: node.depth };
  if (node.type === "code") return { type: "code", ...range, language: languageOf(node.lang) };
  return node.type === "thematicBreak" ? { type: "rule", ...range } : { type: "paragraph", ...range, indent };
}

function bullet(list: List, item: ListItem, index: number): string {
  const task = item.checked === true ? "☑" : item.checked === false ? "☐" : null;
  if (list.ordered) return `${(list.start ?? 1) + index}.${task === null ? "" : ` ${task}`}`;
  return task ?? "•";
}

/** A name of a site in a label must be the link's. */
function keepsPromise(label: string, url: string): boolean {
  return !/^https?:/i.test(url) || isHonest(label, url);
}

/** The first word behind the fence; Telegram takes any, readers know short ones. */
function languageOf(lang: string | null | undefined): string | null {
  return lang && /^[\w+#.-]{1,32}$/.test(lang) ? lang : null;
}

function hasLink(node: Nodes, depth: number): boolean {
  if (["link", "linkReference", "image", "imageReference"].includes(node.type)) return true;
  return "children" in node && depth < MAX_DEPTH && node.children.some((child) => hasLink(child, depth + 1));
}
