import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { access, chmod, chown, constants, mkdir, mkdtemp, statfs } from "node:fs/promises";
import { availableMemory } from "node:process";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import { inject } from "vitest";
import { freePort } from "./free-port.ts";
import { installPostgres, type PostgresBinaries } from "./postgres-binaries.ts";
import { LocalPostgres, type PostgresOptions, type PostgresServer } from "./postgres-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The server that every test file of this run shares: its admin URL and the name of the migrated template. */
    postgres: { url: string; template: string };
  }
}

/** A fresh database with all migrations on the run's shared Postgres; `drop` disconnects whoever is left. */
export async function createTestDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const { url, template } = inject("postgres");
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  await runStatement(url, `create database ${name} template ${template} strategy file_copy`);
  return {
    url: databaseUrl(url, name),
    drop: () => runStatement(url, `drop database if exists ${name} with (force)`),
  };
}

/**
 * Makes an empty cluster of one's own and starts it, for tests that break it. Nothing outlives the calling process: a
 * watchdog ends the server when its starter dies, by whatever signal.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const folder = await mkdtemp(path.join(tmpdir(), "parley-postgres-"));
  const inMemory = !options.fsync && (await hasRoom(MEMORY));
  const cluster = path.join(inMemory ? MEMORY : folder, inMemory ? path.basename(folder) : "cluster");
  const watchdog = startWatchdog(folder, cluster);
  try {
    await chmod(folder, 0o755);
    const binaries = await installPostgres(folder);
    await makeCluster(binaries, cluster, folder);
    const server = new LocalPostgres({ folder, cluster, binaries, port: await freePort(), options, watchdog });
    await server.start();
    return server;
  } catch (error) {
    watchdog.stdin?.end();
    throw error;
  }
}

/** Linux's folder in memory: a disk slows down with each database that is copied and dropped. */
const MEMORY = "/dev/shm";
const ROOM_BYTES = 2 ** 31;

async function hasRoom(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK);
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize > ROOM_BYTES && availableMemory() > 2 * ROOM_BYTES;
  } catch {
    return false;
  }
}

/** The same server, another database. */
export function databaseUrl(url: string, name: string): string {
  const other = new URL(url);
  other.pathname = `/${name}`;
  return other.href;
}

/** One statement over a connection of its own. */
export async function runStatement(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function makeCluster(binaries: PostgresBinaries, cluster: string, cwd: string): Promise<void> {
  await mkdir(cluster, { mode: 0o700 });
  if (binaries.runAs) await chown(cluster, binaries.runAs.uid, binaries.runAs.gid);
  const flags = ["-D", cluster, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync"];
  await promisify(execFile)(binaries.initdb, flags, { ...binaries.runAs, cwd });
}

/** `detached`: the Ctrl-C that ends a test run must not end the one who cleans up after it. */
function startWatchdog(...folders: string[]): ChildProcess {
  const script = path.join(import.meta.dirname, "postgres-watchdog.ts");
  const watchdog = spawn(process.execPath, [script, ...folders], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  watchdog.stdin?.on("error", () => {}); // it was killed by hand: then nobody is left to be told
  watchdog.unref();
  return watchdog;
}
