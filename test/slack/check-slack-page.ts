import type { Nodes, Parents } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { gfm } from "micromark-extension-gfm";
import { expect } from "vitest";
import { toLiveUrl } from "../../adapters/slack/slack-link.ts";
import { blocksOf, SLACK_MARKDOWN_LIMIT } from "../../adapters/slack/slack-render.ts";
import { isHonest } from "../../src/platform/link-safety.ts";
import type { RenderedPage } from "../../src/platform/platform-adapter.ts";

/** The Markdown of a page that was rendered. */
export function markdownOf(page: RenderedPage): string {
  const [block] = blocksOf(page);
  if (block?.type !== "markdown") throw new Error("no Markdown");
  return block.text;
}

/**
 * Throws unless each page is one that Slack takes, and nothing in it is live. Slack's parser cannot be asked, so another
 * one stands for it, which knows all of Markdown and nothing of how the pages were made.
 */
export function checkPages(pages: readonly RenderedPage[]): void {
  const different = new Map(pages.map((page) => [markdownOf(page) + page.text, page])).values();
  const wrong = [...different].flatMap((page) => [...troublesOf(page)]);
  if (wrong.length > 0 || pages.length === 0) expect(wrong, "pages").toEqual(["at least one page, without trouble"]);
}

function* troublesOf(page: RenderedPage): Generator<string> {
  const markdown = markdownOf(page);
  for (const text of [markdown, page.text]) {
    if (text.trim() === "") yield "nothing to see";
    if (!text.isWellFormed()) yield "half a surrogate pair";
    if (/[\0-\x08\x0B-\x1F]/.test(text)) yield "a control character";
  }
  if (markdown.length > SLACK_MARKDOWN_LIMIT) yield `${markdown.length} units`;
  if (/<|&(?:lt|#60|#x3c);[@!#](?=.*<)/i.test(markdown)) yield "a bracket that opens";
  if (markdown.split("\n").some((line) => />/.test(line.replace(/^[ \t]*(?:(?:>|[-+*]|\d{1,9}[.)])[ \t]*)*/, "")))) {
    yield "a bracket that closes";
  }
  yield* liveNodes(`${markdown}\n\nTHE END`);
}

const PARSER = { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] };

function parse(markdown: string): Parents {
  return fromMarkdown(markdown, PARSER);
}

function* liveNodes(source: string): Generator<string> {
  const root = parse(source);
  const last = root.children.at(-1)?.type;
  if (last !== "paragraph" && last !== "footnoteDefinition") yield "what follows is not text";
  for (const node of nodesIn(root)) {
    if (node.type === "image" || node.type === "imageReference") yield `an image: ${JSON.stringify(node)}`;
    if (node.type === "definition" || node.type === "linkReference") yield `a reference: ${JSON.stringify(node)}`;
    if (node.type === "html") yield `HTML: ${node.value}`;
    const { start, end } = node.position ?? { start: { offset: 0 }, end: { offset: 0 } };
    const written = source.slice(Math.max(0, start.offset! - 1), end.offset);
    // An address of mail only looks so.
    if (node.type === "text" && /(?<![\p{L}\p{N}])@(channel|here|everyone)\b/iu.test(written)) {
      yield `a call for everybody: ${node.value}`;
    }
    if (node.type !== "link") continue;
    const href = toLiveUrl(node.url) ?? toLiveUrl(decodeURI(node.url));
    if (href === null) yield `a link that may carry something: ${node.url}`;
    else if (!node.url.endsWith(plainOf(node)) && !isHonest(plainOf(node), href))
      yield `a link that lies: ${JSON.stringify(node)}`;
  }
}

function* nodesIn(node: Nodes): Generator<Nodes> {
  yield node;
  if ("children" in node) for (const child of node.children) yield* nodesIn(child);
}

function plainOf(node: Nodes): string {
  if ("children" in node) return node.children.map((it) => plainOf(it)).join("");
  return "value" in node ? node.value : "";
}
