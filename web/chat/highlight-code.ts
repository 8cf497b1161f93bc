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
import { cleanHtml } from "./read-markdown.ts";

const LANGUAGES = { bash, css, go, java, json, python, sql, typescript, xml, yaml };
/** Longer code is read as it is. */
const MAX_CHARS = 50_000;

for (const [name, language] of Object.entries(LANGUAGES)) core.registerLanguage(name, language);
core.registerAliases(["javascript", "js", "jsx", "ts", "tsx"], { languageName: "typescript" });
core.registerAliases(["shell", "console", "sh", "zsh"], { languageName: "bash" });

/** As HTML that is safe to be shown; null = in a language that is not known here. */
export function highlightCode(text: string, language: string): string | null {
  const name = language.trim().split(/\s/)[0]!.toLowerCase();
  if (text.length > MAX_CHARS || !core.getLanguage(name)) return null;
  return cleanHtml(core.highlight(text, { language: name, ignoreIllegals: true }).value);
}
