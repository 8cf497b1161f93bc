import { type Kysely, sql } from "kysely";

/** What readers ask for all the time, and what housekeeping looks for, without reading everything there ever was. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  sql`drop index lanes_user`,
  sql`create index lanes_user on lanes (user_id, ready_at)`,
  sql`create index runs_started on runs (session_id, started_at)`,
  sql`create index inbox_handled on inbox (received_at) where session_id is null`,
  sql`create index outbox_done on outbox (created_at) where due_at is null`,
  // Events come and go in the order of their age, so a few pages of index are enough for any number of them.
  sql`create index run_events_age on run_events using brin (created_at)`,
];
