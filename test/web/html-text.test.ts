import { array, assert, constantFrom, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { htmlText } from "../../adapters/web/html-text.ts";

const read = (html: string) => htmlText(html, "https://page.example/a/b");

describe("a page of HTML", () => {
  test("gives its title, headings, lists, tables, links and preformatted lines", () => {
    const { title, text } = read(`<!doctype html><html><head><title> The
      &quot;page&quot; </title><style>p { color: red }</style><script>if (a < b) alert("</p>")</script></head><body>
      <h1>Birds</h1><p>A <b>wren</b> is   small &amp; loud&period;<br>See <a href="../wren?a=1&amp;b=2">more</a>.</p>
      <!-- <p>not shown</p> --><ul><li>robin<li>tit</ul>
      <table><tr><th>name</th><th>gram</th></tr><tr><td>wren</td><td>9</td></tr></table>
      <pre>one
  two</pre><p title="a > b">&#8364; &#x1f426; &nosuch; 1 < 2</p></body></html>`);
    expect(title).toBe('The "page"');
    expect(text).toBe(
      [
        "# Birds",
        "",
        "A wren is small & loud.",
        "See more (https://page.example/wren?a=1&b=2).",
        "",
        "- robin",
        "- tit",
        "",
        "| name | gram",
        "| wren | 9",
        "",
        "one",
        "  two",
        "",
        "€ 🐦 &nosuch; 1 < 2",
      ].join("\n"),
    );
  });

  test.each([
    ["javascript:alert(1)", "x"],
    ["#part", "x"],
    ["data:text/html,x", "x"],
    ["http://[bad", "x"],
    ["https://other.example/", "x (https://other.example/)"],
  ])("shows the address of a link to %s only where one can go on reading", (href, text) => {
    expect(read(`<a href='${href}'>x</a>`).text).toBe(text);
  });

  test.each(["<script>a", "<!-- a", "<p title='a", "<p", "</", "<", "<title>a", '<a href="x">'])(
    "that ends inside of %s ends there",
    (html) => expect(read(`before ${html}`).text).toMatch(/^before( <\/?)?$/),
  );

  test("of any kind is read without an error, and its text holds no script", () => {
    const piece = constantFrom(
      "<",
      ">",
      "</",
      "<script>evil()</script>",
      "<p>",
      "'",
      '"',
      "=",
      "<!--",
      "-->",
      "a ",
      "&amp;",
      "&#55296;",
      "<a href=",
      "<pre>",
      "</a>",
      "\n",
      "\0",
    );
    assert(
      property(array(piece), (pieces) => {
        expect(typeof read(pieces.join("")).text).toBe("string");
      }),
      { numRuns: 2_000 },
    );
  });

  // Each of these takes minutes where a reader looks back or looks ahead once for every mark.
  test.each(["<i>", "</b>", "<!--", "<script>", "<a href='", "<p a=", "&", "<title>", "\n ", "<pre> "])(
    "of 2 MB that holds nothing but %j is read in one pass",
    (piece) => {
      expect(read(piece.repeat(2_000_000 / piece.length)).title.length).toBeLessThan(2_000_001);
    },
  );
});
