import { expect, test } from "vitest";
import { blocksOf, renderSlack } from "../../adapters/slack/slack-render.ts";
import { checkedBlocks } from "../fakes/slack/block-rules.ts";
import { startFakeSlack } from "../fakes/slack/fake-slack.ts";
import { shownText } from "../fakes/slack/shown-text.ts";
import { acceptsEveryPrefix, ANSWER_EXAMPLES, SPECIFICATION } from "../support/markdown-corpus.ts";
import { tokensOf } from "../support/tokens-of-markdown.ts";
import { checkPages, markdownOf } from "./check-slack-page.ts";
import { slackAt } from "./start-slack.ts";

/** Throws if the strict fake refuses a page, or something in it is live. */
function checkAccepted(markdown: string): void {
  const pages = [...renderSlack(markdown), ...renderSlack(markdown, true)];
  checkPages(pages);
  for (const page of pages) checkedBlocks(blocksOf(page));
}

acceptsEveryPrefix("Slack", checkAccepted);

/** Letters and digits: Slack shows references, HTML and indented code as they were written, with their signs. */
function lettersOf(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N}]|ˋ/gu, "");
}

/** Where lines are read otherwise than the tree: what HTML and indented code hold is Markdown there; odd addresses. */
const READ_OTHERWISE = /^ {4}|<a\b|^<(?:div|MAILTO:)|^<https?:[^>]*`|^!\[\[\[/;

test("what the pages show has every word of the tree, in order", () => {
  const missing = [...SPECIFICATION, ...ANSWER_EXAMPLES].flatMap(({ name, markdown }) => {
    if (READ_OTHERWISE.test(markdown)) return [];
    const pages = renderSlack(markdown).map((page) =>
      tokensOf(markdownOf(page))
        .map((token) => shownText(token.text, null))
        .join(""),
    );
    let rest = lettersOf(pages.join(""));
    for (const { text, optional } of tokensOf(markdown)) {
      if (optional) continue;
      const at = rest.indexOf(lettersOf(text));
      if (at === -1) return [`${name}: ${text} in ${rest}`];
      rest = rest.slice(at + lettersOf(text).length);
    }
    return [];
  });
  expect(missing).toEqual([]);
});

test("a sample of them is posted and edited, and no call is refused", { timeout: 60_000 }, async () => {
  const slack = await startFakeSlack({ limits: "off", strict: true });
  const adapter = slackAt(slack);
  await adapter.connect(new AbortController().signal);
  const channel = slack.channelNamed("general");
  const { ts } = slack.say({ channel, user: slack.user("ann"), text: "question", mention: true });
  const target = { account: adapter.account, chat: channel.id, thread: ts, replyTo: null };
  for (const { markdown } of [...ANSWER_EXAMPLES, ...SPECIFICATION.filter((_, index) => index % 10 === 0)]) {
    const at = await adapter.send(target, adapter.render(markdown.slice(0, markdown.length / 3), true)[0]!);
    const [page, ...more] = adapter.render(markdown);
    await adapter.editing?.edit(at, page!);
    for (const each of more) await adapter.send(target, each);
  }
  expect(slack.journal.length).toBeGreaterThan(150);
  expect(slack.journal.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
  await adapter.close();
  await slack.close();
});
