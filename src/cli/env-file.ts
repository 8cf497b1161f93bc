import { chmod, copyFile, readFile, rename, writeFile } from "node:fs/promises";
import { parseEnv } from "node:util";
import { GatewayError } from "../errors.ts";

/** What a file of settings says; of one that is not there, nothing. */
export async function readEnvFile(file: string): Promise<Record<string, string>> {
  return { ...parseEnv((await textOf(file)) ?? "") } as Record<string, string>;
}

/**
 * Sets these in a file of settings and leaves every other line as it is; only its owner may read it then. Returns
 * where the old one lies, null = there was none. Rejects, and changes nothing, if it would not read as it should.
 */
export async function writeEnvFile(file: string, changes: Readonly<Record<string, string>>): Promise<string | null> {
  const before = await textOf(file);
  const text = changed(before ?? "", changes);
  const old = before === null ? null : `${file}.${new Date().toISOString().replaceAll(/[:.]/g, "-")}`;
  if (old !== null) {
    await copyFile(file, old);
    await chmod(old, 0o600);
  }
  const next = `${file}.next`;
  await writeFile(next, text, { mode: 0o600 });
  await chmod(next, 0o600);
  await rename(next, file);
  return old;
}

function changed(before: string, changes: Readonly<Record<string, string>>): string {
  const lines = before === "" ? [] : before.replace(/\r?\n$/, "").split("\n");
  for (const [name, value] of Object.entries(changes)) {
    const line = lineOf(name, value);
    // The last one counts.
    const at = lines.findLastIndex((each) => new RegExp(`^\\s*(export\\s+)?${name}\\s*=`).test(each));
    if (at < 0) lines.push(line);
    else lines[at] = line;
  }
  const text = `${lines.join("\n")}\n`;
  const wanted = { ...parseEnv(before), ...changes };
  const got = parseEnv(text);
  const names = new Set([...Object.keys(wanted), ...Object.keys(got)]);
  if ([...names].every((name) => wanted[name] === got[name])) return text;
  throw new GatewayError("invalid", "The file of settings has lines that cannot be kept. Write the settings by hand.");
}

/** Without quotes where it reads the same: not everybody who reads such files takes them off. */
function lineOf(name: string, value: string): string {
  const line = ["", "'", '"', "`"]
    .map((quote) => `${name}=${quote}${value}${quote}`)
    .find((each) => !each.includes("\n") && parseEnv(each)[name] === value);
  if (line !== undefined) return line;
  throw new GatewayError("invalid", `${name} holds characters that a file of settings cannot. Set it as a variable.`);
}

async function textOf(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
