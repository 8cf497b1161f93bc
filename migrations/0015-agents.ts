import { type Kysely, sql } from "kysely";

/** Owner column of the new table: `chat_threads.user_id`. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  // Which session goes on with what a client of the OpenAI-compatible API sends. key: how the client calls its user, or
  // a digest of all that was said; head_seq: the session's when that was said, null for the former.
  sql`create table chat_threads (
    user_id text not null,
    key text not null,
    session_id text not null,
    head_seq bigint,
    created_at timestamptz not null default now(),
    primary key (user_id, key)
  )`,
  sql`create index chat_threads_age on chat_threads (created_at)`,
];
