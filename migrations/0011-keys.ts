import { type Kysely, sql } from "kysely";

/**
 * Keys of the API, and what operators did. Whose rows they are: they belong to operators alone, rates to nobody; `api_keys.user_id` and
 * `api_keys.agent` name whom a key stands for, not who may see it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  // Never a key itself: hash is the SHA-256 of 256 random bits. previous_hash is what was valid before the last
  // rotation, until previous_until. Exactly one of role, agent and user_id says whom it stands for.
  sql`create table api_keys (
    id text primary key,
    name text not null,
    hash bytea not null,
    previous_hash bytea,
    previous_until timestamptz,
    role text check (role in ('owner', 'operator', 'viewer')),
    agent text,
    user_id text,
    scopes text[] not null,
    created_by text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    check (num_nonnulls(role, agent, user_id) = 1)
  )`,
  sql`create index api_keys_created on api_keys (created_at, id)`,
  sql`create index api_keys_user on api_keys (user_id) where user_id is not null`,

  // How often keys ('key:…') and people ('user:…') call: until when all calls made are paid for. Lost in a crash.
  sql`create unlogged table api_rates (
    scope text primary key,
    paid_at timestamptz not null
  )`,

  // actor: a key's id, or 'admin' for the key of the settings. target and detail hold ids, never names or texts.
  sql`create table audit_log (
    id text primary key,
    at timestamptz not null default now(),
    actor text not null,
    action text not null,
    target text not null,
    detail jsonb not null
  )`,
  sql`create index audit_log_at on audit_log (at, id)`,
  sql`create index audit_log_actor on audit_log (actor, at, id)`,
  sql`create index audit_log_action on audit_log (action, at, id)`,
  // Nothing is changed, and nothing young goes: what housekeeping deletes must be a month old at least.
  sql`create function audit_log_stands() returns trigger language plpgsql as $$
  begin
    if tg_op = 'DELETE' then
      if old.at < now() - interval '30 days' then return old; end if;
    end if;
    raise exception 'the audit log is appended to only' using errcode = '42501';
  end $$`,
  sql`create trigger audit_log_rows before update or delete on audit_log
    for each row execute function audit_log_stands()`,
  sql`create trigger audit_log_whole before truncate on audit_log
    for each statement execute function audit_log_stands()`,
];
