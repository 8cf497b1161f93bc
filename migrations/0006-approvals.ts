import { type Kysely, sql } from "kysely";

/** Calls of tools that people are asked for. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  // decision is null while the question is open. used_at: the one call that an approval is good for began; used_by lets
  // that statement be repeated. page_id: the outbox row that shows the question; null = it is asked over the API alone.
  sql`create table approvals (
    session_id text not null,
    id text not null,
    run_id text not null,
    call_id text not null,
    tool text not null,
    args text not null,
    args_sha256 text not null,
    again boolean not null,
    approvers text[] not null,
    page_id text,
    expires_at timestamptz not null,
    decision text check (decision in ('approved', 'denied', 'expired', 'cancelled')),
    decided_by text,
    decided_at timestamptz,
    used_at timestamptz,
    used_by text,
    created_at timestamptz not null default clock_timestamp(),
    primary key (session_id, id)
  )`,
  sql`create index approvals_run on approvals (session_id, run_id)`,
  sql`create index approvals_age on approvals (created_at)`,
];
