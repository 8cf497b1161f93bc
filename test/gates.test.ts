import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const ROOT = path.join(import.meta.dirname, "..");
const CONFIGS = ["tsconfig.json", "web/tsconfig.json", ".oxlintrc.json", ".oxfmtrc.json", "knip.json", ".gitignore"];

/** A small clean program under the project's own configuration. */
const CLEAN: Record<string, string> = {
  "package.json": `{
  "name": "tree",
  "private": true,
  "type": "module",
  "scripts": {
    "start": "node src/main.ts"
  },
  "dependencies": {
    "kysely": "0.29.9"
  }
}
`,
  "web/main.ts": "document.title = location.pathname;\n",
  "src/main.ts": `import { rename } from "./store/rename.ts";

await rename("Ann");
`,
  "src/store/rename.ts": `import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from "kysely";

const db = new Kysely<{ users: { name: string } }>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (from) => new PostgresIntrospector(from),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});

export async function rename(name: string): Promise<void> {
  await db.updateTable("users").set({ name }).execute();
}
`,
};

let home: string;
let tree: string;

/** `node_modules` is linked beside the tree, not into it: a linter would walk into a link. */
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "parley-gates-"));
  tree = path.join(home, "tree");
  symlinkSync(path.join(ROOT, "node_modules"), path.join(home, "node_modules"));
  mkdirSync(path.join(tree, "web"), { recursive: true });
  for (const name of CONFIGS) cpSync(path.join(ROOT, name), path.join(tree, name));
  for (const [name, text] of Object.entries(CLEAN)) plant(name, text);
});

afterEach(() => rmSync(home, { recursive: true }));

function plant(name: string, text: string): void {
  mkdirSync(path.dirname(path.join(tree, name)), { recursive: true });
  writeFileSync(path.join(tree, name), text);
}

function run(gate: string): { status: number | null; output: string } {
  const [program = "", ...flags] = gate.split(" ");
  const bin = path.join(ROOT, "node_modules/.bin");
  const env = { PATH: `${bin}${path.delimiter}${process.env["PATH"]}`, NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(path.join(bin, program), flags, { cwd: tree, env, encoding: "utf8" });
  return { status, output: stdout + stderr };
}

const scripts = (JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as { scripts: { check: string } })
  .scripts;
const gates = scripts.check.split(" && ");

test("the check runs the compiler, the linter, the formatter and the search for dead code", () => {
  expect(gates).toEqual(["tsc", "tsc -p web", "oxlint", "oxfmt --check", "knip"]);
});

test.each(gates)("%s lets a clean tree pass", (gate) => {
  expect(run(gate)).toMatchObject({ status: 0 });
});

test.each([
  ["tsc", "src/main.ts", 'export const n: number = "one";\n', /src\/main\.ts.*TS2322/],
  ["tsc", "src/main.ts", "export const [n]: string[] = [];\nn.trim();\n", /src\/main\.ts.*TS18048/],
  ["tsc", "src/main.ts", "enum Colour {\n  Red,\n}\n", /src\/main\.ts.*TS1294/],
  ["tsc", "src/main.ts", "document.title = '';\n", /src\/main\.ts.*TS2584/],
  ["tsc -p web", "web/main.ts", "document.title = 1;\n", /web\/main\.ts.*TS2322/],
  ["oxlint", "src/main.ts", "Promise.resolve();\n", /typescript\(no-floating-promises\)/],
  ["oxlint", "src/main.ts", "if (Promise.resolve(false)) throw new Error();\n", /typescript\(no-misused-promises\)/],
  ["oxlint", "src/main.ts", "export const home = process.env;\n", /node\(no-process-env\)/],
  ["oxlint", "src/main.ts", "export default 1;\n", /import\(no-default-export\)/],
  ["oxlint", "src/store/rename.ts", 'import "../main.ts";\n\nexport const rename = String;\n', /import\(no-cycle\)/],
  ["oxlint", "src/twoWords.ts", "export const n = 1;\n", /unicorn\(filename-case\)/],
  ["oxlint", "src/main.ts", "export {};\n".repeat(401), /eslint\(max-lines\)/],
  ["oxfmt --check", "src/main.ts", "export const n  =  1\n", /src\/main\.ts/],
  ["knip", "src/orphan.ts", "export const n = 1;\n", /Unused files[^]*src\/orphan\.ts/],
  ["knip", "src/store/rename.ts", "export const rename = String;\nexport const n = 1;\n", /Unused exports[^]*\bn\b/],
  ["knip", "src/store/rename.ts", "export const rename = String;\n", /Unused dependencies[^]*kysely/],
])("%s finds the fault planted in %s: %j", (gate, file, text, finding) => {
  plant(file, text);
  const { status, output } = run(gate);
  expect(output).toMatch(finding);
  expect(status).not.toBe(0);
});

test("oxlint finds a query that nobody waits for", () => {
  const text = CLEAN["src/store/rename.ts"] ?? "";
  plant("src/store/rename.ts", text.replace("await db", "db"));
  const { status, output } = run("oxlint");
  expect(output).toMatch(
    /src\/store\/rename\.ts[^]*typescript\(no-floating-promises\)|typescript\(no-floating-promises\)[^]*src\/store\/rename\.ts/,
  );
  expect(status).not.toBe(0);
});

test.each(["raw", "lit"])("security-43: SQL takes values as parameters only, sql.%s is refused", (maker) => {
  const text = `import { sql } from "kysely";\n\nexport const query = (name: string) => sql.${maker}(name);\n`;
  plant("src/store/query.ts", text);
  const { status, output } = run("oxlint");
  expect(output).toMatch(/eslint\(no-restricted-properties\)/);
  expect(status).not.toBe(0);
});
