import { expect, test } from "vitest";
import { settledMarkdown } from "../../adapters/slack/settled-markdown.ts";
import { markdownOf, renderSlack } from "../../adapters/slack/slack-render.ts";
import type { RenderedPage } from "../../src/platform/platform-adapter.ts";
import { openFence } from "../../src/run/answer.ts";
import { ANSWER_EXAMPLES, type Example, SPECIFICATION } from "../support/markdown-corpus.ts";
import { checkPages } from "./check-slack-page.ts";
import { connectSlack, slackAt } from "./start-slack.ts";

/** All an example's beginnings, and what of the page is settled by each of them. */
function* steps({ markdown }: Example, step: number): Generator<{ said: string; page: string; settled: string }> {
  for (let at = 1; at < markdown.length + step; at += step) {
    const said = markdown.slice(0, at);
    const pages = renderSlack(said, true);
    if (pages.length > 1) return;
    yield { said, page: markdownOf(pages[0]!), settled: settledMarkdown(said) };
  }
}

function pageOf(markdown: string): RenderedPage {
  return { text: markdown, rich: { blocks: [{ type: "markdown", text: markdown + openFence(markdown) }] } };
}

/** Throws if something is settled that is not, or that is live. */
function checkSettled(example: Example, step: number): void {
  let before = "";
  for (const { said, page, settled } of steps(example, step)) {
    if (!page.startsWith(settled)) throw new Error(`not on the page at ${said.length}: ${settled}`);
    if (!page.startsWith(before)) throw new Error(`written otherwise at ${said.length}: ${before}`);
    if (settled.length <= before.length) continue;
    checkPages([pageOf(settled)]);
    before = settled;
  }
}

function troubles(examples: readonly Example[], step: number): string[] {
  return examples.flatMap((example) => {
    try {
      checkSettled(example, step);
    } catch (error) {
      return [`${example.name}: ${(error as Error).message}`];
    }
    return [];
  });
}

test("what is settled of an answer stays, and nothing in it is live", { timeout: 180_000 }, () => {
  expect(troubles(ANSWER_EXAMPLES, 1)).toEqual([]);
  expect(troubles(SPECIFICATION, 1)).toEqual([]);
});

test("all of a text is settled that ends before a tool, whatever is said after it", () => {
  const wrong = [...ANSWER_EXAMPLES, ...SPECIFICATION].flatMap(({ name, markdown }) => {
    const settled = settledMarkdown(markdown, true);
    const [page] = renderSlack(`${markdown}\n\nIt will rain in the evening.`);
    const isOnPage = renderSlack(markdown).length > 1 || markdownOf(page!).startsWith(settled);
    return isOnPage ? [] : [`${name}: ${settled}`];
  });
  expect(wrong).toEqual([]);
  expect(settledMarkdown("Let me look at the forecast.", true)).toBe("Let me look at the forecast.");
});

test("most of an answer is settled while it grows: behind are some words, not lines", () => {
  const lags = ANSWER_EXAMPLES.flatMap((example) =>
    [...steps(example, 7)].map(({ page, settled }) => page.length - settled.length),
  );
  expect(lags.length).toBeGreaterThan(500);
  expect(lags.reduce((sum, lag) => sum + lag, 0) / lags.length).toBeLessThan(20);
});

test("what is not sure yet is not settled", () => {
  expect(settledMarkdown("See `![x](https://evil.example")).toBe("See");
  expect(settledMarkdown("See [the page](https://exa")).toBe("See");
  expect(settledMarkdown("See [the page](https://example.com) now")).toBe("See [the page](https://example.com)");
  expect(settledMarkdown("See www.evil.exam")).toBe("See");
  expect(settledMarkdown("```js\nlet a = 1;\nlet b")).toBe("```js\nlet a = 1;\nlet");
  expect(settledMarkdown("Hello")).toBe("Hello");
  expect(settledMarkdown("1. One\n2.")).toBe("1. One");
});

test(
  "answers as models write them are streamed without a refusal, and stand whole in the end",
  { timeout: 60_000 },
  async () => {
    const { slack, close } = await connectSlack({ limits: "off" });
    const channel = slack.dm(slack.user("ann"));
    for (const { markdown } of ANSWER_EXAMPLES) {
      // Each with the right to begin streams anew.
      const adapter = slackAt(slack, { stream: true });
      await adapter.connect(new AbortController().signal);
      const { ts } = slack.say({ channel, user: slack.user("ann"), text: "question" });
      const to = { account: adapter.account, chat: channel.id, thread: ts, replyTo: null };
      const pageAt = (end: number) => {
        const said = markdown.slice(0, end);
        return adapter.nativeStream!.asStream(adapter.render(said, true)[0]!, said, []);
      };
      const at = await adapter.send(to, pageAt(30));
      for (let end = 60; end < Math.min(markdown.length, 6_000); end += 23)
        await adapter.editing!.edit(at, pageAt(end));
      await adapter.editing!.edit(at, adapter.render(markdown)[0]!);
      const [message] = slack.botMessages(channel, ts);
      await adapter.close();
      await adapter.close();
      expect(message?.blocks).toEqual([{ type: "markdown", text: markdownOf(adapter.render(markdown)[0]!) }]);
    }
    expect(slack.calls("chat.appendStream").length).toBeGreaterThan(100);
    expect(slack.journal.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
    // Whoever streamed to its end was edited once.
    expect(slack.calls("chat.update")).toHaveLength(ANSWER_EXAMPLES.length);
    // Links that say where they lead are live on pages as well.
    expect(slack.liveMentions().filter(({ kind }) => kind !== "masked_link")).toEqual([]);
    await close();
  },
);
