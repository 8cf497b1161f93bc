import { describe, expect, test } from "vitest";
import { renderSlack } from "../../adapters/slack/slack-render.ts";
import { checkPages, markdownOf } from "./check-slack-page.ts";

const NOTHING = "\u200B";

/** The Markdown of the only page, and its plain text where that is another. */
function shown(markdown: string, growing = false): string | [string, string] {
  const pages = renderSlack(markdown, growing);
  expect(pages.length).toBe(1);
  checkPages(pages);
  const written = markdownOf(pages[0]!);
  return written === pages[0]!.text ? written : [written, pages[0]!.text];
}

describe("inline", () => {
  test.each([
    ["**bold** and *italic* and ~~struck~~", ["**bold** and *italic* and ~~struck~~", "bold and italic and struck"]],
    ["***both*** and __bold__ and _it_", ["***both*** and __bold__ and _it_", "both and bold and it"]],
    ["~5 and ~10, 2 * 3, snake_case_name, 2 ** 3", "~5 and ~10, 2 * 3, snake_case_name, 2 ** 3"],
    ["use `a < b && c` now", ["use `a &lt; b &amp;& c` now".replace("&amp;&", "&&"), "use a < b && c now"]],
    ["`&lt;` and `&amp;`, &lt; and &amp;", ["`&amp;lt;` and `&amp;amp;`, &lt; and &amp;", "&lt; and &amp;, < and &"]],
    ["``a ` b``", ["``a ` b``", "a ` b"]],
    ["if a<b and b>c", ["if a&lt;b and b&gt;c", "if a<b and b>c"]],
    ["a\\*b \\<c\\>", ["a\\*b &lt;c&gt;", "a*b <c>"]],
    ["<i>d</i><br>", ["&lt;i&gt;d&lt;/i&gt;&lt;br&gt;", "<i>d</i><br>"]],
    ["@here and ann@here.example", [`@${NOTHING}here and ann@here.example`, "@here and ann@here.example"]],
    ["one ` two\nthree", ["one ˋ two\nthree", "one ` two\nthree"]],
    ["a\0b\r\nc\u202E", "ab\nc"],
    ["I&#39;m &#169; &quot;x&quot;", ["I&#39;m &#169; &quot;x&quot;", 'I\'m © "x"']],
  ])("%j", (markdown, expected) => {
    expect(shown(markdown)).toEqual(expected);
  });
});

describe("links", () => {
  test.each([
    ["[a](https://e.example/x_y)", ["[a](https://e.example/x_y)", "a"]],
    ["[**a** `b`](https://e.example)", ["[**a** `b`](https://e.example)", "a b"]],
    ['[a](https://e.example "title")', ["[a](https://e.example)", "a"]],
    ["[a](<https://e.example>)", ["[a](https://e.example)", "a"]],
    ["[w](https://e.example/w_(x))", ["[w](https://e.example/w_%28x%29)", "w"]],
    ["[e.example](https://e.example/a)", ["[e.example](https://e.example/a)", "e.example"]],
    ["[write](mailto:ann@e.example)", ["[write](mailto:ann@e.example)", "write"]],
    ["[call](tel:+123)", ["call (`tel:+123`)", "call (tel:+123)"]],
    ["[x](javascript:alert(1))", ["x (`javascript:alert(1)`)", "x (javascript:alert(1))"]],
    ["[x](../other.md)", "x (../other.md)"],
    ["[](https://e.example)", "https://e.example"],
    ["[x]()", "x"],
    ["https://e.example/x_y, and www.e.example.", "https://e.example/x_y, and www.e.example."],
    ["(https://e.example/w_(x))", "(https://e.example/w_(x))"],
    ["<https://e.example> <ann@e.example>", "https://e.example ann@e.example"],
    [
      "https://e.example/?a=1&b=2 https://e.example/wiki/Köln",
      "https://e.example/?a=1&b=2 https://e.example/wiki/Köln",
    ],
    ["[Москва](https://e.example/wiki/Москва)", ["[Москва](https://e.example/wiki/Москва)", "Москва"]],
    ["[a](https://e.example/@here)", ["[a](https://e.example/%40here)", "a"]],
    [
      "[a](https://e.example/?x=&lt;!here&gt;)",
      ["a (`https://e.example/?x=&amp;lt;!here&amp;gt;`)", "a (https://e.example/?x=&lt;!here&gt;)"],
    ],
    ["看https://e.example。好", ["看https://e.example 。好", "看https://e.example。好"]],
    ["**https://e.example**", ["**https://e.example**", "https://e.example"]],
    [
      "[a][r]\n\n[r]: https://e.example",
      [`${NOTHING}[a]${NOTHING}[r]\n\n${NOTHING}[r]${NOTHING}: https://e.example`, "[a][r]\n\n[r]: https://e.example"],
    ],
    ["a[^1]\n\n[^1]: the note", [`a[^1]\n\n${NOTHING}[^1]${NOTHING}: the note`, "a[^1]\n\n[^1]: the note"]],
    ["f[0](x), done [1]", "f0 (x), done [1]"],
    ["- [x] a\n- [ ] b", "- [x] a\n- [ ] b"],
  ])("%j", (markdown, expected) => {
    expect(shown(markdown)).toEqual(expected);
  });
});

describe("blocks", () => {
  test.each([
    ["# One `x`\n\ntext", ["# One `x`\n\ntext", "One x\n\ntext"]],
    ["> a > b\n> > c", ["> a &gt; b\n> > c", "> a > b\n> > c"]],
    ["- a\n  - b\n    1. c", "- a\n  - b\n    1. c"],
    [
      "```ts\nlet a: Array<T> = b[0](c);\n```\nd",
      ["```ts\nlet a: Array&lt;T&gt; = b[0](c);\n```\nd", "let a: Array<T> = b[0](c);\nd"],
    ],
    [
      "```a b c\n@here ![x](https://e.example)\n```",
      ["```a\n@here ![x](https://e.example)\n```", "@here ![x](https://e.example)"],
    ],
    ["~~~\n```\n~~~", ["~~~\n```\n~~~", "```"]],
    ["- a\n  ```sh\n  ls\n   -l\n  ```\n- b", ["- a\n```sh\nls\n -l\n```\n- b", "- a\nls\n -l\n- b"]],
    ["- ```sh\n  ls\n  ```", ["```sh\nls\n```", "ls"]],
    ["1. a\n   ```\nls\n   ```", ["1. a\n```\nls\n```", "1. a\nls"]],
    ["1. a\n\n    ```\n    ls\n    ```\n    b\n2. c", ["1. a\n\n```\nls\n```\nb\n\n2. c", "1. a\n\nls\nb\n2. c"]],
    ["> ```\n> x\nafter", ["```\nx\n```\nafter", "x\nafter"]],
    ["| a | b |\n|--|--|\n| `x` | 2 |", ["| a | b |\n|--|--|\n| `x` | 2 |", "| a | b |\n| x | 2 |"]],
    ["| a |\n|--|\n| `x \\| y` |", ["| a |\n|--|\n| `x \\| y` |", "| a |\n| x | y |"]],
    ["use `a || b` here", ["use `a || b` here", "use a || b here"]],
    ["a\n\n***\n\nb", "a\n\n***\n\nb"],
    ["", "…"],
    [" \n\t\n", "…"],
    ["\u200B", "…"],
  ])("%j", (markdown, expected) => {
    expect(shown(markdown)).toEqual(expected);
  });
});

describe("an answer that is not finished looks as if it were", () => {
  test.each([
    ["half **bold", ["half **bold**", "half bold"]],
    ["half **bold ", ["half **bold**", "half bold"]],
    ["half **", "half"],
    ["half ***both", ["half ***both***", "half both"]],
    ["half ~~struck", ["half ~~struck~~", "half struck"]],
    ["half `co", ["half `co`", "half co"]],
    ["half `", "half"],
    ["see [docs", "see [docs"],
    ["see [docs](", "see docs"],
    ["see [docs](https://e.exa", "see docs"],
    [
      "see [docs](is not a link, is it",
      [`see [docs]${NOTHING}(is not a link, is it`, "see [docs](is not a link, is it"],
    ],
    ["see ![chart](https://e.exa", "see chart"],
    ["a\n-", "a"],
    ["a\n--", "a"],
    ["a\n=", "a"],
    ["- a\n- ", "- a"],
    ["a\n\n> ", "a"],
    ["a\n\n##", "a"],
    ["-", "-"],
    ["a\n\n```", "a"],
    ["a\n\n```ts", "a"],
    ["a\n\n```ts\n", "a"],
    ["a\n\n```ts\nlet", ["a\n\n```ts\nlet\n```", "a\n\nlet"]],
    ["a\n\n```ts\nlet\n``", ["a\n\n```ts\nlet\n```", "a\n\nlet"]],
    ["> ```\n> x", ["```\nx\n```", "x"]],
    ["🙂\uD83D", "🙂"],
  ])("%j", (markdown, expected) => {
    expect(shown(markdown, true)).toEqual(expected);
  });
});

test.each(["operator is:\n\n+", "2 **", "path ~", "Rated 5 *", "a[0](b", "regex: [a-z](?:x", "tick `", "a ``"])(
  "an answer that ends in %j has all of it in the end",
  (markdown) => {
    const [page] = renderSlack(markdown);
    expect(page!.text.replaceAll(/[^!-~]/g, "")).toBe(markdown.replaceAll(/\s/g, ""));
  },
);
