import { expect, test } from "vitest";
import { createTelegramRenderer } from "../../adapters/telegram/telegram-render.ts";
import { startFakeTelegram } from "../fakes/telegram/fake-telegram.ts";
import { readFormattedText } from "../fakes/telegram/formatted-text.ts";
import { acceptsEveryPrefix, ANSWER_EXAMPLES, SPECIFICATION } from "../support/markdown-corpus.ts";
import { differenceOf, tokensOf } from "../support/tokens-of-markdown.ts";
import { readRichMessage } from "../fakes/telegram/rich-message.ts";
import { checkPages, entitiesOf, richBlocksOf, shownOf } from "./check-page.ts";
import { telegramAt } from "./start-telegram.ts";

const render = createTelegramRenderer({ rich: true });

/** Throws if the strict fake refuses a page as text or as a rich message, or leaves out something of it. */
function checkAccepted(markdown: string): void {
  const whole = render(markdown);
  const pages = [...whole, ...render(markdown, true)];
  checkPages(pages);
  for (const page of pages) {
    const { dropped } = readFormattedText({ text: page.text, entities: entitiesOf(page) }, "message is too long");
    expect(dropped).toEqual([]);
    const blocks = richBlocksOf(page);
    if (blocks) readRichMessage({ rich_message: { blocks, skip_entity_detection: true } });
  }
  if (whole.some(richBlocksOf)) {
    expect(differenceOf(whole.map(shownOf).join("\n"), tokensOf(markdown))).toBeNull();
  }
}

acceptsEveryPrefix("Telegram", checkAccepted);

test("the pages show the text of the tree, and nothing else", () => {
  const differences = [...SPECIFICATION, ...ANSWER_EXAMPLES].flatMap(({ name, markdown }) => {
    return [markdown, `${markdown}\n\nEnd.`].flatMap((text) => {
      const shown = render(text).map((page) => page.text);
      const difference = differenceOf(shown.join("\n"), tokensOf(text));
      return difference === null ? [] : [`${name}: ${difference}`];
    });
  });
  expect(differences).toEqual([]);
});

test("rich messages change nothing about pages as text", () => {
  const asText = createTelegramRenderer();
  let rich = 0;
  for (const { markdown } of [...SPECIFICATION, ...ANSWER_EXAMPLES]) {
    const pages = render(markdown);
    rich += pages.filter(richBlocksOf).length;
    const withoutBlocks = pages.map((page) => ({ text: page.text, entities: entitiesOf(page) }));
    expect(withoutBlocks).toEqual(asText(markdown).map((page) => ({ text: page.text, entities: entitiesOf(page) })));
  }
  expect(rich).toBeGreaterThan(10);
});

test.each(["off", "auto"] as const)(
  "a sample of them is posted and edited with rich messages %s, and no call is refused",
  { timeout: 60_000 },
  async (rich) => {
    const telegram = await startFakeTelegram({ limits: "off", timeScale: 0.01, strict: true });
    const adapter = telegramAt(telegram, { rich });
    const { signal } = new AbortController();
    telegram.privateChat(telegram.user(7, "Ann"));
    await adapter.connect(signal);
    const target = { account: adapter.account, chat: "7", thread: "", replyTo: null };
    for (const { markdown } of [...ANSWER_EXAMPLES, ...SPECIFICATION.filter((_, index) => index % 10 === 0)]) {
      const at = await adapter.send(target, adapter.render(markdown.slice(0, markdown.length / 3), true)[0]!);
      const [page, ...more] = adapter.render(markdown);
      await adapter.editing?.edit(at, page!);
      for (const each of more) await adapter.send(target, each);
    }
    const ill = telegram.journal.filter(
      ({ outcome, description }) => outcome !== "ok" && !/not modified/.test(description ?? ""),
    );
    expect(telegram.journal.length).toBeGreaterThan(150);
    expect(ill).toEqual([]);
    expect(telegram.droppedEntities).toEqual([]);
    await adapter.close();
    await telegram.close();
  },
);
