import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** False when there is no such process (any more). A pid of 0 is nobody, never one's own process group. */
export function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return pid > 0 && process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** A zombie, dead but not yet reaped, counts as gone. */
export function isAlive(pid: number): boolean {
  return sendSignal(pid, 0) && stateOf(pid) !== "Z";
}

/** Resolves to whether all are gone before the deadline. */
export async function waitUntilGone(pids: number[], timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (pids.some((pid) => isAlive(pid))) {
    if (performance.now() > deadline) return false;
    await sleep(10);
  }
  return true;
}

/** The pids of the direct children of `pid`. */
export function childrenOf(pid: number): number[] {
  return processTable()
    .filter((row) => row.parent === pid)
    .map((row) => row.pid);
}

interface ProcessRow {
  pid: number;
  parent: number;
  state: string;
}

function processTable(): ProcessRow[] {
  if (process.platform !== "linux") return tableOfPs();
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => rowOfProc(Number(name)))
    .filter((row) => row !== undefined);
}

/** proc(5): `pid (comm) state ppid …`; comm may itself hold spaces and brackets. */
function rowOfProc(pid: number): ProcessRow | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state = "", parent = ""] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { pid, parent: Number(parent), state };
  } catch {
    return undefined; // it ended while the table was read
  }
}

function tableOfPs(): ProcessRow[] {
  return execFileSync("ps", ["-A", "-o", "pid=,ppid=,stat="], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .map(([pid = "", parent = "", state = ""]) => ({
      pid: Number(pid),
      parent: Number(parent),
      state: state.charAt(0),
    }));
}

function stateOf(pid: number): string | undefined {
  if (process.platform === "linux") return rowOfProc(pid)?.state;
  return tableOfPs().find((row) => row.pid === pid)?.state;
}
