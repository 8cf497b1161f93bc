import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMarkdownReader, readLines, readMarkdown } from "../../adapters/slack/slack-markdown.ts";
import { blocksOf, renderSlack } from "../../adapters/slack/slack-render.ts";
import { checkedBlocks } from "../fakes/slack/block-rules.ts";
import { LONG, MARKDOWN_WORDS } from "../telegram/markdown-samples.ts";
import { checkPages, markdownOf } from "./check-slack-page.ts";

const markdown = fc.array(fc.constantFrom(...MARKDOWN_WORDS), { maxLength: 60 }).map((words) => words.join(""));

/** Words that take more room than they have. */
const COSTLY = [
  "www.x;",
  "[a](https://e.example/****)",
  "[a](https://e.example/@here)",
  "`x`",
  "\\`",
  "|",
  "<",
  "&lt;",
  "![",
];
const MORE = [
  "![](u)",
  "[](u)",
  "[a](b)",
  "@here",
  "&",
  "![x](a.b?c|d)",
  "a.b/c;",
  "看https://e.example。",
  "**",
  "\\",
  "[a]: b",
];
const costly = fc
  .array(fc.oneof(fc.constantFrom(...COSTLY, ...MORE), fc.constantFrom(...MARKDOWN_WORDS)), { maxLength: 40 })
  .map((words) => words.join(""));

/** What is seen of a text, without the spaces that page breaks take. */
function ink(text: string): string {
  return text.replaceAll(/[\s\p{Cc}\p{Cf}]/gu, "");
}

function written(text: string): string[] {
  const pages = renderSlack(text);
  checkPages(pages);
  for (const page of pages) checkedBlocks(blocksOf(page));
  return pages.map((page) => markdownOf(page));
}

describe("nothing is lost", () => {
  test("every word of plain prose is there, in order", () => {
    const prose = Array.from({ length: 20_000 }, (_, i) => `w${i}${i % 50 === 49 ? ".\n\n" : " "}`).join("");
    const pages = renderSlack(prose);
    checkPages(pages);
    expect(ink(pages.map((it) => it.text).join(""))).toBe(ink(prose));
    expect(ink(pages.map((it) => markdownOf(it)).join(""))).toBe(ink(prose));
  });

  test("fault-33: an answer of 100,000 characters comes in about as few pages as possible", () => {
    const line = "A sentence with **bold** and `code` in it, and then some more words to fill it. ";
    const answer = `${line.repeat(6)}\n\n`.repeat(210);
    expect(answer.length).toBeGreaterThan(100_000);
    expect(written(answer).length).toBeLessThan(13);
  });

  test("a line without an end is cut between words, else between characters", () => {
    const [words, ...more] = written("lorem ".repeat(5000));
    expect(words?.endsWith("lorem")).toBe(true);
    expect(more.every((page) => page.startsWith("lorem"))).toBe(true);
    for (const character of ["🙂", "👩‍👩‍👧‍👦", "👍🏽", "e\u0301"]) {
      for (const shift of [0, 1, 2, 3]) {
        const pages = written("x".repeat(shift) + character.repeat(Math.ceil(30_000 / character.length)));
        expect(pages.length).toBeGreaterThan(2);
        expect(pages.slice(1).every((page) => page.startsWith(character))).toBe(true);
      }
    }
  });

  test("what is written never costs more than was reckoned", () => {
    fc.assert(
      fc.property(costly, (text) => {
        for (const line of readMarkdown(text)) {
          expect(line.indent.length + line.markdown.length + 1).toBeLessThanOrEqual(line.cost);
        }
      }),
      { numRuns: 500 },
    );
  });
});

test("lines are the same, whatever parts they are read in", () => {
  const [whole, byLine] = [
    createMarkdownReader(undefined, Number.POSITIVE_INFINITY),
    createMarkdownReader(undefined, 1),
  ];
  const table = fc.constantFrom("\n| a | b |\n", "|---|:-:|\n", "\n> | a |\n> |---|\n", "\n> ```\n> ");
  const texts = fc.array(fc.oneof(fc.constantFrom(...MARKDOWN_WORDS), table), { maxLength: 40 });
  fc.assert(
    fc.property(texts, (words) => {
      expect(byLine(words.join(""))).toEqual(whole(words.join("")));
    }),
    { numRuns: 1000 },
  );
});

test("an edit of an answer of 100,000 characters reads its last part only", () => {
  let read = 0;
  let most = 0;
  const reader = createMarkdownReader((state, part, isLast) => {
    read += part.length;
    return readLines(state, part, isLast);
  });
  for (let end = 90_000; end <= LONG.length; end += 97) {
    read = 0;
    reader(LONG.slice(0, end));
    if (end > 90_000) most = Math.max(most, read);
  }
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(3 * 2_100);
});

describe("code over more than one page", () => {
  const code = Array.from({ length: 900 }, (_, i) => `  const value${i} = "${"x".repeat(20)}";`).join("\n");

  test("is closed, and goes on in its language", () => {
    const pages = written(`Look:\n\n\`\`\`ts\n${code}\n\`\`\`\n\nDone.`);
    expect(pages.length).toBeGreaterThan(2);
    expect(pages.slice(1).every((page) => page.startsWith("```ts\n  const"))).toBe(true);
    expect(pages.slice(0, -1).every((page) => page.endsWith('";\n```'))).toBe(true);
    expect(pages.at(-1)).toMatch(/";\n```\n\nDone\.$/);
  });

  test("in a list or a quote is the same code", () => {
    const plain = written(`\`\`\`ts\n${code}\n\`\`\`\n\nDone.`);
    for (const prefix of ["   ", "> "]) {
      const pages = written(`${`\`\`\`ts\n${code}\n\`\`\``.replaceAll(/^/gm, prefix)}\n\nDone.`);
      expect(pages).toEqual(plain);
    }
  });

  test("of one line goes on where it was cut", () => {
    const pages = written(`\`\`\`\n${"ab ".repeat(8000)}\n\`\`\``);
    expect(pages.length).toBeGreaterThan(2);
    expect(ink(pages.join("").replaceAll("`", ""))).toBe("ab".repeat(8000));
  });
});

test("a table over more than one page has its head on each", () => {
  const rows = Array.from({ length: 400 }, (_, i) => `| ${i} | a cell of some words in row ${i} |`).join("\n");
  const pages = written(`| No | Text |\n|---:|------|\n${rows}`);
  expect(pages.length).toBeGreaterThan(1);
  expect(pages.every((page) => page.startsWith("| No | Text |\n|---:|------|\n| "))).toBe(true);
});

test("no table is larger than Slack's own are", () => {
  const rows = written(`| a | b |\n|---|---|\n${"| 1 | 2 |\n".repeat(250)}`);
  expect(rows.map((page) => page.split("\n").length - 1)).toEqual([100, 100, 53]);
  expect(rows.every((page) => page.startsWith("| a | b |\n|---|---|\n| 1"))).toBe(true);
  const long = written(`| a |\n|---|\n${`| ${"word ".repeat(40)} |\n`.repeat(60)}`);
  expect(Math.max(...long.map((page) => page.length))).toBeLessThanOrEqual(10_100);
});

test("a table of more columns than Slack has is lines of text", () => {
  const cells = Array.from({ length: 21 }, (_, index) => `c${index}`);
  const [wide] = written(`${cells.join("|")}\n${cells.map(() => "--").join("|")}\n${cells.join("|")}`);
  expect(wide).toBe(`${cells.join("|")}\n\u200B${cells.map(() => "--").join("|")}\n${cells.join("|")}`);
  const [kept] = written(
    `|${cells.slice(1).join("|")}|\n|${cells
      .slice(1)
      .map(() => "--")
      .join("|")}|`,
  );
  expect(kept).not.toContain("\u200B");
});

test("a list that is cut goes on as a list, not as code", () => {
  const items = Array.from({ length: 300 }, (_, i) => `        - item ${i} ${"word ".repeat(10)}`).join("\n");
  const pages = written(`- a\n    - b\n${items}\n    - c\n- d`);
  expect(pages.length).toBeGreaterThan(1);
  expect(pages[1]).toMatch(/^- item/);
  expect(pages.at(-1)).toMatch(/\n- c\n- d$/);
});

describe("where pages are cut", () => {
  const word = "lorem ";

  test("between blocks, else between lines", () => {
    const line = `${word.repeat(300)}end of line.`;
    expect(written(`${line}\n${line}\n${line}\n${line}\nend of block.\n\n${line}\n${line}\n${line}`)[0]).toMatch(
      /end of block\.$/,
    );
    expect(written(Array.from({ length: 9 }, () => line).join("\n"))[0]).toMatch(/end of line\.$/);
  });

  test("earlier pages stay as they are while the answer grows", () => {
    const parts = ["A **long** sentence with `code` and <b>. ", "word ".repeat(12), "\n", "\n\n", "- item\n"];
    const more = ["```ts\nlet a = [1](2);\n", "x\n```\n", "[docs](https://e.example/a) ", "`open ", "> quote\n"];
    const table = ["| a | b |\n|---|---|\n| 1 | `2` |\n", "![x](https://e.example/x.png) ", "**open ", "x".repeat(700)];
    const answers = fc.array(fc.constantFrom(...parts, ...parts, ...more, ...table), {
      minLength: 600,
      maxLength: 900,
    });
    fc.assert(
      fc.property(answers, fc.integer({ min: 150, max: 600 }), (words, step) => {
        const answer = words.join("");
        let settled: string[] = [];
        for (let end = step; end <= answer.length + step; end += step) {
          const now = renderSlack(answer.slice(0, end)).map((page) => JSON.stringify(page));
          expect(now.slice(0, settled.length)).toEqual(settled);
          settled = now.slice(0, -1);
        }
      }),
      { numRuns: 4 },
    );
  });

  test("every prefix of random Markdown is pages that Slack takes", () => {
    fc.assert(
      fc.property(fc.array(markdown, { minLength: 20, maxLength: 60 }), fc.nat(), (texts, at) => {
        const text = texts.join("\n");
        checkPages(renderSlack(text.slice(0, at % (text.length + 1))));
      }),
      { numRuns: 30 },
    );
  });

  test.each([
    ["quotes in quotes", ">".repeat(100_000)],
    ["lists in lists", "- ".repeat(50_000)],
    ["spaces before a word", `${" ".repeat(100_000)}x`],
    ["numbers in numbers", "1. ".repeat(30_000)],
    ["links that do not end", "[a](".repeat(25_000)],
    ["links in links", `${"[".repeat(300)}a${"](b)".repeat(300)}`],
    ["brackets", "]".repeat(100_000)],
    ["open brackets", "[".repeat(100_000)],
    ["stars", "*a **b ".repeat(15_000)],
    ["backticks", `${"`".repeat(100_000)}\nx`],
    ["backticks of all lengths", Array.from({ length: 400 }, (_, i) => "`".repeat(i)).join(" ")],
    ["cells", "|a".repeat(50_000)],
    ["angle brackets", "<".repeat(100_000)],
    ["addresses", "https://e.example/".repeat(6_000)],
    ["names of sites", "a.".repeat(50_000)],
    ["images", "![](https://e.example/a.png)".repeat(4_000)],
    ["empty lines", "\n".repeat(100_000)],
    ["fences", "```\n".repeat(20_000)],
  ])("an answer made of %s is rendered in time", (_, text) => {
    const start = performance.now();
    const pages = renderSlack(text);
    expect(performance.now() - start).toBeLessThan(5_000);
    for (const page of pages) expect(markdownOf(page).length).toBeLessThanOrEqual(11_000);
  });
});
