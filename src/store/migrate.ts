import fs from "node:fs/promises";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Kysely } from "kysely";
import { FileMigrationProvider, Migrator } from "kysely/migration";

const MIGRATIONS = fileURLToPath(new URL("../../migrations", import.meta.url));

function migrator(db: Kysely<any>): Migrator {
  return new Migrator({
    db,
    provider: new FileMigrationProvider({
      fs,
      path,
      migrationFolder: MIGRATIONS,
      import: (file: string) => import(pathToFileURL(file).href),
    }),
  });
}

/**
 * Applies what is pending, all in one transaction. Several processes may start at once: one applies, the others wait.
 * Needs a direct connection (it takes a session lock), so not a transaction pooler's. Returns what it applied, by name.
 */
export async function migrateToLatest(db: Kysely<any>): Promise<string[]> {
  const { error, results = [] } = await migrator(db).migrateToLatest();
  if (error) throw error;
  return results.map(({ migrationName }) => migrationName);
}

/** Whether this program's migrations are all applied. There may be newer ones: they expand before they contract. */
export async function migrationsFit(db: Kysely<any>): Promise<boolean> {
  const all = await migrator(db).getMigrations();
  return all.every((migration) => migration.executedAt !== undefined);
}
