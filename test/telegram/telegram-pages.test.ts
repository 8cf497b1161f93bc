import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codeOf, isTooHard, splitMarkdown } from "../../adapters/telegram/markdown-pieces.ts";
import { fromLastPiece, fromMarkdownPiece } from "../../adapters/telegram/telegram-markdown.ts";
import { toPages } from "../../adapters/telegram/telegram-pages.ts";
import { createTelegramRenderer } from "../../adapters/telegram/telegram-render.ts";
import { checkPages, entitiesOf } from "./check-page.ts";
import { LONG, MARKDOWN_WORDS, NASTY } from "./markdown-samples.ts";

const render = createTelegramRenderer();
const markdown = fc.array(fc.constantFrom(...MARKDOWN_WORDS), { maxLength: 60 }).map((words) => words.join(""));

/** What is seen of a text, without the spaces that page breaks take. */
function ink(text: string): string {
  return text.replaceAll(/[\s\p{Cc}\p{Cf}]/gu, "");
}

/** The last words of the first of two pages. */
function cutAfter(text: string): string {
  const pages = render(text);
  expect(pages.length).toBe(2);
  return pages[0]!.text.slice(-12);
}

describe("every prefix of an answer is a page that Telegram takes", () => {
  test("of one with everything in it", () => {
    for (let end = 0; end <= NASTY.length; end++) {
      checkPages(render(NASTY.slice(0, end)));
    }
  });

  test("of random ones", () => {
    fc.assert(
      fc.property(markdown, fc.nat(), (text, at) => {
        checkPages(render(text));
        checkPages(render(text.slice(0, at % (text.length + 1))));
      }),
      { numRuns: 1500 },
    );
  });

  test("of any text at all", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        checkPages(render(text));
      }),
    );
  });
});

describe("nothing is lost", () => {
  test("the pages together show the whole text", () => {
    fc.assert(
      fc.property(fc.array(markdown, { minLength: 1, maxLength: 40 }), (parts) => {
        const text = parts.join("\n\n");
        const whole = fromMarkdownPiece(text).text;
        const pages = toPages(fromMarkdownPiece(text));
        expect(ink(pages.map((it) => it.text).join(""))).toBe(ink(whole) === "" ? "…" : ink(whole));
      }),
      { numRuns: 200 },
    );
  });

  test("every word of plain prose is there, in order", () => {
    const prose = Array.from({ length: 20_000 }, (_, i) => `w${i}${i % 50 === 49 ? ".\n\n" : " "}`).join("");
    const pages = render(prose);
    checkPages(pages);
    expect(ink(pages.map((it) => it.text).join(""))).toBe(ink(prose));
  });

  test("fault-33: an answer of 100,000 characters comes in about as few pages as possible", () => {
    const line = "A sentence with **bold** and `code` in it, and then some more words to fill it. ";
    const answer = `${line.repeat(6)}\n\n`.repeat(210);
    expect(answer.length).toBeGreaterThan(100_000);
    const pages = render(answer);
    checkPages(pages);
    expect(pages.length).toBeLessThan(40);
  });

  test("code keeps its language over all pages", () => {
    const code = Array.from({ length: 500 }, (_, i) => `  const value${i} = "${"x".repeat(20)}";`).join("\n");
    const pages = render(`Look:\n\n\`\`\`ts\n${code}\n\`\`\`\n\nDone.`);
    checkPages(pages);
    const languages = pages.flatMap(entitiesOf).map((it) => (it.type === "pre" ? it.language : it.type));
    expect(languages).toEqual(pages.map(() => "ts"));
    const first = pages.map((it) => it.text.split("\n").at(-1));
    expect(first.slice(0, -1).every((it) => it?.endsWith('";'))).toBe(true);
  });

  test("formatting goes on behind a page break", () => {
    const pages = render(`**${"word ".repeat(1000)}end**`);
    expect(pages.length).toBe(2);
    checkPages(pages);
    for (const page of pages) {
      expect(entitiesOf(page)).toMatchObject([{ type: "bold", offset: 0, length: page.text.length }]);
    }
  });

  test("more than 100 pieces of formatting need more than one page", () => {
    const pages = render("**a** `b` ".repeat(120));
    checkPages(pages);
    expect(pages.flatMap(entitiesOf).length).toBe(240);
    const nested = render("**a *b* c** ".repeat(120));
    checkPages(nested);
    expect(nested.flatMap(entitiesOf).filter((it) => it.type === "italic").length).toBe(120);
  });

  test("many long links need more than one page, and keep their addresses", () => {
    const links = Array.from({ length: 90 }, (_, i) => `- [item ${i}](https://e.example/${i}/${"x".repeat(150)})`);
    const pages = render(links.join("\n"));
    checkPages(pages);
    expect(pages.length).toBe(2);
    expect(pages.flatMap(entitiesOf).filter((it) => it.type === "text_link").length).toBe(90);
  });
});

test("an edit of an answer of 100,000 characters parses its last piece only", () => {
  let parsed = 0;
  const counting = createTelegramRenderer({
    parse: (piece) => {
      parsed += codeOf(piece) ? 0 : piece.length;
      return fromMarkdownPiece(piece);
    },
    parseLast: (piece, isAll) => {
      parsed += codeOf(piece) ? 0 : 2 * piece.length;
      return fromLastPiece(piece, isAll);
    },
  });
  let most = 0;
  for (let end = 90_000; end <= LONG.length; end += 97) {
    parsed = 0;
    const pages = counting(LONG.slice(0, end));
    if (end > 90_000) most = Math.max(most, parsed);
    if (end % 970 < 97) expect(pages).toEqual(createTelegramRenderer()(LONG.slice(0, end)));
  }
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(3 * 16_000);
});

describe("where pages are cut", () => {
  test("between paragraphs, else lines, else words", () => {
    const word = "lorem ";
    expect(cutAfter(`${word.repeat(500)}end of one.\n\n${word.repeat(100)}end of line.\n${word.repeat(300)}`)).toBe(
      " end of one.",
    );
    expect(cutAfter(`${word.repeat(500)}end of line.\n${word.repeat(300)}`)).toBe("end of line.");
    expect(cutAfter(word.repeat(800))).toBe(" lorem lorem");
  });

  test("a page that is just too long for the target is left whole", () => {
    expect(render("lorem ".repeat(680)).length).toBe(1);
    expect(render("lorem ".repeat(690)).length).toBe(2);
  });

  test("never inside a character, even one of many parts", () => {
    for (const character of ["🙂", "👩‍👩‍👧‍👦", "👍🏽", "e\u0301"]) {
      for (const shift of [0, 1, 2, 3]) {
        const pages = render("x".repeat(shift) + character.repeat(4200 / character.length));
        checkPages(pages);
        expect(pages[1]?.text.startsWith(character)).toBe(true);
      }
    }
  });

  test("earlier pages stay as they are while the answer grows", () => {
    const answer = Array.from(
      { length: 400 },
      (_, i) => `Sentence ${i} of a **long** answer.${i % 7 === 6 ? "\n\n" : " "}`,
    ).join("");
    let before = render(answer.slice(0, 100));
    for (let end = 100; end <= answer.length; end += 37) {
      const now = render(answer.slice(0, end));
      const settled = before.slice(0, -1);
      expect(now.slice(0, settled.length)).toEqual(settled);
      before = now;
    }
    expect(before.length).toBeGreaterThan(3);
  });
});

describe("pieces", () => {
  const line = fc.constantFrom(
    "text",
    "**bold",
    "more** x",
    "- item",
    "  - sub",
    "    indented",
    "1. one",
    "2) two",
    "> quote",
    "> - ql",
    "```",
    "```py",
    "~~~",
    "  ```",
    "# head",
    "---",
    "===",
    "| a | b |",
    "|---|---|",
    "| 1 | 2 |",
    "<div>",
    "</div>",
    "<!-- c",
    "-->",
    "",
    "",
    "",
    "",
    "   ",
    "\t",
    "  cont",
    "* * *",
    "+ x",
    "`code`",
    "[a](http://b.cd)",
    "10. ten",
    "- [ ] t",
    "-",
    "1.",
    "[r]: http://e.fg",
    "[a][r]",
    "[^1]: note",
    "x[^1]",
  );

  test("parsed one by one they give what the whole gives", () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 14 }), (lines) => {
        const text = lines.join("\n");
        const pieces = splitMarkdown(text);
        expect(pieces.join("")).toBe(text);
        const parts = pieces.map((it) => fromMarkdownPiece(it).text).filter((it) => it.trim() !== "");
        expect(parts.join("\n\n").replaceAll(/\s+/g, " ").trim()).toBe(
          fromMarkdownPiece(text).text.replaceAll(/\s+/g, " ").trim(),
        );
      }),
      { numRuns: 3000 },
    );
  });

  test("code is read without its parsing, and the same", () => {
    const lines = fc.constantFrom("```", "````", "~~~", " ```", "    ```", "``", "x", "", "  y", "``` z", "```\t");
    const first = fc.constantFrom("```", "```ts", "~~~ c++ x", "````", "```a`b", "```a&amp;b", "~~~`");
    fc.assert(
      fc.property(first, fc.array(lines, { maxLength: 6 }), (open, more) => {
        const text = [open, ...more].join("\n");
        const code = codeOf(text);
        if (code === null) return;
        const whole = fromMarkdownPiece(`x\n${text}`);
        expect(fromMarkdownPiece(text).text.trimEnd()).toBe(
          whole.text.slice(1).trim() === "" ? "" : whole.text.slice(3).trimEnd(),
        );
      }),
      { numRuns: 2000 },
    );
  });

  test("of a growing answer only the last one changes", () => {
    const before = splitMarkdown("# One\n\ntext\n\n- a\n\n- b\n\n```\n\nx\n\n```\n\nlast");
    const after = splitMarkdown("# One\n\ntext\n\n- a\n\n- b\n\n```\n\nx\n\n```\n\nlast words");
    expect(after.slice(0, -1)).toEqual(before.slice(0, -1));
    expect(before.length).toBe(5);
  });

  test.each([
    ["quotes in quotes", ">".repeat(100_000)],
    ["lists in lists", "- ".repeat(50_000)],
    ["numbers in numbers", "1. ".repeat(30_000)],
    ["links that do not end", "[a](".repeat(25_000)],
    ["brackets", "]".repeat(100_000)],
    ["stars", "*a **b ".repeat(15_000)],
    ["underlines", "a\n=\n".repeat(25_000)],
    ["cells", "|a".repeat(50_000)],
  ])("an answer made of %s is rendered whole, in pieces the parser can take", (_, text) => {
    expect(Math.max(...splitMarkdown(text).map((it) => it.length))).toBeLessThanOrEqual(16_000);
    const pages = render(text);
    checkPages(pages);
  });

  test.each([
    ["code on one line", "```x```\n"],
    ["a fence within HTML", "<div>\n```\n\n"],
    ["a fence that ended with its list", "- ```\n  x\n  ```\n"],
    ["a fence in a list", "- a\n  ```\n"],
  ])("%s in front changes nothing of that", (_, before) => {
    for (const text of [" a\n =\n".repeat(5_000), "*_*_".repeat(10_000)]) {
      expect(Math.max(...splitMarkdown(before + text).map((it) => it.length))).toBeLessThanOrEqual(16_000);
    }
  });

  test("what would take the parser seconds is not given to it", () => {
    for (const text of ["a\n=\n", "a\n-\n", "*_*_", "[a]", "> > "]) {
      expect(isTooHard(text.repeat(4_000))).toBe(true);
    }
  });
});
