import { describe, expect, test } from "vitest";
import { createTelegramRenderer } from "../../adapters/telegram/telegram-render.ts";
import { quietText } from "../../adapters/telegram/telegram-link.ts";
import { checkPages, entitiesOf } from "./check-page.ts";

const render = createTelegramRenderer();

/** The page as one line per piece of formatting, below its text. */
function shown(markdown: string, growing = false): string {
  const pages = render(markdown, growing);
  expect(pages.length).toBe(1);
  const page = pages[0]!;
  const formats = entitiesOf(page).map((it) => {
    const more = it.type === "text_link" ? ` ${it.url}` : it.type === "pre" && it.language ? ` ${it.language}` : "";
    return `${it.type}${more}: ${JSON.stringify(page.text.slice(it.offset, it.offset + it.length))}`;
  });
  return [page.text, ...formats].join("\n");
}

describe("inline", () => {
  test.each([
    [
      "**bold** and *italic* and ~~struck~~",
      'bold and italic and struck\nbold: "bold"\nitalic: "italic"\nstrikethrough: "struck"',
    ],
    ["**a *b* c**", 'a b c\nbold: "a b c"\nitalic: "b"'],
    ["**a `b` c**", 'a b c\nbold: "a "\ncode: "b"\nbold: " c"'],
    ["**a __b__ c**", 'a b c\nbold: "a b c"'],
    ["**a**_b_**c**", 'abc\nbold: "a"\nitalic: "b"\nbold: "c"'],
    ["~5 and ~10, 2*3*4", '~5 and ~10, 234\nitalic: "3"'],
    ["a\\*b &amp; &lt;c&gt; <i>d</i>", "a*b & <c> <i>d</i>"],
    ["one\ntwo  \nthree", "one\ntwo\nthree"],
    ["a**half\n\nb", "a**half\n\nb"],
    ["🙂 **x** 🙂", '🙂 x 🙂\nbold: "x"'],
  ])("%s", (markdown, expected) => {
    expect(shown(markdown)).toBe(expected);
  });
});

describe("links", () => {
  test.each([
    ["[a](https://e.example/x_y)", 'a\ntext_link https://e.example/x_y: "a"'],
    ["[a](tg://resolve?domain=x)", 'a\ntext_link tg://resolve?domain=x: "a"'],
    ["[a](tg://user?id=7)", "a (tg://user?id=7)"],
    ["[**a**](https://e.example)", 'a\ntext_link https://e.example/: "a"\nbold: "a"'],
    ["[`a`](https://e.example)", 'a\ntext_link https://e.example/: "a"'],
    ["https://e.example/x_y and www.e.example", "https://e.example/x_y and www.e.example"],
    ["[x](javascript:alert(1))", "x (javascript:alert(1))"],
    ["[x](http://localhost:3000)", "x (http://localhost:3000)"],
    ["[x](https://e.example:0/)", "x (https://e.example:0/)"],
    ["[x](../other.md)", "x (../other.md)"],
    ["[write](mailto:ann@e.example), [call](tel:+123)", "write (ann@e.example), call (+123)"],
    ["ann@e.example", "ann@e.example"],
    ["[](https://e.example)", "https://e.example"],
    ["[x]()", "x"],
    ["![cat](https://e.example/c.png)", 'cat\ntext_link https://e.example/c.png: "cat"'],
    ["![](https://e.example/c.png)", 'image\ntext_link https://e.example/c.png: "image"'],
    ["[![badge](https://i.example/b.svg)](https://e.example)", 'badge\ntext_link https://e.example/: "badge"'],
    ["[a][r]\n\n[r]: https://e.example", 'a\ntext_link https://e.example/: "a"'],
    [
      "[a][r]\n\n[r]: https://one.example\n[r]: https://two.example",
      'a\n\n[r]: https://two.example\ntext_link https://one.example/: "a"',
    ],
    ["[NOTE]: done", "[NOTE]: done"],
    ["a[^1]\n\n[^1]: the *note*", 'a[1]\n\n[1] the note\nitalic: "note"'],
  ])("%s", (markdown, expected) => {
    expect(shown(markdown)).toBe(expected);
  });
});

describe("blocks", () => {
  test.each([
    ["# One\n\ntext", 'One\n\ntext\nbold: "One"'],
    ["# One `x` **y**", 'One x y\nbold: "One "\ncode: "x"\nbold: " y"'],
    ["- a\n- b\n  - c\n    d\n- e", "• a\n• b\n  • c\n    d\n• e"],
    ["- a\n\n- b\n\n  more", "• a\n• b\n  more"],
    ["3. a\n4. b", "3. a\n4. b"],
    ["- [x] a\n- [ ] b", "☑ a\n☐ b"],
    ["- a\n\n  ```sh\n  ls\n  ```\n- b", '• a\nls\n• b\npre sh: "ls"'],
    ["> a\n> **b**\n\nc", 'a\nb\n\nc\nblockquote: "a\\nb"\nbold: "b"'],
    ["> a\n> > b", 'a\n\nb\nblockquote: "a\\n\\nb"'],
    ["> a\n> ```\n> b\n> ```", 'a\n\nb\nblockquote: "a\\n\\nb"\npre: "b"'],
    ["- > a", '• \na\nblockquote: "a"'],
    ["```ts\nlet a = 1;\n```\n\nb", 'let a = 1;\n\nb\npre ts: "let a = 1;"'],
    ["```ts\nlet a", 'let a\npre ts: "let a"'],
    ["a\n\n```ts", "a"],
    ["```a b c\nx\n```", 'x\npre a: "x"'],
    ["a\n\n***\n\nb", "a\n\n———\n\nb"],
    [`a\n\n${"-".repeat(40)}\n\nb`, "a\n\n———\n\nb"],
    [`One\n${"-".repeat(40)}\n\na`, 'One\n\na\nbold: "One"'],
    [`\`\`\`\n+${"-".repeat(40)}+\n\`\`\``, `+${"-".repeat(40)}+\npre: "+${"-".repeat(40)}+"`],
    ["<div>\n<p>x</p>\n</div>", "<div>\n<p>x</p>\n</div>"],
    ["", "…"],
    [" \n\t\n", "…"],
    ["\u200B", "…"],
    ["a\0b\r\nc\u202E", "ab\nc"],
  ])("%j", (markdown, expected) => {
    expect(shown(markdown)).toBe(expected);
  });

  test("code may have any number of brackets", () => {
    const code = "a[0]\n".repeat(600).trim();
    expect(render(`\`\`\`\n${code}\n\`\`\``)).toMatchObject([{ text: code, rich: { entities: [{ type: "pre" }] } }]);
  });
});

describe("tables", () => {
  test("small ones stand in columns", () => {
    const markdown = "| Name | Sum | x |\n|:--|--:|:-:|\n| **Ann** | 1 | a |\n| 王 | `22` | bcd |";
    const lines = ["Name | Sum |  x", "-----+-----+----", "Ann  |   1 |  a", "王   |  22 | bcd"];
    expect(render(markdown)[0]?.text).toBe(lines.join("\n").replace("-----+-----+----", "-----+-----+----"));
    expect(entitiesOf(render(markdown)[0]!)).toMatchObject([{ type: "pre" }]);
  });

  test("columns are as wide as what is seen in them", () => {
    const cells = ["王小明", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "1️⃣", "e\u0301", "Ａｎ", "한글", "。", "✅", "ab"];
    const widths = [6, 2, 2, 2, 2, 1, 4, 4, 2, 2, 2];
    const lines = render(`| n | x |\n|---|---|\n${cells.map((cell) => `| ${cell} | x |`).join("\n")}`)[0]!.text.split(
      "\n",
    );
    expect(lines.slice(2)).toEqual(cells.map((cell, index) => `${cell}${" ".repeat(6 - widths[index]!)} | x`));
  });

  test("wide ones, and those with links, are told row by row", () => {
    const long = "a rather long cell of many words";
    const markdown = `| Name | Text |\n|--|--|\n| Ann | ${long} ${long} |\n| Bob | [x](https://e.example) **y** |`;
    expect(shown(markdown)).toBe(
      [
        `Name: Ann\nText: ${long} ${long}\n\nName: Bob\nText: x y`,
        'bold: "Name:"',
        'bold: "Text:"',
        'bold: "Name:"',
        'bold: "Text:"',
        'text_link https://e.example/: "x"',
        'bold: "y"',
      ].join("\n"),
    );
  });

  test("one that is only beginning is one already", () => {
    for (const markdown of [
      "| a | b |",
      "| a | b |\n",
      "| a | b |\n|--",
      "| a | b |\n|--|--|",
      "| a | b |\n|--|--|\n|",
    ]) {
      expect(render(markdown, true)[0]?.text).toBe("a | b\n--+--");
    }
    expect(render("|x| is never negative")[0]?.text).toBe("|x| is never negative");
  });
});

describe("a quote", () => {
  test("that is long opens when it is touched", () => {
    const types = (markdown: string) => render(markdown).flatMap((page) => entitiesOf(page).map((it) => it.type));
    expect(types(`> ${"word ".repeat(150)}`)).toEqual(["blockquote"]);
    expect(types(`> ${"word ".repeat(170)}\n> > **inner**`)).toEqual(["expandable_blockquote", "bold"]);
    expect(types(`> ${"word ".repeat(1000)}`)).toEqual(["expandable_blockquote", "expandable_blockquote"]);
  });
});

describe("an answer that is not finished looks as if it were", () => {
  test.each([
    ["half **bold", 'half bold\nbold: "bold"'],
    ["half **bold ", 'half bold\nbold: "bold"'],
    ["half **bold*", 'half bold\nbold: "bold"'],
    ["half **重点：", 'half 重点：\nbold: "重点："'],
    ["half **", "half"],
    ["half **bold `co", 'half bold co\nbold: "bold "\ncode: "co"'],
    ["half ~~struck", 'half struck\nstrikethrough: "struck"'],
    ["half `co", 'half co\ncode: "co"'],
    ["half ``a ` b`", 'half a ` b\ncode: "a ` b"'],
    ["half `", "half"],
    ["2 * 3 and 4 ** 5, snake_case", "2 * 3 and 4 ** 5, snake_case"],
    ["see [docs](", "see docs"],
    ["see [docs](https://e.exa", "see docs"],
    ['see [docs](https://e.example "ti', "see docs"],
    ["see **[docs](https://e.exa", 'see docs\nbold: "docs"'],
    ["see ![chart](https://e.exa", "see chart"],
    ["see [docs](is not a link, is it", "see [docs](is not a link, is it"],
    ["text\n-", "text"],
    ["text\n--", "text"],
    ["text\n\n- one\n-", "text\n\n• one"],
    ["text\n\n- [x] one\n- [", "text\n\n☑ one"],
    ["text\n\n- [x] one\n- [ ]", "text\n\n☑ one"],
    ["text\n\n- [x", "text"],
    ["text\n=", "text"],
    ["text\n\n##", "text"],
    ["text\n\n>", "text"],
    ["text\n\n**", "text"],
    ["> a **b", 'a b\nblockquote: "a b"\nbold: "b"'],
    ["- a **b", '• a b\nbold: "b"'],
    ["# a **b", 'a b\nbold: "a b"'],
    ["text\n\n``", "text"],
    ["text\n\n```ts", "text"],
    ["```ts\nlet\n``", 'let\npre ts: "let"'],
    ["| a | b |\n|--|--|\n| **x", 'a | b\n--+--\nx |\npre: "a | b\\n--+--\\nx |"'],
    ["-", "•"],
    ["**", "**"],
  ])("%j", (markdown, expected) => {
    expect(shown(markdown, true)).toBe(expected);
  });

  test("code that is finished keeps a last line of signs", () => {
    expect(shown("```\ncd\n~\n```")).toBe('cd\n~\npre: "cd\\n~"');
  });

  test.each(["2 **", "path ~", "Rated 5 *", "a[0](b", "regex: [a-z](?:x", "tick `", "a ``"])(
    "one that ends in %j has all of it in the end",
    (text) => {
      expect(render(text)[0]?.text).toBe(text);
    },
  );

  test("prose only grows", () => {
    const prose =
      "It **costs** about 5 € (~4 £), see [the docs](https://e.example/a) and `npm run x`; *really*. Done! ".repeat(3);
    let before = "";
    for (let end = 1; end <= prose.length; end += 1) {
      const { text } = render(prose.slice(0, end), true)[0]!;
      expect(text).not.toMatch(/\*\*|`|\]\(|https:/);
      expect(text.startsWith(before), text).toBe(true);
      // A label may become a link, and a star emphasis.
      before = text.replace(/\[[^\]]*\]?$|\*(?=\w)[^*]*$/, "").trimEnd();
    }
  });
});

describe("security-24: addresses that carry much are text", () => {
  const SECRET = "c2VjcmV0LWNhbmFyeS1vZi1hbm4tMTIzNDU2Nzg5MA";
  const LEAK = `https://evil.example/p?d=${SECRET}`;

  test.each([
    [`[docs](${LEAK})`, `docs (${LEAK})\ncode: "${LEAK}"`],
    [`![cat](${LEAK})`, `cat (${LEAK})\ncode: "${LEAK}"`],
    [`see ${LEAK}.`, `see ${LEAK}.\ncode: "${LEAK}"`],
    [`<${LEAK}>`, `${LEAK}\ncode: "${LEAK}"`],
    [
      `evil.example/p/${SECRET}${SECRET}`,
      `evil.example/p/${SECRET}${SECRET}\ncode: "evil.example/p/${SECRET}${SECRET}"`,
    ],
    ["https://ann:pw@e.example/", 'https://ann:pw@e.example/\ncode: "https://ann:pw@e.example/"'],
    ["[bank.example](https://evil.example)", "bank.example (https://evil.example)"],
  ])("%s", (markdown, expected) => {
    expect(shown(markdown)).toBe(expected);
  });

  test("however far they have come, among whatever", () => {
    for (const around of [
      "%",
      "**%**",
      "# %",
      "- %",
      "> %",
      "| a |\n|---|\n| % |",
      "x[%](https://e.example)",
      "`open %",
    ]) {
      const markdown = around.replace("%", () => `a ${LEAK} b [c](${LEAK}) @ann_smith`);
      for (let end = 1; end <= 2 * markdown.length; end += 1) {
        const page = render(markdown.slice(0, end >> 1), end % 2 === 0)[0]!;
        checkPages([page]);
        const code = entitiesOf(page).filter(({ type }) => type === "code" || type === "pre");
        for (const { index } of page.text.matchAll(/\?d=\w{20}/g)) {
          expect(
            code.some(({ offset, length }) => offset <= index && index < offset + length),
            page.text,
          ).toBe(true);
        }
      }
    }
  });
});

test("security-23: nobody is mentioned, and an address of mail stays one", () => {
  expect(render("@ann_smith, (@bob) ann@e.example @ 5")[0]?.text).toBe(
    "@\u2060ann_smith, (@\u2060bob) ann@e.example @ 5",
  );
  expect(quietText(`@ann https://e.example/?d=${"a1".repeat(20)}`)).toBe(
    `＠ann https：//e․example/?d=${"a1".repeat(20)}`,
  );
});
