import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadAgents } from "../../src/agent/agents.ts";
import { makeClone } from "../../src/agent/clone.ts";
import type { ToolSource } from "../../src/agent/tool-source.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";

let top: string;
let dir: string;

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), "functions-"));
  dir = join(top, "agents");
  await write({ "../outside.ts": GREET, "a.yaml": "function_tools: tools.ts:greet", "tools.ts": GREET });
});
afterEach(() => rm(top, { recursive: true, force: true }));

const GREET = `
export const greet = {
  description: "Greets.",
  schema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
  readOnly: true,
  run: ({ name }: { name: string }): string => "Hello " + name,
};`;

async function write(files: Record<string, string>): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
}

const functionsOf = async (faults?: string[]): Promise<ToolSource | undefined> => {
  const agents = await loadAgents(dir).catch((error: Error) => void faults?.push(...error.message.split("\n")));
  return agents?.get("a")?.functions;
};
const call = (source: ToolSource | undefined, tool: string, args: string) =>
  source?.call({ callId: "1", tool, args }, new AbortController().signal);

/** What is told when `tools.ts` exports this as `greet`. */
async function faultsOf(exported: string): Promise<string[]> {
  await write({ "tools.ts": exported });
  const faults: string[] = [];
  await functionsOf(faults);
  return faults;
}

describe("a function that a card names", () => {
  test("is a tool, whose arguments are checked against its schema", async () => {
    const functions = await functionsOf();
    expect(await functions?.list()).toMatchObject([
      { name: "greet", description: "Greets.", readOnly: true, afterCrash: "repeat" },
    ]);
    expect(await call(functions, "greet", '{"name":"Ann"}')).toEqual({ ok: true, text: "Hello Ann" });
    expect((await call(functions, "greet", '{"name":1}'))?.text).toContain("/name must be string");
  });

  test("may have effects, and is not called again after a crash, unless it says otherwise", async () => {
    await write({ "tools.ts": `export const greet = { name: "pay", description: "Pays.", run: () => undefined };` });
    const functions = await functionsOf();
    expect(await functions?.list()).toMatchObject([{ name: "pay", readOnly: false, afterCrash: "skip" }]);
    expect(await call(functions, "pay", "")).toEqual({ ok: true, text: "Done." });
    expect((await call(functions, "pay", '{"a":1}'))?.text).toContain("additional properties");
  });

  test("gives the model text: what is no text becomes JSON, a long one is cut, an error is told", async () => {
    await write({
      "a.yaml": "function_tools: [tools.ts:list, { entrypoint: tools.ts:long }, tools.ts:bad]",
      "tools.ts": `
        export const list = { description: "Lists.", run: () => [{ a: 1 }] };
        export const long = { description: "Long.", run: async () => "x".repeat(100_000) };
        export const bad = { description: "Bad.", run: () => { throw new Error("no luck"); } };`,
    });
    const functions = await functionsOf();
    expect(await call(functions, "list", "")).toEqual({ ok: true, text: '[{"a":1}]' });
    expect((await call(functions, "long", ""))?.text.length).toBeLessThanOrEqual(30_000);
    expect(await call(functions, "bad", "")).toEqual({ ok: false, text: "bad failed: no luck" });
  });

  test("is told of a stop, and has no longer than it says", async () => {
    await write({
      "tools.ts": `export const greet = { description: "Waits.", timeoutMs: 50, readOnly: true,
        run: (args: unknown, signal: AbortSignal) => new Promise((_, reject) =>
          signal.addEventListener("abort", () => reject(new Error("told")))) };`,
    });
    const functions = await functionsOf();
    expect((await call(functions, "greet", ""))?.text).toBe("greet had no result within 0.05 s.");
  });

  test("is loaded once for every text of its module; a run under way keeps the one it began with", async () => {
    await write({ "b.yaml": "function_tools: tools.ts:count", "tools.ts": COUNTER("one") });
    await write({ "a.yaml": "function_tools: tools.ts:count" });
    const agents = await loadAgents(dir);
    const ask = async (name: string) => (await call(agents.get(name)?.functions, "count", ""))?.text;
    expect([await ask("a"), await ask("b")]).toEqual(["one 1", "one 2"]);
    await write({ "a.yaml": "function_tools: tools.ts:count\ndescription: changed" });
    await agents.reload();
    expect(await ask("a")).toBe("one 3");
    const before = agents.get("a")?.functions;
    await write({ "tools.ts": COUNTER("number two") });
    await agents.reload();
    expect(await ask("a")).toBe("number two 1");
    expect((await call(before, "count", ""))?.text).toBe("one 4");
  });

  test("that breaks keeps its card as it was, and is told once", async () => {
    const faults: string[] = [];
    const agents = await loadAgents(dir, { onFault: ({ message }) => faults.push(message) });
    await write({ "tools.ts": "export const greet = 1;" });
    await agents.reload();
    await agents.reload();
    expect(faults).toEqual([
      "a.yaml: function_tools: tools.ts:greet: must be an object with description, schema and run",
    ]);
    expect((await call(agents.get("a")?.functions, "greet", '{"name":"Ann"}'))?.ok).toBe(true);
  });

  test("goes with the card into a clone", async () => {
    const card = (await loadAgents(dir)).default();
    const tools = card.functions!;
    const clone = makeClone({ card, history: [], turn: [], model: scriptedModel(), tools, today: "2026-11-28" });
    expect(clone.card.functions).toBe(tools);
  });
});

const COUNTER = (word: string) =>
  `let calls = 0; export const count = { description: "Counts.", run: () => "${word} " + ++calls };`;

describe("a function that cannot be a tool is a fault of its card", () => {
  test.each([
    ["export const other = 1;", ["there is no such export"]],
    ["export const greet = () => 1;", ["must be an object with description, schema and run"]],
    [
      "export const greet = {};",
      ["description: must be a text that is not empty", "run: must be a function of (args, signal)"],
    ],
    [
      `export const greet = { description: "x", run() {}, schema: { type: "array" }, readOnly: 1, afterCrash: "no", timeoutMs: 1e9, extra: 1 };`,
      [
        "extra: must be left out (fields: name, description, schema, readOnly, afterCrash, timeoutMs, run)",
        'schema: must be a JSON Schema with type: "object"',
        "readOnly: must be true or false",
        "afterCrash: must be one of repeat, skip, ask",
        "timeoutMs: must be a whole number of 1 to 120000",
      ],
    ],
    [
      `export const greet = { name: "web_fetch", description: "x", run() {} };`,
      ["name: must be another one: a tool of the gateway's own is called so"],
    ],
    [
      `export const greet = { name: "a b", description: "x", run() {} };`,
      ['name: must be 1–64 letters, digits, "_" or "-"'],
    ],
    [`throw new Error("no key"); export const greet = 1;`, ["does not load (no key)"]],
  ])("%s", async (text, faults) => {
    expect(await faultsOf(text)).toEqual(faults.map((fault) => `a.yaml: function_tools: tools.ts:greet: ${fault}`));
  });

  test("it comes from the cards' folder alone, and from nothing hidden", async () => {
    await symlink(join(top, "outside.ts"), join(dir, "link.ts"));
    await write({
      ".hidden.ts": GREET,
      "a.yaml": "function_tools: [../outside.ts:greet, link.ts:greet, .hidden.ts:greet, none.ts:greet]",
    });
    const faults: string[] = [];
    await functionsOf(faults);
    expect(faults).toEqual([
      "a.yaml: function_tools: ../outside.ts:greet: must lie in the folder of the cards, and not be hidden",
      "a.yaml: function_tools: link.ts:greet: is a link that leads out of the cards' folder",
      "a.yaml: function_tools: .hidden.ts:greet: must lie in the folder of the cards, and not be hidden",
      "a.yaml: function_tools: none.ts:greet: cannot be read (ENOENT)",
    ]);
  });

  test("two of one name", async () => {
    await write({ "a.yaml": "function_tools: [tools.ts:greet, tools.ts:greet]" });
    const faults: string[] = [];
    await functionsOf(faults);
    expect(faults).toEqual(['a.yaml: function_tools: tools.ts:greet: name: "greet" is there twice']);
  });
});
