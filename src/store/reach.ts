import { sql } from "kysely";
import { GatewayError } from "../errors.ts";
import type { UserId } from "../ids.ts";
import type { Root, Trx } from "./schema.ts";
import { withTransaction } from "./transaction.ts";

/** Whose rows a caller may read and write: everybody's, those of one user, or those of one agent. */
export type Reach = { kind: "all" } | { kind: "user"; user: UserId } | { kind: "agent"; agent: string };

/**
 * A transaction on behalf of a caller. Its statements are scoped by `reach` themselves, too; where one is not, the
 * database shows a user or an agent its own rows alone, and refuses what it may not write.
 */
export async function withReach<T>(db: Root, reach: Reach, work: (trx: Trx) => Promise<T>): Promise<T> {
  if (reach.kind === "all") return withTransaction(db, work);
  const user = reach.kind === "user" ? reach.user : "";
  const agent = reach.kind === "agent" ? reach.agent : "";
  try {
    return await withTransaction(db, async (trx) => {
      await sql`select set_config('role', 'parley_request', true), set_config('parley.user', ${user}, true),
                       set_config('parley.agent', ${agent}, true)`.execute(trx);
      return work(trx);
    });
  } catch (error) {
    if (codeOf(error) !== FORBIDDEN) throw error;
    throw new GatewayError("forbidden", "This key may not do that.", { cause: error });
  }
}

/** insufficient_privilege: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const FORBIDDEN = "42501";

/** Whether the database itself refused what a statement for a caller should never have tried: a bug of ours. */
export function isRowRefusal(error: unknown): boolean {
  return error instanceof GatewayError && codeOf(error.cause) === FORBIDDEN;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
