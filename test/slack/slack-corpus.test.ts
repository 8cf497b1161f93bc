import { expect, test } from "vitest";
import { blocksOf, renderSlack } from "../../adapters/slack/slack-render.ts";
import { checkedBlocks } from "../fakes/slack/block-rules.ts";
import { startFakeSlack } from "../fakes/slack/fake-slack.ts";
import { ANSWER_EXAMPLES, type Example, prefixesOf, SPECIFICATION } from "../support/markdown-corpus.ts";
import { checkPages } from "./check-slack-page.ts";
import { slackAt } from "./start-slack.ts";

/** Throws if the strict fake refuses a page, or something in it is live. */
function checkAccepted(markdown: string): void {
  const pages = renderSlack(markdown);
  checkPages(pages);
  for (const page of pages) checkedBlocks(blocksOf(page));
}

function troublesIn(examples: readonly Example[], step: number): string[] {
  return examples.flatMap((example) => {
    for (const prefix of prefixesOf(example, step)) {
      try {
        checkAccepted(prefix);
      } catch (error) {
        return [`${example.name} at ${prefix.length}: ${(error as Error).message}`];
      }
    }
    return [];
  });
}

test("every prefix of every example of the specifications is pages that Slack takes", { timeout: 180_000 }, () => {
  expect(SPECIFICATION.length).toBeGreaterThan(650);
  expect(troublesIn(SPECIFICATION, 1)).toEqual([]);
});

test("so is every prefix of what models answer", { timeout: 180_000 }, () => {
  expect(ANSWER_EXAMPLES.length).toBeGreaterThan(10);
  expect(troublesIn(ANSWER_EXAMPLES, 3)).toEqual([]);
});

test("a sample of them is posted and edited, and no call is refused", { timeout: 60_000 }, async () => {
  const slack = await startFakeSlack({ limits: "off", strict: true });
  const adapter = slackAt(slack);
  await adapter.connect(new AbortController().signal);
  const channel = slack.channelNamed("general");
  const { ts } = slack.say({ channel, user: slack.user("ann"), text: "question", mention: true });
  const target = { account: adapter.account, chat: channel.id, thread: ts, replyTo: null };
  for (const { markdown } of [...ANSWER_EXAMPLES, ...SPECIFICATION.filter((_, index) => index % 10 === 0)]) {
    const at = await adapter.send(target, adapter.render(markdown.slice(0, markdown.length / 3))[0]!);
    const [page, ...more] = adapter.render(markdown);
    await adapter.editing?.edit(at, page!);
    for (const each of more) await adapter.send(target, each);
  }
  expect(slack.journal.length).toBeGreaterThan(150);
  expect(slack.journal.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
  await adapter.close();
  await slack.close();
});
