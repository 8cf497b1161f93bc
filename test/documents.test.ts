import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { commandMenus } from "../src/talk/chat-commands.ts";
import { CONFIG_NAMES, SECRET_NAMES } from "../src/config-names.ts";
import { sourceFiles } from "./support/imports.ts";

const ROOT = path.join(import.meta.dirname, "..");
const read = (name: string) => readFileSync(path.join(ROOT, name), "utf8");

const shows = (file: string, number: string) => read(file).includes(`security-${number.padStart(2, "0")}`);

/** The rows of a page's tables whose first cell matches, as trimmed cells. */
function rows(page: string, first: RegExp): string[][] {
  return read(page)
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    )
    .filter(([cell = ""]) => first.test(cell));
}

describe("README.md", () => {
  const settings = rows("README.md", /^`[A-Z_]+`/).map(([cell = ""]) => cell);

  test("names every setting, and no other", () => {
    const names = settings.map((cell) => cell.replaceAll(/[^A-Z_]/g, ""));
    expect(names.toSorted()).toEqual(CONFIG_NAMES.toSorted());
  });

  test("marks the secret ones", () => {
    const marked = settings.filter((cell) => cell.includes("🔑")).map((cell) => cell.replaceAll(/[^A-Z_]/g, ""));
    expect(marked.toSorted()).toEqual(SECRET_NAMES.toSorted());
  });
});

test.each([
  ["docs/telegram.md", "What people can say"],
  ["docs/slack.md", "9. `/parley"],
])("%s names every word that people can say to the bot", (page, begin) => {
  const told = read(page)
    .split("\n")
    .find((line) => line.startsWith(begin));
  const words = commandMenus()[0]!.commands.map(({ word }) => word);
  // The platform says it, not its people.
  const missing = words.filter((word) => word !== "start" && !new RegExp(`[\`/ ]${word}\``).test(told!));
  expect(missing).toEqual([]);
});

describe("docs/security.md", () => {
  const table = rows("docs/security.md", /^\d+$/);
  const tests = sourceFiles(ROOT, ["test"]).filter((file) => file.endsWith(".test.ts"));

  test("has every number of the checklist once, in order", () => {
    expect(table.map(([number]) => Number(number))).toEqual(Array.from({ length: 45 }, (_, index) => index + 1));
  });

  test.each(table)(
    "%s names tests that show it, or says why there are none",
    (number = "", _requirement, shown = "") => {
      const named = [...shown.matchAll(/`(test\/[\w./-]+)`/g)].map(([, file = ""]) => file);
      expect(named.filter((file) => !tests.includes(file) || !shows(file, number))).toEqual([]);
      if (named.length > 0) return;
      expect(shown).toMatch(/^Not yet: .+|^Does not apply: .+/);
      expect(tests.filter((file) => shows(file, number))).toEqual([]);
    },
  );
});
