import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import type { ProcessIdentity } from "./replicas.ts";

/**
 * This process, such that no other one on any host ever has the same identity where /proc exists. `bootId` is
 * `<boot id>/<pid namespace>`: a pid means something only within both. Where there is no /proc the parts are empty.
 */
export function thisProcess(): ProcessIdentity {
  const boot = attempt(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
  const namespace = attempt(() => readlinkSync("/proc/self/ns/pid"));
  return {
    host: hostname(),
    bootId: `${boot}/${namespace}`,
    pid: process.pid,
    startedAt: startOf(process.pid)?.startedAt ?? "",
  };
}

/** `alive` and `gone` are proved; `unknown` is everything that cannot be seen from here, other hosts above all. */
export function fateOf(other: ProcessIdentity, self: ProcessIdentity = thisProcess()): "alive" | "gone" | "unknown" {
  if (other.host !== self.host) return "unknown";
  if (bootOf(other) !== bootOf(self)) return bootOf(other) === "" || bootOf(self) === "" ? "unknown" : "gone";
  if (other.bootId !== self.bootId) return "unknown"; // another container of this kernel: its pids are not ours
  if (!exists(other.pid)) return "gone";
  if (other.startedAt === "") return "unknown";
  const now = startOf(other.pid);
  if (now === null) return "unknown";
  return now.startedAt === other.startedAt && !now.isZombie ? "alive" : "gone";
}

/** Do both run on the same kernel, in whatever containers? False when there is no telling. */
export function isSameBoot(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return bootOf(a) !== "" && bootOf(a) === bootOf(b);
}

function bootOf(identity: ProcessIdentity): string {
  return identity.bootId.split("/")[0] ?? "";
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Fields 3 (state) and 22 (start in ticks since the boot) of proc_pid_stat(5); the second may hold spaces and brackets. */
function startOf(pid: number): { startedAt: string; isZombie: boolean } | null {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const startedAt = fields[22 - 3];
  return startedAt === undefined ? null : { startedAt, isZombie: fields[0] === "Z" };
}

function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}
