import { expect, test } from "vitest";
import { diffLines } from "../../web/admin/parts/diff-lines.ts";

const shown = (before: string, after: string) =>
  diffLines(before, after).map(({ kind, text }) => `${{ same: " ", gone: "-", new: "+" }[kind]}${text}`);

test("a difference tells what went and what came, and no more", () => {
  expect(shown("a\nb\nc", "a\nb\nc")).toEqual([" a", " b", " c"]);
  expect(shown("a\nb\nc", "a\nx\nc")).toEqual([" a", "-b", "+x", " c"]);
  expect(shown("a\nb\nc\nd", "b\nx\nd\ne")).toEqual(["-a", " b", "-c", "+x", " d", "+e"]);
  expect(shown("", "a")).toEqual(["-", "+a"]);
  expect(shown("a\na", "a")).toEqual([" a", "-a"]);
});

test("applied to one text, it gives the other, also of long ones", () => {
  const text = (seed: number) => Array.from({ length: 300 }, (_, n) => `${(n * seed) % 17}`).join("\n");
  const far = (word: string) => Array.from({ length: 3_000 }, (_, n) => `${word} ${n}`).join("\n");
  for (const [before, after] of [
    [text(3), text(5)],
    [far("one"), far("two")],
  ] as const) {
    const lines = diffLines(before, after);
    const of = (other: string) => lines.flatMap(({ kind, text: line }) => (kind === other ? [] : [line])).join("\n");
    expect([of("new"), of("gone")]).toEqual([before, after]);
  }
});
