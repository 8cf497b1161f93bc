import { type Kysely, sql } from "kysely";

/** What lists and housekeeping look for, without reading all there ever was; and whose a vote was before a link. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  sql`create index run_usage_age on run_usage (at)`,
  sql`create index audit_log_target on audit_log (target, at, id)`,
  sql`create index runs_agent on runs (agent, started_at desc, id desc)`,
  sql`create index identities_blocked on identities (user_id) where blocked_at is not null`,

  // As of memories: whose it is again without the link.
  sql`alter table feedback add column own_user_id text`,
];
