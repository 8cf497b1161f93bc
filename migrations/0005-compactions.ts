import { type Kysely, sql } from "kysely";

/** What stands for older messages of a session when the model is asked; the messages themselves stay. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  // The summary stands for every message before first_kept_seq; the row with the highest one counts.
  sql`create table compactions (
    session_id text not null,
    first_kept_seq bigint not null,
    summary text not null,
    tokens_before integer not null,
    tokens_after integer not null,
    model text not null,
    run_id text not null,
    created_at timestamptz not null default now(),
    primary key (session_id, first_kept_seq)
  )`,
  // By model: how many tokens it counted for one of our estimate.
  sql`alter table talk_sessions add column token_ratios jsonb not null default '{}'`,
  // A compaction that a person has asked for: where it was asked, and in which language; null = none.
  sql`alter table lanes add column compact jsonb`,
];
