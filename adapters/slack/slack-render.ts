import type { ActionsBlock, MarkdownBlock, SectionBlock } from "@slack/types";
import type { RenderedPage } from "../../src/platform/platform-adapter.ts";

/** The adapter's `rich` part of a page. */
export interface SlackRich {
  blocks: (MarkdownBlock | SectionBlock | ActionsBlock)[];
}

/** UTF-16 units of Markdown on a page; Slack takes 12,000 in all blocks together, but 13,200 of everything. */
export const SLACK_MARKDOWN_LIMIT = 11_000;

/** An answer, finished or not, as pages that Slack accepts; at least one. `text` is what is seen without formatting. */
export function renderSlack(markdown: string): RenderedPage[] {
  return [{ text: markdown, rich: { blocks: [{ type: "markdown", text: markdown }] } satisfies SlackRich }];
}

/** The page's blocks, as they were rendered or, for a page without them, from its text. */
export function blocksOf(page: RenderedPage): SlackRich["blocks"] {
  return (page.rich as SlackRich | undefined)?.blocks ?? [];
}

/** What Slack shows in notifications: short, and nothing in it is live. Escaped for `text` with mrkdwn. */
export function fallbackText(page: RenderedPage): string {
  return page.text;
}

/** The page without formatting, for when Slack refuses its blocks. */
export function plainPage(page: RenderedPage): RenderedPage {
  return page;
}

export function withStop(page: RenderedPage, _value: string): RenderedPage {
  return page;
}
