import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { sql } from "kysely";
import { GatewayError, publicMessage } from "../errors.ts";
import { fault, type Finding, ok, warning } from "../finding.ts";
import type { Config } from "../config.ts";
import { migrationsFit } from "./migrate.ts";
import { openPostgres } from "./postgres.ts";

const SILENT = { info() {}, warn() {}, error() {} };
/** Leases and ages go by the database's clock; people read times by both. */
const CLOCK_MS = 60_000;
/** The oldest that is tested against. */
const OLDEST_VERSION = 15;

/** Looks into the database of these settings and changes nothing. Never rejects. */
export async function diagnoseDatabase(database: Config["database"]): Promise<Finding[]> {
  if ("url" in database) return lookIntoPostgres(database.url);
  const { dataDir } = database;
  try {
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      return [ok("database", `will be made in ${dataDir}, embedded; it survives a killed process, no power cut`)];
    }
    return [fault("database", `${dataDir} cannot be written to`, "Make it writable for this user, or set DATA_DIR.")];
  }
  return [ok("database", `embedded in ${dataDir}; it survives a killed process, no power cut`)];
}

async function lookIntoPostgres(url: string): Promise<Finding[]> {
  const about = "database";
  const database = openPostgres(url, SILENT, 1);
  const { db } = database;
  try {
    const { rows } = await sql<{ version: number; skew_ms: number; superuser: boolean }>`
      select current_setting('server_version_num')::int / 10000 as version,
             (extract(epoch from clock_timestamp()) * 1000)::float8 - ${Date.now()}::float8 as skew_ms,
             (select rolsuper from pg_roles where rolname = current_user) as superuser`.execute(db);
    const { version, skew_ms: skewMs, superuser } = rows[0]!;
    const findings = [ok(about, `Postgres ${version} answers`)];
    if (version < OLDEST_VERSION) {
      findings.push(
        warning(about, `Postgres ${version} is older than what is tested`, `Use ${OLDEST_VERSION} or newer.`),
      );
    }
    if (!(await migrationsFit(db))) {
      findings.push(warning(about, "its schema is not up to date", "Start the gateway, which brings it up to date."));
    }
    if (superuser) {
      const remedy = "Give it a role of its own, and MIGRATE_DATABASE_URL one that may change the schema.";
      findings.push(warning(about, "the gateway's role is a superuser", remedy));
    }
    if (Math.abs(skewMs) > CLOCK_MS) {
      const says = `its clock and this machine's differ by ${Math.round(Math.abs(skewMs) / 1000)} s`;
      findings.push(warning("clock", says, "Set both by NTP."));
    }
    return findings;
  } catch (error) {
    const says = error instanceof GatewayError ? publicMessage(error) : reasonOf(error);
    return [
      fault(about, `Postgres cannot be used: ${says}`, "Check DATABASE_URL: host, port, user, password, database."),
    ];
  } finally {
    await database.close();
  }
}

/** Postgres's own words, which name no password, or the network's code. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const REASONS: Record<string, string> = {
    ECONNREFUSED: "nothing listens there",
    ENOTFOUND: "its host is not known",
    "28P01": "the password is wrong",
    "28000": "the user may not connect",
    "3D000": "there is no such database",
  };
  return REASONS[code] ?? (code === "" ? "it does not answer" : `it answers with ${code}`);
}
