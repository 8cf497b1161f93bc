import { readFileSync } from "node:fs";
import { type Config, ConfigFaults, readDatabase } from "../config.ts";
import { ConfigReader, type Environment } from "../config-reader.ts";
import { errorCode, GatewayError } from "../errors.ts";
import { migrateServer } from "../store/migrate-server.ts";

/** Brings the database of these settings up to date, and lists what it applied. Looks at no other setting. */
export async function runMigrations(env: Environment): Promise<string> {
  const database = databaseOf(env);
  if ("dataDir" in database) {
    return `The database is the embedded one in ${database.dataDir}: "npm start" brings it up to date. For a Postgres set DATABASE_URL.\n`;
  }
  const applied = await migrateServer(database).catch((error: unknown) => {
    if (errorCode(error) !== "unavailable") throw error;
    const message = 'The database cannot be reached: "npm run parley -- doctor" says why.';
    throw new GatewayError("unavailable", message, { cause: error });
  });
  if (applied.length === 0) return "The database is up to date: nothing was to be applied.\n";
  return `${applied.map((name) => `applied ${name}\n`).join("")}The database is up to date.\n`;
}

function databaseOf(env: Environment): Config["database"] {
  const reader = new ConfigReader(env, (path) => readFileSync(path, "utf8"));
  const database = readDatabase(reader, reader.path("DATA_DIR", "./data"));
  if (reader.faults.length > 0) throw new ConfigFaults(reader.faults);
  return database;
}
