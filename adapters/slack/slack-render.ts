import type { ActionsBlock, ContextActionsBlock, MarkdownBlock, SectionBlock } from "@slack/types";
import type { Choice, RenderedPage, Task } from "../../src/platform/platform-adapter.ts";
import { BUTTON_VALUE, CHOICE_ACTION, STOP_ACTION } from "./read-slack-interaction.ts";
import { NOTHING } from "./slack-inline.ts";
import { toLiveUrl } from "./slack-link.ts";
import { readMarkdown } from "./slack-markdown.ts";
import { isVisible, toMarkdownPages } from "./slack-pages.ts";

/** The adapter's `rich` part of a page. */
export interface SlackRich {
  blocks: (MarkdownBlock | SectionBlock | ActionsBlock | ContextActionsBlock)[];
  /** The page is the last one of an answer that streams. */
  stream?: StreamedPage;
}

export interface StreamedPage {
  /** The beginning of the page that stays as it is, as Markdown. */
  settled: string;
  tasks: readonly Task[];
}

/** UTF-16 units of Markdown on a page; Slack takes 12,000 in all its blocks, and about 13,200 of everything. */
export const SLACK_MARKDOWN_LIMIT = 11_000;
/** What stands in a notification; Slack shows less, and `chat.update` takes no more than 4,000. */
const FALLBACK_LIMIT = 3_000;
/** "Maximum length for the text in this field is 3000 characters" (SectionBlock). */
const SECTION_LIMIT = 3_000;

/** An answer, whole or `growing`, as pages that Slack accepts; at least one. `text` is what is seen without formatting. */
export function renderSlack(markdown: string, growing = false): RenderedPage[] {
  const pages = toMarkdownPages(readMarkdown(clean(markdown), growing), SLACK_MARKDOWN_LIMIT);
  const shown = pages.length > 0 ? pages : [{ markdown: "…", plain: "…" }];
  return shown.map((page) => ({
    text: page.plain,
    rich: { blocks: [{ type: "markdown", text: page.markdown }] } satisfies SlackRich,
  }));
}

/** The page's blocks: as they were rendered, or its text as it is. */
export function blocksOf(page: RenderedPage): SlackRich["blocks"] {
  return (page.rich as SlackRich | undefined)?.blocks ?? plainBlocks(page.text);
}

/** The page's Markdown; its text where it was not rendered. */
export function markdownOf(page: RenderedPage): string {
  const [block] = blocksOf(page);
  return block?.type === "markdown" ? block.text : page.text;
}

/** What a stream shows of the page; null = it is none of a stream. */
export function streamedOf(page: RenderedPage): StreamedPage | null {
  return (page.rich as SlackRich | undefined)?.stream ?? null;
}

/** What Slack shows in notifications: short, escaped for `mrkdwn`, and nothing in it is live. */
export function fallbackText(page: RenderedPage): string {
  const text = page.text.replaceAll(/\b(?:[a-z][a-z0-9+.-]{0,20}:\/\/|www\.)[^\s<>]+/gi, shortAddress);
  let short = "";
  for (const sign of silent(text)) {
    const escaped = sign === "&" ? "&amp;" : sign === "<" ? "&lt;" : sign === ">" ? "&gt;" : sign;
    if (short.length + escaped.length >= FALLBACK_LIMIT) return `${short}…`;
    short += escaped;
  }
  return short;
}

/** The page without formatting, for when Slack refuses its blocks; its button stays. */
export function plainPage(page: RenderedPage): RenderedPage {
  const buttons = blocksOf(page).filter(isButtons);
  return { text: page.text, rich: { blocks: [...plainBlocks(page.text), ...buttons] } satisfies SlackRich };
}

export function isButtons({ type }: { type: string }): boolean {
  return type === "actions" || type === "context_actions";
}

/** The page with a button that reads `label` and brings `value` back, which must be at most 64 characters of ASCII. */
export function withStop(page: RenderedPage, value: string, label: string): RenderedPage {
  if (!BUTTON_VALUE.test(value)) throw new Error("the value of a button is at most 64 characters of ASCII");
  const button = { type: "button", action_id: STOP_ACTION, text: { type: "plain_text", text: label }, value } as const;
  const blocks = [...blocksOf(page), { type: "actions" as const, elements: [button] }];
  return { text: page.text, rich: { blocks } satisfies SlackRich };
}

/** The page with buttons, of which the first one stands out. */
export function withChoices(page: RenderedPage, choices: readonly Choice[]): RenderedPage {
  const elements = choices.map(({ value, label }, index) => {
    if (!BUTTON_VALUE.test(value)) throw new Error("the value of a button is at most 64 characters of ASCII");
    const style = index === 0 ? { style: "primary" as const } : {};
    const text = { type: "plain_text" as const, text: label };
    return { type: "button" as const, action_id: `${CHOICE_ACTION}${index}`, text, value, ...style };
  });
  const blocks = [...blocksOf(page), { type: "actions" as const, elements }];
  return { text: page.text, rich: { blocks } satisfies SlackRich };
}

function plainBlocks(text: string): SectionBlock[] {
  const shown = isVisible(text) ? silent(text) : "…";
  const parts = shown.match(new RegExp(`[^]{1,${SECTION_LIMIT}}(?![\\uDC00-\\uDFFF])`, "g")) ?? [shown];
  return parts.map((part) => ({ type: "section", text: { type: "plain_text", text: part, emoji: false } }));
}

/** Slack's own marks for mentions and links, and the words that call everybody, kept from being any. */
function silent(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/<(?=[@#!]|[a-z][a-z0-9+.-]*:)/gi, `<${NOTHING}`)
    .replaceAll(/@(?=channel|here|everyone|group)/gi, `@${NOTHING}`);
}

/** Of an address that may not be live only the site is named. */
function shortAddress(address: string): string {
  const whole = /^www\./i.test(address) ? `https://${address}` : address;
  if (toLiveUrl(whole.replace(/[.,;:!?'"*_~)}\]]+$/, "")) !== null) return address;
  const site = URL.parse(whole)?.hostname ?? "";
  return toLiveUrl(`https://${site}`) === null ? "…" : `${site}/…`;
}

/** One line-end, no control characters, no half of a surrogate pair (a stream may end inside one). */
function clean(markdown: string): string {
  return markdown
    .replace(/[\uD800-\uDBFF]$/, "")
    .toWellFormed()
    .replaceAll(/\r\n?|[\u2028\u2029]/g, "\n")
    .replaceAll(/[\0-\x08\x0B\x0C\x0E-\x1F\u202A-\u202E\u2066-\u2069]/g, "");
}
