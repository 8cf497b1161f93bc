import { createHash } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { Entrypoint } from "./entrypoints.ts";
import { type FunctionTool, functionTools } from "./function-tools.ts";
import type { NearFile } from "./near-file.ts";
import type { ToolSource } from "./tool-source.ts";

/** What a module of the cards' folder exports as a tool; whatever is left out is as careful as can be. */
type Written = Partial<Record<keyof FunctionTool, unknown>>;

const LOAD_MS = 5_000;
const DEFAULT_MS = 30_000;
const MAX_MS = 120_000;
const FIELDS = ["name", "description", "schema", "readOnly", "afterCrash", "timeoutMs", "run"];
const NO_ARGUMENTS = { type: "object", properties: {}, additionalProperties: false };
/** They would hide, or be hidden by, a tool of the gateway's own. */
const TAKEN = /^(current_time|send_file|web_fetch|agent__.*)$/;

/**
 * The functions that a card names as its tools; null = none. A module is loaded once for every text it has had, with
 * what it imports as that was when it was loaded first. What is wrong goes to `faults`. Never rejects.
 */
export async function loadFunctions(
  dir: string,
  entrypoints: readonly Entrypoint[],
  read: (path: string) => Promise<NearFile>,
  faults: string[],
): Promise<ToolSource | null> {
  const tools: FunctionTool[] = [];
  for (const { path, name } of entrypoints) {
    const own: string[] = [];
    const file = await read(path);
    if ("fault" in file) own.push(file.fault);
    else {
      const exported = await importExport(dir, { path, name }, file.text, own);
      const tool = own.length === 0 ? readTool(name, exported, own) : null;
      if (tool && tools.some((other) => other.name === tool.name)) own.push(`name: "${tool.name}" is there twice`);
      else if (tool) tools.push(tool);
    }
    faults.push(...own.map((fault) => `function_tools: ${path}:${name}: ${fault}`));
  }
  return tools.length > 0 ? functionTools(tools) : null;
}

/** What a module of this text exports by that name; loaded once for every text it has had. Never rejects. */
export async function importExport(
  dir: string,
  { path, name }: Entrypoint,
  text: string,
  faults: string[],
): Promise<unknown> {
  const version = createHash("sha256").update(text).digest("hex").slice(0, 16);
  const done = new AbortController();
  try {
    const late = sleep(LOAD_MS, null, { signal: done.signal }).catch(() => null);
    const loading = import(`${pathToFileURL(join(dir, path)).href}?text=${version}`) as Promise<
      Record<string, unknown>
    >;
    const loaded = await Promise.race([loading, late]);
    if (loaded === null) faults.push(`does not load within ${LOAD_MS / 1000} s`);
    else if (!Object.hasOwn(loaded, name)) faults.push("there is no such export");
    return loaded?.[name];
  } catch (error) {
    const [reason = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    faults.push(`does not load (${reason.slice(0, 200)})`);
    return null;
  } finally {
    done.abort();
  }
}

function readTool(exportName: string, exported: unknown, faults: string[]): FunctionTool | null {
  if (typeof exported !== "object" || exported === null) {
    faults.push("must be an object with description, schema and run");
    return null;
  }
  const written: Written = exported;
  const { name = exportName, description, schema = NO_ARGUMENTS, readOnly = false, timeoutMs = DEFAULT_MS } = written;
  const { afterCrash = readOnly === true ? "repeat" : "skip", run } = written;
  const check = (field: string, fits: boolean, expected: string) =>
    void (fits || faults.push(`${field}: must be ${expected}`));
  for (const field of Object.keys(exported))
    check(field, FIELDS.includes(field), `left out (fields: ${FIELDS.join(", ")})`);
  const named = typeof name === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(name);
  check("name", named, '1–64 letters, digits, "_" or "-"');
  check("name", !named || !TAKEN.test(name), "another one: a tool of the gateway's own is called so");
  check("description", typeof description === "string" && description.trim() !== "", "a text that is not empty");
  const isSchema = typeof schema === "object" && schema !== null && (schema as { type?: unknown }).type === "object";
  check("schema", isSchema, 'a JSON Schema with type: "object"');
  check("readOnly", typeof readOnly === "boolean", "true or false");
  check("afterCrash", ["repeat", "skip", "ask"].includes(afterCrash as string), "one of repeat, skip, ask");
  const fits = Number.isSafeInteger(timeoutMs) && (timeoutMs as number) > 0 && (timeoutMs as number) <= MAX_MS;
  check("timeoutMs", fits, `a whole number of 1 to ${MAX_MS}`);
  check("run", typeof run === "function", "a function of (args, signal)");
  if (faults.length > 0) return null;
  const call = run as (args: Record<string, unknown>, signal: AbortSignal) => unknown;
  const tool = { name, description, schema, readOnly, afterCrash, timeoutMs } as Omit<FunctionTool, "run">;
  const whole: FunctionTool = { ...tool, run: async (args, signal) => textOf(await call(args, signal)) };
  try {
    functionTools([whole]);
  } catch (error) {
    faults.push(`schema: does not compile (${error instanceof Error ? error.message : String(error)})`);
    return null;
  }
  return whole;
}

/** What a function gives, as the model reads it. */
function textOf(result: unknown): string {
  if (typeof result === "string") return result;
  return result === undefined ? "Done." : JSON.stringify(result);
}
