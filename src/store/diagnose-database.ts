import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { sql } from "kysely";
import { GatewayError, publicMessage } from "../errors.ts";
import { fault, type Finding, ok, warning } from "../finding.ts";
import type { Config } from "../config.ts";
import { loginFault, migratorFault } from "./check-login.ts";
import { migrationsFit } from "./migrate.ts";
import { openPostgres } from "./postgres.ts";
import type { Root } from "./schema.ts";

const SILENT = { info() {}, warn() {}, error() {} };
/** Leases and ages go by the database's clock; people read times by both. */
const CLOCK_MS = 60_000;
/** The oldest that is tested against. */
const OLDEST_VERSION = 15;

/** Looks into the database of these settings and changes nothing. Never rejects. */
export async function diagnoseDatabase(database: Config["database"]): Promise<Finding[]> {
  if ("url" in database) {
    const { url, migrateUrl } = database;
    return [...(await lookIntoPostgres(url, migrateUrl ?? url)), ...lookAtTls(url)];
  }
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

async function lookIntoPostgres(url: string, migrateUrl: string): Promise<Finding[]> {
  const about = "database";
  const database = openPostgres(url, SILENT, 1);
  const { db } = database;
  try {
    const { rows } = await sql<{ version: number; skew_ms: number; superuser: boolean; owner: boolean }>`
      select current_setting('server_version_num')::int / 10000 as version,
             (extract(epoch from clock_timestamp()) * 1000)::float8 - ${Date.now()}::float8 as skew_ms, r.rolsuper as superuser,
             exists (select from pg_class where oid = to_regclass('talk_sessions') and relowner = r.oid) as owner
      from pg_roles r where r.rolname = current_user`.execute(db);
    const { version, skew_ms: skewMs, superuser, owner } = rows[0]!;
    const findings = [ok(about, `Postgres ${version} answers`)];
    if (version < OLDEST_VERSION) {
      findings.push(
        warning(about, `Postgres ${version} is older than what is tested`, `Use ${OLDEST_VERSION} or newer.`),
      );
    }
    findings.push(...(await lookAtSchema(db, migrateUrl)));
    if (superuser || owner) {
      const says = `the gateway's role ${superuser ? "is a superuser" : "owns the tables, so it may change them"}`;
      const remedy = "Give it a role of its own, and MIGRATE_DATABASE_URL one that may change the schema.";
      findings.push(warning(about, says, remedy));
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

/** Asked as the role that migrates: another one may not even see what was applied before that role lets it. */
async function lookAtSchema(db: Root, migrateUrl: string): Promise<Finding[]> {
  const about = "database";
  const migrator = openPostgres(migrateUrl, SILENT, 1);
  try {
    const fits = await migrationsFit(migrator.db);
    const missing = fits ? await loginFault(db) : await migratorFault(migrator.db);
    return [
      ...(fits
        ? []
        : [warning(about, "its schema is not up to date", 'Start the gateway, or run "npm run parley -- migrate".')]),
      ...(missing ? [fault(about, missing.says, missing.remedy)] : []),
    ];
  } catch (error) {
    return [fault(about, `its schema cannot be looked at: ${reasonOf(error)}`, "Check MIGRATE_DATABASE_URL.")];
  } finally {
    await migrator.close();
  }
}

/** A server elsewhere is to prove who it is: else the password may go to somebody in between. */
function lookAtTls(url: string): Finding[] {
  const { hostname, searchParams } = new URL(url);
  const here = /^(|localhost|127\..*|\[::1\]|%2F.*)$/i.test(hostname);
  if (here || searchParams.get("sslmode") === "verify-full") return [];
  const remedy = "Add sslmode=verify-full to DATABASE_URL, and sslrootcert=<file> for an authority of your own.";
  return [warning("database", `nothing says that ${hostname} has to prove who it is`, remedy)];
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
