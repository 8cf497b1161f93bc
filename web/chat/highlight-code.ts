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
/** How far beyond what is seen code has its colours already. */
const AROUND = "100px";
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
 * Colours code where it stands, and returns what takes the colours away. `code` holds pieces of it, each an element with
 * one text. The colours are ranges of those texts and no elements: 200 lines of code would be thousands. Only pieces in
 * sight have them, because a browser looks at every range whenever anything on the page changes. One that knows no such
 * ranges shows the code as it is. `before` takes away what the same code had when it was shorter, and is called as soon
 * as there are colours instead.
 */
export function highlightCode(code: HTMLElement, language: string, before: () => void): () => void {
  const name = language.trim().split(/\s/)[0]!.toLowerCase();
  const text = code.textContent;
  if (!("highlights" in CSS) || text.length > MAX_CHARS || !core.getLanguage(name)) return before;
  let marks: Mark[] | undefined;
  // Let go once it is done: an answer grows hundreds of times, and each would hold all before it.
  let old: (() => void) | undefined = before;
  const forget = () => {
    old?.();
    old = undefined;
  };
  const begins = new Map<Element, number>();
  const coloured = new Map<Element, () => void>();
  const sight = new IntersectionObserver(
    (changes) => {
      forget();
      for (const { target, isIntersecting } of changes) {
        coloured.get(target)?.();
        coloured.delete(target);
        if (!isIntersecting) continue;
        marks ??= readMarks(core.highlight(text, { language: name, ignoreIllegals: true }).value);
        coloured.set(target, colourPiece(target.firstChild as Text, begins.get(target)!, marks));
      }
    },
    { scrollMargin: AROUND },
  );
  let at = 0;
  for (const piece of code.children) {
    begins.set(piece, at);
    at += piece.textContent.length;
    sight.observe(piece);
  }
  return () => {
    sight.disconnect();
    sight.takeRecords();
    forget();
    for (const undo of coloured.values()) undo();
  };
}

/** Colours a piece that begins at `begin` of the code that has the marks. */
function colourPiece(piece: Text, begin: number, marks: readonly Mark[]): () => void {
  const end = begin + piece.length;
  const added: [Highlight, StaticRange][] = [];
  for (const { colour, from, to } of marks) {
    if (to <= begin || from >= end) continue;
    const all = CSS.highlights.get(colour) ?? new Highlight();
    const startOffset = Math.max(from, begin) - begin;
    const endOffset = Math.min(to, end) - begin;
    const range = new StaticRange({ startContainer: piece, startOffset, endContainer: piece, endOffset });
    CSS.highlights.set(colour, all.add(range));
    added.push([all, range]);
  }
  return () => {
    for (const [all, range] of added) all.delete(range);
  };
}

interface Mark {
  colour: string;
  from: number;
  to: number;
}

/** Which parts of the text have which colour, by the highlighter's HTML: what has none has that of what it stands in. */
function readMarks(html: string): Mark[] {
  const marks: Mark[] = [];
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
