import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Outlives the test run by a moment: when the run's end of stdin closes, for whatever reason (SIGKILL included), it
 * stops the Postgres whose pid was named last and removes the folders. A line is a pid, or 0 while none runs.
 */
const folders = process.argv.slice(2);
if (folders.length === 0) throw new Error("usage: postgres-watchdog.ts FOLDER…");

let pid = 0;
for await (const line of createInterface({ input: process.stdin })) pid = Number(line);
if (pid > 0) {
  signal(pid, "SIGQUIT"); // immediate shutdown: the postmaster ends its children and frees its shared memory
  signal(pid, "SIGCONT");
  for (let waitedMs = 0; waitedMs < 8000 && signal(pid, 0); waitedMs += 50) await sleep(50);
  signal(pid, "SIGKILL");
}
for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });

function signal(target: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(target, name);
  } catch {
    return false;
  }
}
