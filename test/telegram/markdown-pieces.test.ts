import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { proseOf } from "../../adapters/telegram/markdown-pieces.ts";
import { fromMarkdownPiece } from "../../adapters/telegram/telegram-markdown.ts";

/** Far more of what may mean something than any text has. */
const risky = fc.constantFrom(
  ...`- + 1. 2) = # * _ \` ~ > < | [ ] ( ) ! \\ &amp; & http://x.org HTTPS://x.org www.x.org WWW.x`.split(" "),
  ...`a@b.org mailto:a@b.org :// : @ \t \n`.split(" "),
);
const plain = fc.constantFrom(
  "word",
  "Größe",
  "日本語",
  "it's",
  '"so"',
  "50%",
  "a/b",
  "– yes",
  "…",
  "12",
  "e.g.",
  "3.5",
);
const texts = fc
  .array(fc.tuple(fc.oneof({ weight: 6, arbitrary: plain }, risky), fc.constantFrom("", " ", " ", "  ")), {
    minLength: 1,
    maxLength: 12,
  })
  .map((parts) => parts.map(([word, gap]) => word + gap).join(""));

describe("prose", () => {
  it("is what the parser would give back as it is", () => {
    let prose = 0;
    fc.assert(
      fc.property(texts, fc.constantFrom("", " ", "\n", "\n\n"), (text, end) => {
        const found = proseOf(text + end);
        if (found === null) return;
        prose += 1;
        expect(fromMarkdownPiece(text + end)).toMatchObject({ text: found, entities: [] });
        // With another block behind it, the parser reads the whole.
        expect(fromMarkdownPiece(`${text}\n\n\`x\``).text).toBe(`${found}\n\nx`);
      }),
      { numRuns: 5_000 },
    );
    expect(prose).toBeGreaterThan(300);
  });

  it.each([
    "- a point",
    "1. a point",
    "12) a point",
    "+ a point",
    "# a heading",
    "see www.example.org for more",
    "see http://example.org for more",
    "    code",
    "two\nlines",
    "a *word*",
    "a `word`",
    "a_word_",
    "x < y",
    "R&D",
    "",
    "\n",
  ])("is not %j", (text) => {
    expect(proseOf(text)).toBeNull();
  });

  it.each([
    ["A plain answer, as most lines of most answers are.", "A plain answer, as most lines of most answers are."],
    ["Well-known (since 1998): it's “good” – 50% more…\n\n", "Well-known (since 1998): it's “good” – 50% more…"],
    ["an unfinished ", "an unfinished"],
  ])("is %j", (text, found) => {
    expect(proseOf(text)).toBe(found);
  });
});
