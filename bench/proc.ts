import { readdirSync, readFileSync, writeFileSync } from "node:fs";

/** USER_HZ, which Linux fixes at 100 for what it shows of itself (proc(5)). */
const TICK_MS = 10;

/** CPU time of a process in ms, as `/proc/<pid>/stat` has it: its own, and that of children it has waited for. */
export interface CpuTime {
  ownMs: number;
  childrenMs: number;
}

/** Pure: reads a line of `/proc/<pid>/stat`. The name in brackets may hold anything. */
export function parseStat(line: string): CpuTime & { name: string; parent: number } {
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  const ticks = (index: number) => Number(fields[index]) * TICK_MS;
  const name = line.slice(line.indexOf("(") + 1, line.lastIndexOf(")"));
  return { name, parent: Number(fields[1]), ownMs: ticks(11) + ticks(12), childrenMs: ticks(13) + ticks(14) };
}

/** Pure: a size of `/proc/<pid>/status`, in kB; NaN if it is not there. */
export function parseStatusKb(text: string, field: "VmRSS" | "VmHWM"): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? Number.NaN);
}

/** Pure: of the first line of `/proc/stat`, how long all cores together were busy, in ms. */
export function parseBusyMs(text: string): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = text
    .slice(0, text.indexOf("\n"))
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * TICK_MS;
}

export function cpuMs(pid: number): number {
  return parseStat(readFileSync(`/proc/${pid}/stat`, "utf8")).ownMs;
}

export function memoryMb(pid: number, field: "VmRSS" | "VmHWM"): number {
  return parseStatusKb(readFileSync(`/proc/${pid}/status`, "utf8"), field) / 1024;
}

/** The peak counts from now on (proc(5), clear_refs). */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** How busy the machine is, and how much of that is this process's doing, with everything it has started. */
export interface MachineState {
  allMs: number;
  oursMs: number;
  /** Of ours, by name: how many processes there are now. */
  processes: Record<string, number>;
}

export function machineState(): MachineState {
  const rows = new Map<number, ReturnType<typeof parseStat>>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      rows.set(Number(name), parseStat(readFileSync(`/proc/${name}/stat`, "utf8")));
    } catch {
      // It ended meanwhile.
    }
  }
  const state: MachineState = { allMs: parseBusyMs(readFileSync("/proc/stat", "utf8")), oursMs: 0, processes: {} };
  for (const [pid, { name, ownMs, childrenMs }] of rows) {
    if (!isOurs(pid, rows)) continue;
    state.oursMs += ownMs + childrenMs;
    // Node calls its first thread so, and with it the process.
    const program = name === "MainThread" ? "node" : name;
    state.processes[program] = (state.processes[program] ?? 0) + 1;
  }
  return state;
}

function isOurs(pid: number, rows: ReadonlyMap<number, { parent: number }>): boolean {
  let current = pid;
  while (current > 1 && current !== process.pid) current = rows.get(current)?.parent ?? 0;
  return current === process.pid;
}
