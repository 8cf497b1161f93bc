import { type Kysely, sql } from "kysely";

/**
 * Who is blocked, who is being erased, and who keeps house. None of the new tables is a user's: `erasures` belongs to
 * the operator, `housekeeping` to the gateway.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  // Of the identity, not the user: a link that ends must not end the block. block_told_at: they know of it.
  sql`alter table identities add column blocked_at timestamptz, add column block_told_at timestamptz`,

  // users: every id of theirs; identities: who they were, which says what of groups is theirs. Null = it is all gone.
  sql`create table erasures (
    id text primary key,
    user_id text not null,
    users text[] not null,
    identities jsonb,
    begun_at timestamptz not null default now(),
    ended_at timestamptz
  )`,
  sql`create index erasures_open on erasures (begun_at) where ended_at is null`,

  // One row: the replica that keeps house for all, on the database's clock.
  sql`create table housekeeping (
    name text primary key,
    owner text,
    held_since timestamptz,
    lease_until timestamptz,
    succeeded_at timestamptz
  )`,

  // As fine as what a cursor can tell.
  sql`alter table users alter column created_at set default date_trunc('milliseconds', now())`,
  sql`update users set created_at = date_trunc('milliseconds', created_at)`,
  sql`create index users_age on users (created_at, id)`,
  // What of a group is one person's: only messages of groups have an author.
  sql`create index messages_author on messages ((author->>'id'), session_id, seq) where author->>'id' is not null`,
  sql`create index inbox_author on inbox ((author->>'id')) where author->>'id' is not null`,
  // They come in the order of their age.
  sql`create index inbox_age on inbox using brin (received_at)`,
  sql`create index messages_age on messages using brin (created_at)`,
];
