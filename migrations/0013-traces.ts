import { type Kysely, sql } from "kysely";

/** What runs and their agents did, as traces. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  // W3C: 32 hexadecimal digits, the same over all attempts of a run. The default is for runs that replicas of the
  // version before begin.
  sql`alter table runs add column trace_id text not null default replace(gen_random_uuid()::text, '-', '')`,
  sql`create index runs_trace on runs (trace_id)`,
];
