import type { Config } from "../config.ts";
import { explainMigration } from "./check-login.ts";
import { migrateToLatest } from "./migrate.ts";
import { openPostgres } from "./postgres.ts";
import { translate } from "./transaction.ts";

/** Brings a Postgres up to date, as the role that may; the names of what it applied. Rejects with a `GatewayError`. */
export async function migrateServer({
  url,
  migrateUrl,
}: Extract<Config["database"], { url: string }>): Promise<string[]> {
  const migrator = openPostgres(migrateUrl ?? url, { info() {}, warn() {}, error() {} }, 1, true);
  try {
    return await migrateToLatest(migrator.db);
  } catch (error) {
    throw translate(explainMigration(error));
  } finally {
    await migrator.close();
  }
}
