import { type Kysely, sql } from "kysely";

/**
 * Who is signed in at the web page, and by which one-time links; and what people have set for themselves there. Owners:
 * web_sessions and web_links by user_id. No call reaches them by itself.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
  for (const name of ["web_sessions", "web_links"]) {
    const table = sql.table(name);
    await sql`alter table ${table} enable row level security, force row level security`.execute(db);
    await sql`create policy gateway on ${table} to parley_gateway using (true) with check (true)`.execute(db);
  }
}

const statements = [
  // hash: SHA-256 of the cookie's 256 random bits. user_id: whose own user it is, whoever that is linked to. role: null =
  // a person; else an operator, who is that user. guest: nobody but this browser.
  sql`create table web_sessions (
    id text primary key,
    hash bytea not null unique,
    user_id text not null,
    role text check (role in ('owner', 'operator', 'viewer')),
    guest boolean not null default false,
    created_at timestamptz not null default now(),
    last_used_at timestamptz not null default now(),
    expires_at timestamptz not null
  )`,
  sql`create index web_sessions_user on web_sessions (user_id)`,
  // hash: SHA-256 of a link's token, which signs in once. user_id and role: as in web_sessions.
  sql`create table web_links (
    hash bytea primary key,
    user_id text not null,
    role text check (role in ('owner', 'operator', 'viewer')),
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
  )`,
  sql`create index web_links_user on web_links (user_id)`,
  // What somebody has chosen for talks that belong to no chat; null = nothing.
  sql`alter table users add column language text, add column on_busy text, add column agent text`,
];
