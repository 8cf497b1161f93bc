import core from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import css from "highlight.js/lib/languages/css";
import go from "highlight.js/lib/languages/go";
import java from "highlight.js/lib/languages/java";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";

const LANGUAGES = { bash, css, go, java, json, python, sql, typescript, xml, yaml };
/** Longer code is read as it is. */
const MAX_CHARS = 50_000;
/** Which of the highlighter's words have which of our colours; each is one `::highlight` of the style sheet. */
const COLOURS = {
  keyword: ["keyword", "built_in", "literal", "selector-tag"],
  string: ["string", "addition", "regexp", "symbol"],
  number: ["number", "attr", "attribute", "variable", "meta"],
  title: ["title", "name", "type", "section"],
  comment: ["comment", "quote"],
  deletion: ["deletion"],
};
const colourOf = new Map(
  Object.entries(COLOURS).flatMap(([colour, words]) => words.map((word): [string, string] => [word, `code-${colour}`])),
);

for (const [name, language] of Object.entries(LANGUAGES)) core.registerLanguage(name, language);
core.registerAliases(["javascript", "js", "jsx", "ts", "tsx"], { languageName: "typescript" });
core.registerAliases(["shell", "console", "sh", "zsh"], { languageName: "bash" });

/**
 * Colours code where it stands, and returns what takes the colours away. They are ranges of its text and no elements:
 * 200 lines of code would be thousands. A browser that knows no such ranges shows it as it is.
 */
export function highlightCode(code: Text, language: string): () => void {
  const name = language.trim().split(/\s/)[0]!.toLowerCase();
  if (!("highlights" in CSS) || code.length > MAX_CHARS || !core.getLanguage(name)) return () => undefined;
  const { value } = core.highlight(code.data, { language: name, ignoreIllegals: true });
  const added = readMarks(value).map(({ colour, from, to }): [Highlight, StaticRange] => {
    const range = new StaticRange({ startContainer: code, startOffset: from, endContainer: code, endOffset: to });
    const all = CSS.highlights.get(colour) ?? new Highlight();
    CSS.highlights.set(colour, all.add(range));
    return [all, range];
  });
  return () => {
    for (const [all, range] of added) all.delete(range);
  };
}

/** Which parts of the text have which colour, by the highlighter's HTML: what has none has that of what it stands in. */
function readMarks(html: string): { colour: string; from: number; to: number }[] {
  const marks: { colour: string; from: number; to: number }[] = [];
  const open = [""];
  let at = 0;
  // `language-…` is code of another language within.
  for (const [piece, name] of html.matchAll(
    /<span class="(?:hljs|language)-([\w-]+)[^"]*">|<\/span>|&[^;]+;|[^<&]+/g,
  )) {
    const colour = open.at(-1)!;
    if (name !== undefined) open.push(colourOf.get(name) ?? colour);
    else if (piece === "</span>") open.pop();
    else {
      const to = at + (piece.startsWith("&") ? 1 : piece.length);
      const before = marks.at(-1);
      if (before?.colour === colour && before.to === at) before.to = to;
      else if (colour !== "") marks.push({ colour, from: at, to });
      at = to;
    }
  }
  return marks;
}
