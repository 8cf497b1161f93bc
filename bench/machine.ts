import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import path from "node:path";
import { type MachineState, machineState } from "./proc.ts";
import { percentile } from "./statistics.ts";

const LOOK_EVERY_MS = 2_000;

/** Where it was measured. */
export interface Machine {
  node: string;
  cores: number;
  cpu: string;
  /** One fdatasync of 8 kB, in ms. */
  fsyncMs: { p50: number; p99: number };
}

/** What went on besides, while a scenario ran. */
export interface Surroundings {
  seconds: number;
  /** How much of the machine other programs used, 0 to 1. */
  othersShare: number;
  /** The most processes of the bench at once, by name. */
  processes: Record<string, number>;
}

export function describeMachine(): Machine {
  const cpu = cpus()[0]?.model ?? "unknown";
  return { node: process.version, cores: availableParallelism(), cpu, fsyncMs: fsyncLatency() };
}

/** Watches until the returned function is called. */
export function watchMachine(): () => Surroundings {
  const startedAt = performance.now();
  const before = machineState();
  const processes: Record<string, number> = {};
  const look = (): MachineState => {
    const state = machineState();
    for (const [name, count] of Object.entries(state.processes)) {
      processes[name] = Math.max(processes[name] ?? 0, count);
    }
    return state;
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return () => {
    clearInterval(timer);
    const after = look();
    const seconds = (performance.now() - startedAt) / 1000;
    const othersMs = after.allMs - before.allMs - (after.oursMs - before.oursMs);
    return { seconds, othersShare: Math.max(0, othersMs / (seconds * 1000 * availableParallelism())), processes };
  };
}

/** What a commit waits for, on the disk of the temporary files, where Postgres writes too. */
function fsyncLatency(): { p50: number; p99: number } {
  const folder = mkdtempSync(path.join(tmpdir(), "parley-fsync-"));
  const file = openSync(path.join(folder, "file"), "w");
  const page = Buffer.alloc(8192, 1);
  const took = Array.from({ length: 200 }, () => {
    const startedAt = performance.now();
    writeSync(file, page);
    fdatasyncSync(file);
    return performance.now() - startedAt;
  });
  closeSync(file);
  rmSync(folder, { recursive: true });
  return { p50: percentile(took, 50), p99: percentile(took, 99) };
}
