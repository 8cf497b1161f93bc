import { type Kysely, sql } from "kysely";

/** The model that people have chosen for a talk. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // As parley.yaml writes it; null = the agent's own.
  await sql`alter table talk_sessions add column model text`.execute(db);
}
