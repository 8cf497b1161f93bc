import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { migrateToLatest, migrationsFit } from "../../src/store/migrate.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { databaseUrl, runStatement } from "../support/postgres.ts";
import { silentLog } from "../support/store-engines.ts";

const ROOT = path.join(import.meta.dirname, "../..");

let name: string;
let database: Database;

beforeEach(async () => {
  name = `test_${randomUUID().replaceAll("-", "")}`;
  const { url } = inject("postgres");
  await runStatement(url, `create database ${name}`);
  database = openPostgres(databaseUrl(url, name), silentLog, 2);
});

afterEach(async () => {
  await database.close();
  await runStatement(inject("postgres").url, `drop database ${name} with (force)`);
});

async function applied(): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(database.db);
  return rows.map((row) => row.name);
}

async function migrations(): Promise<string[]> {
  const files = await readdir(path.join(ROOT, "migrations"));
  return files.map((file) => path.basename(file, ".ts")).toSorted();
}

test("migrations fit once they are all applied, and not before", async () => {
  expect(await migrationsFit(database.db)).toBe(false);
  await migrateToLatest(database.db);
  expect(await migrationsFit(database.db)).toBe(true);
  expect(await applied()).toEqual(await migrations());
  await migrateToLatest(database.db);
  await sql`delete from kysely_migration where name = (select max(name) from kysely_migration)`.execute(database.db);
  expect(await migrationsFit(database.db)).toBe(false);
});

test("four processes that start at once on an empty database all come up, and one of them has applied everything", async () => {
  const script = `
    import { migrateToLatest, migrationsFit } from ${JSON.stringify(path.join(ROOT, "src/store/migrate.ts"))};
    import { openPostgres } from ${JSON.stringify(path.join(ROOT, "src/store/postgres.ts"))};
    const log = { info() {}, warn() {}, error() {} };
    const database = openPostgres(process.argv[1], log, 2);
    process.stdout.write("ready\\n");
    await new Promise((go) => process.stdin.once("data", go));
    await migrateToLatest(database.db);
    if (!(await migrationsFit(database.db))) process.exitCode = 2;
    await database.close();
    process.stdin.destroy();
  `;
  const url = databaseUrl(inject("postgres").url, name);
  const processes = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ["--input-type=module", "-e", script, url], { stdio: ["pipe", "pipe", "inherit"] }),
  );
  const ends = processes.map(exitCode);
  await Promise.all(processes.map((child) => once(child.stdout, "data")));
  for (const child of processes) child.stdin.write("go\n");
  expect(await Promise.all(ends)).toEqual([0, 0, 0, 0]);
  expect(await applied()).toEqual(await migrations());
});

async function exitCode(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, "exit")) as [number | null];
  return code;
}
