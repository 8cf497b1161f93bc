import { type Kysely, sql } from "kysely";

/** By which rule of the settings somebody whom a provider knows was let in; null = by none of them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table web_sessions add column rule text`.execute(db);
}
