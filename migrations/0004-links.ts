import { type Kysely, sql } from "kysely";

/** Identities that are joined to one user, so that it can be undone. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  // own_user_id: the user it is without the link; null = user_id. link: the two chats that are told of it, null iff
  // own_user_id is.
  sql`alter table identities add column own_user_id text, add column link jsonb`,
  sql`create unique index identities_own on identities (own_user_id) where own_user_id is not null`,
  sql`alter table places add column own_user_id text`,
  sql`create index places_user on places (user_id)`,
  sql`alter table talk_sessions add column own_user_id text`,

  // One code for each identity. chat: where it was made, and is told of its use.
  sql`create table link_codes (
    platform text not null,
    external_id text not null,
    hash text not null unique,
    chat jsonb not null,
    expires_at timestamptz not null,
    primary key (platform, external_id)
  )`,
  sql`create table link_tries (
    platform text not null,
    external_id text not null,
    failed integer not null default 1,
    since timestamptz not null default now(),
    primary key (platform, external_id)
  )`,
];
