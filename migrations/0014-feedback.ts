import { type Kysely, sql } from "kysely";

/**
 * What people think of answers. A row belongs to `user_id` (whose opinion it is; null = an agent told of it and nobody
 * knows of whom) and to `agent` (which answered; null = unknown). It outlives its session: nothing deletes it but
 * housekeeping and its author.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  // author: who may change it, a user's id or `agent:<name>`. target: what it is about, one row per author and key. created_at is in
  // whole ms, because cursors of clients are.
  sql`create table feedback (
    id text primary key,
    session_id text,
    run_id text,
    message_id text,
    trace_id text,
    target text not null,
    key text not null,
    author text not null,
    user_id text,
    agent text,
    agent_type text,
    model text,
    card_version text,
    source text not null,
    rating smallint not null check (rating in (1, -1)),
    score double precision,
    tags text[] not null default '{}',
    comment text,
    correction text,
    latency_ms double precision,
    turn_index integer,
    ask_page text,
    ask_until timestamptz,
    created_at timestamptz not null default date_trunc('milliseconds', now()),
    updated_at timestamptz not null default now(),
    unique (author, target, key)
  )`,
  sql`create index feedback_at on feedback (created_at, id)`,
  sql`create index feedback_rating_at on feedback (rating, created_at, id)`,
  sql`create index feedback_agent_at on feedback (agent, created_at, id)`,
  sql`create index feedback_user_at on feedback (user_id, created_at, id)`,
  sql`create index feedback_session_at on feedback (session_id, created_at, id) where session_id is not null`,
  sql`create index feedback_run on feedback (run_id) where run_id is not null`,
  sql`create index feedback_trace on feedback (trace_id) where trace_id is not null`,

  // Which card answered, and the hash of what the buttons under the answer bring back.
  sql`alter table runs add column card_version text`,
  sql`alter table runs add column vote_hash text`,
  sql`create unique index runs_vote on runs (vote_hash) where vote_hash is not null`,
  sql`create index runs_id on runs (id)`,
];
