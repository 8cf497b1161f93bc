import { type Kysely, sql } from "kysely";

/**
 * Sessions as the API shows them: ids and data of those who made them, and what was taken back. Owners:
 * talk_sessions by user_id and agent, messages and runs by their session.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  // history: who keeps it, the gateway by merges or the agent by its key. external_id: as whoever made the session named
  // it, unique among the names of id_space (agent:<name> or user:<id>). create_key: the Idempotency-Key of its creation.
  // version counts changes of everything but the history. hidden: which messages were taken back by reverts, as the
  // messages themselves say too.
  sql`alter table talk_sessions
    add column platform text not null default 'api',
    add column history text not null default 'gateway' check (history in ('gateway', 'agent')),
    add column id_space text,
    add column external_id text,
    add column create_key text,
    add column create_digest text,
    add column parent_id text,
    add column hidden int8multirange not null default '{}',
    add column version bigint not null default 0,
    add column metadata jsonb not null default '{}',
    add column cost_data jsonb not null default '{}'`,
  sql`update talk_sessions s set platform = split_part(p.account_id, ':', 1) from places p where p.id = s.place_id`,
  sql`create unique index talk_sessions_external on talk_sessions (id_space, external_id)
      where external_id is not null`,
  sql`create unique index talk_sessions_created on talk_sessions (id_space, create_key) where create_key is not null`,
  sql`drop index talk_sessions_user`,
  sql`create index talk_sessions_user on talk_sessions (user_id, updated_at desc, id desc)`,
  sql`create index talk_sessions_agent on talk_sessions (agent, updated_at desc, id desc)`,
  sql`create index talk_sessions_used on talk_sessions (updated_at desc, id desc)`,

  // agent: who answered, or was asked; null = as the run says: what there was before is not written anew, which would
  // keep everybody waiting for minutes. trace_id: of its run. hidden: taken back, so neither shown nor sent. original: as the agent
  // that keeps the history wrote it; null = the gateway keeps it.
  sql`alter table messages
    add column agent text,
    add column trace_id text,
    add column hidden boolean not null default false,
    add column original jsonb`,

  // stop: this run alone is to end; see also talk_sessions.stop_through.
  sql`alter table runs add column stop boolean not null default false`,
  sql`create index runs_all on runs (started_at desc, id desc)`,
];
