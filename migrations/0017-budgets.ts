import { type Kysely, sql } from "kysely";

/** Whose key asked for a run: a key may have a budget. Belongs to the row's session, like all of `inbox`. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table inbox add column key_id text`.execute(db);
}
