import { type Kysely, sql } from "kysely";

/** Owner column of `chat_threads`: user_id. `agents` is the operators'. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  // What operators set over the API. remote: how an agent is reached that has neither card nor settings in a file, as
  // parley.yaml would say it, with names of variables in place of secrets; null = the agent stands in a file.
  sql`create table agents (
    name text primary key,
    enabled boolean not null default true,
    description text not null default '',
    remote jsonb,
    limits jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
  )`,

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
  // What an operator has said of a post that was in doubt or failed; null = nothing, so it is listed.
  sql`alter table outbox add column resolved text check (resolved in ('shown', 'dropped'))`,

  sql`create index chat_threads_age on chat_threads (created_at)`,
];
