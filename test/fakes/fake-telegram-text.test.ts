import { array, assert, constantFrom, integer, oneof, property, record, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { checkLink } from "./telegram/check-link.ts";
import { readFormattedText, type FormattedText } from "./telegram/formatted-text.ts";
import { Refusal } from "./telegram/refusal.ts";

function read(text: string, entities: unknown[] = []): FormattedText {
  return readFormattedText({ text, entities }, "message is too long");
}

/** Entities as "bold 0-5". */
function shown({ entities }: FormattedText): string[] {
  return entities.map(({ type, offset, length }) => `${type} ${offset}-${offset + length}`);
}

function mark(type: string, offset: number, end: number): object {
  return { type, offset, length: end - offset, ...(type === "text_link" ? { url: "https://example.org" } : {}) };
}

describe("text", () => {
  test("loses blanks at both ends and inside gets clean", () => {
    expect(read(" \n a\tb\r\n\u202ec \n").text).toBe("a b\nc");
  });

  test("takes its formatting along when characters vanish", () => {
    const text = read("\n a\rb cd ", [mark("bold", 0, 5), mark("italic", 6, 9)]);
    expect(text.text).toBe("ab cd");
    expect(shown(text)).toEqual(["bold 0-2", "italic 3-5"]);
  });

  test("may have 4096 characters after trimming", () => {
    expect(read(`  ${"x".repeat(4096)}  `).text).toHaveLength(4096);
  });

  test("may hold blanks before the formatting, which starts with ink, and nothing only for blanks", () => {
    const text = read("a  b   c", [mark("code", 1, 4), mark("bold", 5, 7)]);
    expect(shown(text)).toEqual(["code 3-4"]);
  });
});

describe("formatting", () => {
  test("bold and italic may cross, which makes three of them", () => {
    expect(shown(read("abcdefgh", [mark("bold", 0, 5), mark("italic", 3, 8)]))).toEqual([
      "bold 0-3",
      "italic 3-8",
      "bold 3-5",
    ]);
  });

  test("code shows nothing inside", () => {
    const text = read("abcdefgh", [mark("bold", 0, 8), mark("code", 2, 4), mark("text_link", 2, 3)]);
    expect(shown(text)).toEqual(["bold 0-2", "code 2-4", "bold 4-8"]);
    expect(text.dropped).toEqual(["text_link at 2: inside or across another code", "bold at 0: inside code"]);
  });

  test("quotes hold other formatting, but no quotes, and nothing crosses their edge", () => {
    const text = read("abcdefgh", [
      mark("blockquote", 0, 4),
      mark("expandable_blockquote", 1, 3),
      mark("code", 1, 2),
      mark("text_link", 3, 6),
      mark("bold", 2, 6),
    ]);
    expect(shown(text)).toEqual(["blockquote 0-4", "code 1-2", "bold 2-6"]);
    expect(text.dropped).toEqual([
      "expandable_blockquote at 1: inside or across another blockquote",
      "text_link at 3: across the edge of a quote",
    ]);
  });

  test("over 100 is left out, first of all what is only bold or italic", () => {
    const bold = Array.from({ length: 60 }, (_, n) => mark("bold", n * 4, n * 4 + 1));
    const code = Array.from({ length: 60 }, (_, n) => mark("code", n * 4 + 2, n * 4 + 3));
    const text = read("x y ".repeat(60), [...bold, ...code]);
    const count = (type: string): number => text.entities.filter((entity) => entity.type === type).length;
    expect([count("code"), count("bold")]).toEqual([60, 40]);
    expect(text.dropped).toHaveLength(20);
  });

  test("what Telegram finds by itself cannot be set", () => {
    const text = read("https://example.org", [mark("url", 0, 5)]);
    expect(text.entities).toEqual([]);
    expect(text.dropped).toEqual(["url: a bot cannot set this type"]);
  });

  test("a language of code is kept, an empty one not", () => {
    const pre = { type: "pre", offset: 0, length: 1 };
    expect(read("x", [{ ...pre, language: "ts" }]).entities).toEqual([{ ...pre, language: "ts" }]);
    expect(read("x", [{ ...pre, language: "" }]).entities).toEqual([pre]);
  });

  test("is refused or fits the text, whatever is sent", () => {
    const types = ["bold", "italic", "code", "pre", "blockquote", "text_link"];
    const entity = record({
      type: oneof({ arbitrary: constantFrom(...types), weight: 20 }, constantFrom("url", "heading")),
      offset: integer({ min: -1, max: 16 }),
      length: integer({ min: -1, max: 12 }),
      url: oneof({ arbitrary: constantFrom("https://example.org"), weight: 20 }, constantFrom("javascript:alert(1)")),
    });
    const character = oneof(
      { arbitrary: constantFrom("a", "b", " ", "\n", "😀", "\r", "é"), weight: 50 },
      constantFrom("\ud83d", "\0"),
    );
    const accepted: FormattedText[] = [];
    const check = property(
      string({ unit: character, minLength: 8, maxLength: 30 }),
      array(entity, { maxLength: 5 }),
      (text, entities) => {
        const result = readOrRefuse(text, entities);
        if (result === undefined) {
          return;
        }
        accepted.push(result);
        // At the front a link may keep a blank: nothing would be left of it otherwise.
        expect(result.text).toBe(result.text.trimEnd());
        for (const { offset, length } of result.entities) {
          const covered = result.text.slice(offset, offset + length);
          expect(covered).toHaveLength(length);
          expect(covered.isWellFormed()).toBe(true);
        }
        // What Telegram has made of it once, it takes again unchanged. Links keep blanks, and that moves what is around.
        if (!result.entities.some(({ type, offset }) => type === "text_link" && /\s/.test(result.text[offset] ?? ""))) {
          expect(read(result.text, result.entities)).toEqual({ ...result, dropped: [] });
        }
      },
    );
    assert(check, { numRuns: 4000 });
    expect(accepted.filter((text) => text.entities.length > 1).length).toBeGreaterThan(20);
  });
});

function readOrRefuse(text: string, entities: unknown[]): FormattedText | undefined {
  try {
    return read(text, entities);
  } catch (error) {
    expect(error).toBeInstanceOf(Refusal);
    return undefined;
  }
}

test.each([
  ["https://example.org", true],
  ["HTTP://example.org:8080/a?b#c", true],
  ["example.org/path", true],
  ["https://user:pw@example.org", true],
  ["http://[::1]:80/", true],
  ["tg://user?id=1", true],
  ["tg:resolve?domain=x", true],
  ["ton://transfer", true],
  ["mailto:ann@example.org", true],
  ["tel:+123", false],
  ["http://localhost", false],
  ["https://", false],
  ["javascript:alert(1)", false],
  ["ftp://example.org", false],
  ["tg://user@x", false],
  ["", false],
])("a link to %s is taken: %s", (link, taken) => {
  const check = (): string => checkLink(link);
  if (taken) {
    expect(check()).toBe(link);
  } else {
    expect(check).toThrow(/entity URL '[^]*' is invalid/);
  }
});
