import { Kysely, PostgresDialect } from "kysely";
import { Pool } from "pg";
import type { TestProject } from "vitest/node";
import { migrateToLatest } from "../src/store/migrate.ts";
import { databaseUrl, runStatement, startPostgres } from "./support/postgres.ts";

const TEMPLATE = "parley_template";

/** One Postgres per run, with one migrated database that test files clone. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres({ fsync: false });
  try {
    await runStatement(server.url, `create database ${TEMPLATE}`);
    await migrate(databaseUrl(server.url, TEMPLATE));
  } catch (error) {
    await server.stop();
    throw error;
  }
  project.provide("postgres", { url: server.url, template: TEMPLATE });
  return () => server.stop();
}

/** Leaves no connection behind: a template with one cannot be cloned. */
async function migrate(url: string): Promise<void> {
  const db = new Kysely<unknown>({
    dialect: new PostgresDialect({ pool: new Pool({ connectionString: url, max: 1 }) }),
  });
  try {
    await migrateToLatest(db);
  } finally {
    await db.destroy();
  }
}
