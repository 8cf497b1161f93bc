import { sql } from "kysely";
import { GatewayError } from "../errors.ts";
import type { UserId } from "../ids.ts";
import { isRowRefusal, withReach } from "./reach.ts";
import type { Root } from "./schema.ts";

const FORBIDDEN = "42501";
const NO_SUCH_ROLE = "22023";
const SEPARATE_ROLE = "set MIGRATE_DATABASE_URL to a role that may change the schema";

/** What a role may not do, and what an administrator of the database runs so that it may. */
interface RoleFault {
  says: string;
  remedy: string;
  cause?: unknown;
}

/** Rejects unless the gateway's login may serve. Belongs after the migrations. */
export async function checkLogin(db: Root): Promise<void> {
  const fault = await loginFault(db);
  if (!fault) return;
  throw new GatewayError("forbidden", `${fault.says}. ${fault.remedy}`, { cause: fault.cause });
}

/** Tries what the gateway's login has to do: work on all rows, and act for a caller. */
export async function loginFault(db: Root): Promise<RoleFault | null> {
  try {
    await sql`select from lanes limit 0`.execute(db);
    await withReach(db, { kind: "user", user: "" as UserId }, (trx) => sql`select from runs limit 0`.execute(trx));
    return null;
  } catch (error) {
    if (!isRefused(error)) throw error;
    const remedy = `Let an administrator of the database run: grant parley_gateway to ${await nameOfRole(db)};`;
    return { says: "the role of DATABASE_URL may not serve", remedy, cause: error };
  }
}

/** Whether the role that migrates can be given, or can make, the roles that the gateway works with. */
export async function migratorFault(db: Root): Promise<RoleFault | null> {
  const { rows } = await sql<{ able: boolean }>`
    select rolsuper or rolcreaterole or coalesce(pg_has_role(to_regrole('parley_gateway'), 'usage'), false) as able
    from pg_roles where rolname = current_user`.execute(db);
  if (rows[0]!.able) return null;
  return {
    says: "the role that migrates may not make the roles that the gateway works with",
    remedy:
      "Let an administrator of the database run: create role parley_gateway nologin; create role parley_request " +
      `nologin; grant parley_request to parley_gateway; grant parley_gateway to ${await nameOfRole(db)}; (leave out ` +
      "what there is already)",
  };
}

/** What a migration that the role may not make comes to for the operator; any other error as it is. */
export function explainMigration(error: unknown): unknown {
  if (!isRefused(error)) return error;
  const { message } = error as Error;
  // Those that our migrations throw say themselves what to run.
  const remedy = message.startsWith("permission denied") ? ` (${SEPARATE_ROLE})` : "";
  return new GatewayError("forbidden", `the database could not be brought up to date. ${message}${remedy}`);
}

async function nameOfRole(db: Root): Promise<string> {
  const { rows } = await sql<{ name: string }>`select quote_ident(current_user) as name`.execute(db);
  return rows[0]!.name;
}

function isRefused(error: unknown): boolean {
  if (isRowRefusal(error)) return true;
  return error instanceof Error && "code" in error && (error.code === FORBIDDEN || error.code === NO_SUCH_ROLE);
}
