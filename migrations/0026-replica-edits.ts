import { type Kysely, sql } from "kysely";

/** By which edits of cards and places each replica goes, by their files' names; not there = by none. Of no person. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table replicas add column edits jsonb not null default '{}'`.execute(db);
}
