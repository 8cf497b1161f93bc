import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export interface CliRun {
  /** Resolves with what it wrote once it is over. */
  readonly over: Promise<{ code: number | null; out: string; err: string }>;
  out(): string;
  err(): string;
  type(text: string): void;
  /** The end of its input. */
  finish(): void;
  /** Takes no more of what it writes. */
  stopReading(): void;
}

/** An empty directory: without an admin key. */
const emptyDir = mkdtempSync(path.join(tmpdir(), "parley-cli-"));

/** Runs one of the command-line programs with exactly this environment. */
export function runCli(
  program: "talk-cli" | "parley-cli",
  argv: string[],
  env: Record<string, string>,
  cwd = process.cwd(),
): CliRun {
  const file = fileURLToPath(new URL(`../../src/${program}.ts`, import.meta.url));
  const child = spawn(process.execPath, [file, ...argv], {
    env: { PATH: process.env["PATH"] ?? "", DATA_DIR: emptyDir, ...env },
    cwd,
    stdio: ["pipe", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (out += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (err += chunk));
  child.stdin.on("error", () => undefined);
  const over = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)));
  return {
    over: over.then((code) => ({ code, out, err })),
    out: () => out,
    err: () => err,
    type: (text) => void child.stdin.write(text),
    finish: () => child.stdin.end(),
    stopReading: () => void child.stdout.destroy(),
  };
}
