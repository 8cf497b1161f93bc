import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { importsOf } from "./imports.ts";

let root: string;

beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), "parley-imports-"));
});

afterAll(() => rmSync(root, { recursive: true }));

function read(code: string): string[] {
  writeFileSync(path.join(root, "file.ts"), code);
  return importsOf(root, "file.ts").map((found) => `${found.typeOnly ? "type " : ""}${found.to ?? "computed"}`);
}

test.each([
  ['import a from "x";', ["x"]],
  ['import a, { b as c } from "x";', ["x"]],
  ['import * as a from "x";', ["x"]],
  ['import{a}from"x";', ["x"]],
  ['import {\n  a,\n  type B,\n} from "./x.ts";', ["x.ts"]],
  ['import "x";', ["x"]],
  ['import a from "x"; import b from "y";', ["x", "y"]],
  ['export * from "./x.ts";', ["x.ts"]],
  ['export * as x from "../x.ts";', ["../x.ts"]],
  ['export { a } from "x";', ["x"]],
  ['import type { A } from "x";', ["type x"]],
  ['import type A from "x";', ["type x"]],
  ['export type { A } from "x";', ["type x"]],
  ['import type from "x";', ["x"]],
  ['import { type A } from "x";', ["x"]],
  ['import data from "./x.json" with { type: "json" };', ["x.json"]],
  ['const a = await import("x");', ["x"]],
  ["const a = await import(`x`);", ["x"]],
  ['type A = import("x").A;', ["x"]],
  ["const a = await import(name);", ["computed"]],
  ["const a = await import(`./${name}.ts`);", ["computed"]],
  ['const a = require("x");', ["x"]],
])("%s", (code, found) => {
  expect(read(code)).toEqual(found);
});

test.each([
  '// import a from "x";',
  '/* \nimport a from "x";\n */',
  'export const from = "x";',
  'export function f() {\n  return "x";\n}',
  "const here = import.meta.url;",
])("nothing: %s", (code) => {
  expect(read(code)).toEqual([]);
});

test("what only looks like a comment hides nothing", () => {
  expect(read('const a = "/*"; const b = /[/*"]+\\//; import("x"); // */\nconst c = "https://"; import("y");')).toEqual(
    ["x", "y"],
  );
});
