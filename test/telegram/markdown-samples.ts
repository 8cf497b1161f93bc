/** Markdown with everything in it, and much of it unlucky. */
export const NASTY = `# A *heading* with \`code\`

Hello **bold *and italic* \`and code\` bold** ~~struck~~ ~5 to ~10 👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301.
A second line, hard  
break. [A link](https://example.com/a_b?c=d&e=f "title"), [bad](javascript:alert(1)), <b>raw</b> &amp; &lt;.
[mail](mailto:ann@example.com) [call](tel:+123456) [app](tg://resolve?domain=x) [local](http://localhost:3000/x) [empty]() [](https://empty.example)
http://plain.example/x_y www.plain.example ann@example.com

- one
  - two **b
  - three**
    1. four
    2. five

       a paragraph in it
- [x] done
- [ ] open

  \`\`\`py
  def f():
      return "*not bold*"
  \`\`\`

7. seven
8. eight

> quote **bold**
> > inner
>
> - in a list
>
> \`\`\`
> code in a quote
> \`\`\`

| Name | Amount |
|:-----|-------:|
| Ann  | 1      |
| Bob \`x\` | 22 |
| 王小明 | 333 |

| A very long head of a column | Another very long head of a column |
|---|---|
| a very long cell that will not fit | with a [link](https://example.com) |

![picture](https://example.com/p.png) ![](x.png)[![badge](https://b.example/i.svg)](https://b.example)

<div>
block of html
</div>

A footnote[^1] and a [reference][ref] and [unused]: x.

[^1]: The note **bold**.
[ref]: https://example.com/ref
[INFO]: done

***

    indented code

Setext
------

\`\`\`js
const open = "fence"`;

/** Words of Markdown, for random documents. */
export const MARKDOWN_WORDS = [
  "word",
  "**",
  "*",
  "_",
  "__",
  "~~",
  "`",
  "``",
  "[",
  "](",
  ")",
  "https://e.example/x",
  "!",
  "\n",
  "\n\n",
  "\n- ",
  "\n  - ",
  "\n1. ",
  "\n> ",
  "\n```js\n",
  "\n```\n",
  "\n# ",
  "\n| a | b |\n|---|---|\n| c | d |\n",
  "|",
  " ",
  "  \n",
  "👍🏽",
  "👩‍👩‍👧‍👦",
  "é",
  "<b>",
  "</b>",
  "<!--",
  "&amp;",
  "\\",
  "[^1]",
  "\n[^1]: note\n",
  "\n[r]: https://e.example\n",
  "[r]",
  "\n---\n",
  "\t",
  "\0",
  "\r\n",
  "\uD83D",
  "\u2028",
  "\u202E",
  "王小明",
  "x".repeat(300),
];

const SENTENCE = "A sentence with **bold** and `code` in it, and then some more words to fill it. ";

/** An answer of more than 100,000 characters: prose, a list, a table, and code that alone is 60,000. */
export const LONG = [
  `${SENTENCE.repeat(6)}\n\n`.repeat(50),
  "- an item with a [link](https://e.example/a)\n".repeat(200),
  `\n| a | b |\n|---|---|\n${"| 1 | `2` |\n".repeat(200)}`,
  `Look:\n\`\`\`ts\n${"const x: number = [1, 2, 3][0]; // **\n".repeat(1600)}\`\`\`\n`,
  `${SENTENCE.repeat(6)}\n\n`.repeat(15),
].join("");
