import { type Kysely, sql } from "kysely";

/** Files, settings of places, languages, receipts, edits that come first, shared budgets. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  // Content is bounded by the gateway.
  sql`create table files (
    id text primary key,
    session_id text not null,
    name text not null,
    media_type text not null,
    size integer not null,
    content bytea not null,
    created_at timestamptz not null default now()
  )`,
  sql`create index files_session on files (session_id)`,
  sql`create index files_age on files (created_at)`,

  sql`alter table outbox add column file_id text`,
  sql`alter table outbox drop constraint outbox_kind_check`,
  sql`alter table outbox add constraint outbox_kind_check check (kind in ('answer', 'reply', 'receipt', 'file'))`,

  // Null = as agents/parley.yaml or the gateway says.
  sql`alter table places add column on_busy text, add column agent text`,

  sql`alter table inbox add column language text not null default ''`,
  sql`alter table runs add column language text not null default ''`,

  // What the person was told of a waiting message.
  sql`alter table inbox add column receipt text`,

  // An edit or a deletion that came before its message. parts is null iff it was deleted.
  sql`create table early_edits (
    account_id text not null,
    chat text not null,
    chat_message_id text not null,
    parts jsonb,
    created_at timestamptz not null default now(),
    primary key (account_id, chat, chat_message_id)
  )`,
  sql`create index early_edits_age on early_edits (created_at)`,

  // Per account, how many chats a replica sends to just now.
  sql`alter table replicas add column load jsonb not null default '{}'`,
];
