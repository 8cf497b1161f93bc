import { readdir } from "node:fs/promises";
import { parse } from "node:path";
import type { Kysely } from "kysely";
import { type Migration, type MigrationProvider, Migrator } from "kysely/migration";

const MIGRATIONS = new URL("../../migrations/", import.meta.url);

/** By name. A file is loaded when it is to be applied: most starts apply none. */
const provider: MigrationProvider = {
  async getMigrations() {
    const files = (await readdir(MIGRATIONS)).filter((file) => /^\d{4}-.*\.ts$/.test(file));
    const load = async (file: string) => (await import(new URL(file, MIGRATIONS).href)) as Migration;
    return Object.fromEntries(
      files.map((file) => [parse(file).name, { up: async (db: Kysely<any>) => (await load(file)).up(db) }]),
    );
  },
};

function migrator(db: Kysely<any>): Migrator {
  return new Migrator({ db, provider });
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
