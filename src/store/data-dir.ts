import { writeFileSync } from "node:fs";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { GatewayError } from "../errors.ts";
import { fateOf, isSameBoot, thisProcess } from "./process-identity.ts";
import type { ProcessIdentity } from "./replicas.ts";

/** SQLITE_BUSY, https://sqlite.org/rescode.html#busy */
const BUSY = 5;
const REMEDY = "give this one another DATA_DIR, or a DATABASE_URL, which many can share.";

export interface DataDirLock {
  /** Lets the next process in; again = nothing. */
  release(): Promise<void>;
}

type Owner = ProcessIdentity & { since: string };

/** A lock dies with its object, so it must not be garbage. */
const held = new Set<DatabaseSync>();

/**
 * Makes this process the only one that uses the directory (made if it is not there), until the release or its end,
 * however it ends. Rejects with `conflict`, saying who holds it and what to do.
 *
 * Two things guard it. `lock` is locked in the kernel, which lets exactly one of many starters in and forgets the dead
 * at once, also across containers with their own pids; SQLite is only the way to such a lock, nothing is stored in it.
 * `owner.json` says who it is, for the message, and for file systems whose locks do not reach other machines.
 */
export async function lockDataDir(dir: string): Promise<DataDirLock> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const file = path.join(dir, "owner.json");
  const lock = takeLock(path.join(dir, "lock"));
  try {
    const owner = await readOwner(file);
    if (lock === null) throw new GatewayError("conflict", describeHolder(owner));
    const reason = owner === null ? null : reasonToRefuse(owner);
    if (reason !== null) throw new GatewayError("conflict", reason);
    await writeOwner(file, { ...thisProcess(), since: new Date().toISOString() });
  } catch (error) {
    lock?.close();
    throw error;
  }
  held.add(lock);
  return {
    async release() {
      if (!held.delete(lock)) return;
      // Before the lock goes: afterwards it may be the file of the next owner.
      await rm(file, { force: true });
      lock.close();
    },
  };
}

/** Null = another process, or another part of this one, has it. */
function takeLock(file: string): DatabaseSync | null {
  let lock: DatabaseSync | undefined;
  try {
    createEmpty(file);
    lock = new DatabaseSync(file);
    // RESERVED: only one can have it, and nobody has to give way first, so of all starters exactly one gets it.
    lock.exec("begin immediate");
    return lock;
  } catch (error) {
    lock?.close();
    if ((error as { errcode?: number }).errcode === BUSY) return null;
    const message = "The data directory cannot be locked. It must be writable, and on a disk of this machine.";
    throw new GatewayError("unavailable", message, { cause: error });
  }
}

/** For its mode. An existing file is not opened: to close it again would end this process's own lock (fcntl(2)). */
function createEmpty(file: string): void {
  try {
    writeFileSync(file, "", { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** The lock is ours; may the last owner, who never released it, be alive all the same? */
function reasonToRefuse(owner: Owner): string | null {
  const self = thisProcess();
  const isSelf = owner.pid === self.pid && owner.startedAt === self.startedAt && owner.bootId === self.bootId;
  if (fateOf(owner, self) === "alive" && !isSelf) return describeHolder(owner);
  // On the same kernel its lock would be seen, wherever its pid is counted.
  if (owner.host === self.host || isSameBoot(owner, self)) return null;
  return (
    `The data directory was in use by process ${owner.pid} on host ${owner.host} since ${owner.since}, ` +
    "which cannot be seen from here. If it is no longer running, delete owner.json in DATA_DIR and start again; " +
    `else ${REMEDY}`
  );
}

function describeHolder(owner: Owner | null): string {
  const who = owner === null ? "another process" : `process ${owner.pid} on host ${owner.host} since ${owner.since}`;
  return `The data directory is in use by ${who}. Stop that one, or ${REMEDY}`;
}

/** Null = nobody, or a power cut left no content behind. */
async function readOwner(file: string): Promise<Owner | null> {
  let content: string;
  try {
    content = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    const owner = JSON.parse(content) as Partial<Owner> | null;
    const isOwner =
      typeof owner?.pid === "number" &&
      [owner.host, owner.bootId, owner.startedAt, owner.since].every((field) => typeof field === "string");
    return isOwner ? (owner as Owner) : null;
  } catch {
    return null;
  }
}

/** Whole or not at all, also for a reader in the middle of it. */
async function writeOwner(file: string, owner: Owner): Promise<void> {
  const draft = `${file}.new`;
  await rm(draft, { force: true });
  const handle = await open(draft, "wx", 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(owner)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
}
