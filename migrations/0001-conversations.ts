import { type Kysely, sql } from "kysely";

/**
 * `session_id` comes first in the keys of session data, so that it can be the shard key one day; `head_seq` and
 * `arrival_no` are the only orders, no sequence is. No foreign keys: they could not be kept across shards, and each
 * row of a session is written under the session's lane or in its accept transaction.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  sql`create table users (
    id text primary key,
    kind text not null check (kind in ('person', 'place')),
    created_at timestamptz not null default now()
  )`,

  // Whoever a platform knows by an immutable id. Approved = may talk under ACCESS=pairing.
  sql`create table identities (
    platform text not null,
    external_id text not null,
    user_id text not null,
    name text not null default '',
    approved_at timestamptz,
    created_at timestamptz not null default now(),
    primary key (platform, external_id)
  )`,
  sql`create index identities_user on identities (user_id)`,

  // One bot of a platform, and which replica takes in its updates (one at a time).
  sql`create table accounts (
    id text primary key,
    platform text not null,
    intake_owner text,
    intake_until timestamptz
  )`,

  // A chat or thread, the user it stands for and the session that is open there.
  sql`create table places (
    id text primary key,
    account_id text not null,
    chat text not null,
    thread text not null,
    kind text not null check (kind in ('private', 'group')),
    user_id text not null,
    session_id text not null,
    title text not null default '',
    blocked_until timestamptz,
    gone_at timestamptz,
    created_at timestamptz not null default now(),
    unique (account_id, chat, thread)
  )`,

  sql`create table pairings (
    code text primary key,
    platform text not null,
    external_id text not null,
    name text not null default '',
    told integer not null default 1,
    expires_at timestamptz not null,
    created_at timestamptz not null default now(),
    unique (platform, external_id)
  )`,

  // stop_through: every input up to this arrival is to be answered no further.
  sql`create table talk_sessions (
    id text primary key,
    user_id text not null,
    agent text not null,
    title text not null default '',
    place_id text,
    head_seq bigint not null default 0,
    arrival_no bigint not null default 0,
    stop_through bigint not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
  )`,
  sql`create index talk_sessions_user on talk_sessions (user_id, updated_at desc)`,
  sql`create index talk_sessions_place on talk_sessions (place_id, updated_at desc) where place_id is not null`,

  // Written by merges only. author and parts are the message's; message_id is the inbox row's for a user turn.
  sql`create table messages (
    session_id text not null,
    seq bigint not null,
    message_id text not null,
    run_id text not null,
    idx integer not null,
    role text not null check (role in ('user', 'assistant', 'tool')),
    parts jsonb not null,
    status text not null,
    author jsonb,
    created_at timestamptz not null default now(),
    primary key (session_id, seq),
    unique (session_id, run_id, idx)
  )`,

  // update_key dedupes per account. session_id and arrival_no are null for what never belonged to a session
  // (state 'handled': took effect in its accept transaction; 'failed': could not be read).
  sql`create table inbox (
    account_id text not null,
    update_key text not null,
    session_id text,
    arrival_no bigint,
    message_id text not null,
    state text not null check (state in ('waiting', 'taken', 'withdrawn', 'refused', 'handled', 'failed')),
    run_id text,
    author jsonb,
    parts jsonb,
    chat_message_id text,
    burst text,
    written_at timestamptz not null default now(),
    received_at timestamptz not null default now(),
    primary key (account_id, update_key)
  )`,
  sql`create unique index inbox_arrival on inbox (session_id, arrival_no) where session_id is not null`,
  sql`create index inbox_waiting on inbox (session_id, arrival_no) where state = 'waiting'`,
  sql`create index inbox_run on inbox (session_id, run_id) where run_id is not null`,

  // Present only while there is work. arrivals counts accepts, so that a wake-up between reading the inbox and
  // deleting the lane is seen. All times are the database's.
  sql`create table lanes (
    session_id text not null,
    lane integer not null,
    user_id text not null,
    ready_at timestamptz not null default now(),
    arrivals bigint not null default 1,
    owner text,
    lease_until timestamptz,
    lease_no bigint not null default 0,
    primary key (session_id, lane)
  )`,
  sql`create index lanes_ready on lanes (ready_at)`,
  sql`create index lanes_user on lanes (user_id)`,

  // attempt says who may write. crashes counts attempts that died without handing over.
  sql`create table runs (
    session_id text not null,
    id text not null,
    lane integer not null,
    state text not null check (state in ('running', 'waiting', 'completed', 'failed', 'cancelled')),
    agent text not null,
    policy text not null,
    attempt integer not null default 1,
    crashes integer not null default 0,
    handed_over boolean not null default false,
    owner text,
    input_through bigint not null,
    authors text[] not null default '{}',
    reply_target jsonb,
    end_reason text,
    error_code text,
    queued_at timestamptz not null,
    started_at timestamptz not null default now(),
    ended_at timestamptz,
    primary key (session_id, id)
  )`,
  sql`create unique index runs_one_per_lane on runs (session_id, lane) where state in ('running', 'waiting')`,
  sql`create index runs_ended on runs (ended_at) where ended_at is not null`,

  // n is gapless per attempt; written only while runs.attempt is the writer's.
  sql`create table run_events (
    session_id text not null,
    run_id text not null,
    attempt integer not null,
    n integer not null,
    type text not null,
    data jsonb not null,
    created_at timestamptz not null default now(),
    primary key (session_id, run_id, attempt, n)
  )`,

  // due_at is null iff nothing is to be done now. content is null until a draft is about to be
  // posted; then it is that first text, and in the end the final one.
  // session_id is null for what strangers are told.
  sql`create table outbox (
    id text primary key,
    session_id text,
    run_id text,
    attempt integer not null default 0,
    page integer not null default 0,
    kind text not null check (kind in ('answer', 'reply')),
    account_id text not null,
    chat text not null,
    thread text not null,
    reply_to text,
    place_kind text not null,
    content jsonb,
    state text not null check (state in ('planned', 'sending', 'sent', 'uncertain', 'failed')),
    message_id text,
    remove boolean not null default false,
    repeat boolean not null default false,
    due_at timestamptz,
    owner text,
    lease_until timestamptz,
    tries integer not null default 0,
    error text,
    created_at timestamptz not null default clock_timestamp(),
    shown_at timestamptz
  )`,
  sql`create index outbox_due on outbox (due_at) where due_at is not null`,
  sql`create index outbox_chat on outbox (account_id, chat, created_at) where due_at is not null`,
  sql`create index outbox_run on outbox (session_id, run_id)`,
  sql`create index outbox_trouble on outbox (created_at) where state in ('uncertain', 'failed')`,

  sql`create table replicas (
    id text primary key,
    host text not null,
    boot_id text not null,
    pid integer not null,
    started_at text not null,
    seen_at timestamptz not null default now()
  )`,
];
