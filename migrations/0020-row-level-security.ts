import { type Kysely, type RawBuilder, sql } from "kysely";

/**
 * Two roles without a login, the same in all databases of a cluster. `parley_gateway` is what the gateway's login is a
 * member of: it reads and writes all rows, and changes no table. `parley_request` is what a call of a person or an
 * agent runs as: it sees the rows of the user or the agent that its transaction names, and without one none at all.
 * Owning the tables is no right to their rows (`force`), and no login is exempt but those with BYPASSRLS.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await roles.execute(db);
  await grants.execute(db);
  for (const table of [...Object.keys(REQUEST), ...SYSTEM]) await guard(db, table);
  for (const [table, { own, may }] of Object.entries(REQUEST)) {
    await sql`create policy own on ${sql.table(table)} to parley_request using (${own}) with check (${own})`.execute(
      db,
    );
    await sql`grant ${sql.join(may.map((word) => COMMANDS[word]))} on ${sql.table(table)} to parley_request`.execute(
      db,
    );
  }
}

const COMMANDS = { select: sql`select`, insert: sql`insert`, update: sql`update`, delete: sql`delete` };
type Command = keyof typeof COMMANDS;
const ALL: Command[] = ["select", "insert", "update", "delete"];

/** Null, which equals nothing, where the transaction names nobody. As subqueries they are read once a statement. */
const USER = sql`(select nullif(current_setting('parley.user', true), ''))`;
const AGENT = sql`(select nullif(current_setting('parley.agent', true), ''))`;

/** The policy of talk_sessions holds in here as well. */
const OF_SESSION = sql`exists (select from talk_sessions own where own.id = session_id)`;

const OF_CALLER = sql`user_id = ${USER} or agent = ${AGENT}`;

/** Whose the rows are, and what may be done with them on behalf of a caller. */
const REQUEST: Record<string, { own: RawBuilder<unknown>; may: Command[] }> = {
  talk_sessions: { own: OF_CALLER, may: ALL },
  messages: { own: OF_SESSION, may: ALL },
  compactions: { own: OF_SESSION, may: ALL },
  inbox: { own: OF_SESSION, may: ALL },
  lanes: { own: OF_SESSION, may: ALL },
  runs: { own: OF_SESSION, may: ALL },
  run_events: { own: OF_SESSION, may: ALL },
  run_usage: { own: OF_SESSION, may: ALL },
  approvals: { own: OF_SESSION, may: ALL },
  outbox: { own: OF_SESSION, may: ALL },
  files: { own: OF_SESSION, may: ALL },
  feedback: { own: OF_CALLER, may: ALL },
  traces: { own: OF_CALLER, may: ["select", "insert", "update"] },
  spans: {
    own: sql`exists (select from traces own where own.trace_id = spans.trace_id)`,
    may: ["select", "insert", "update"],
  },
  chat_threads: { own: sql`user_id = ${USER} and ${OF_SESSION}`, may: ALL },
  // An entry that goes with what a caller does; nobody reads it but operators.
  audit_log: { own: sql`${USER} is not null or ${AGENT} is not null`, may: ["insert"] },
};

/** No call reaches these by itself: they are the gateway's own, or name people and places of many. */
const SYSTEM = [
  "users",
  "identities",
  "accounts",
  "places",
  "pairings",
  "link_codes",
  "link_tries",
  "memories",
  "budget_counters",
  "replicas",
  "early_edits",
  "api_keys",
  "agents",
  "api_rates",
  "erasures",
  "housekeeping",
];

async function guard(db: Kysely<unknown>, name: string): Promise<void> {
  const table = sql.table(name);
  await sql`alter table ${table} enable row level security, force row level security`.execute(db);
  await sql`create policy gateway on ${table} to parley_gateway using (true) with check (true)`.execute(db);
}

/** Other databases of the cluster may be making the same roles just now; where they exist, their grants do. */
const roles = sql`
do $$
begin
  begin
    if to_regrole('parley_gateway') is null then create role parley_gateway nologin; end if;
  exception when duplicate_object or unique_violation then null;
  end;
  begin
    if to_regrole('parley_request') is null then create role parley_request nologin; end if;
  exception when duplicate_object or unique_violation then null;
  end;
  begin
    if not pg_has_role('parley_gateway', 'parley_request', 'member') then
      grant parley_request to parley_gateway;
    end if;
    if not pg_has_role('parley_gateway', 'usage') then grant parley_gateway to current_user; end if;
  exception when unique_violation then null;
  end;
exception when insufficient_privilege then
  raise insufficient_privilege using message = format(
    'The role %1$I may not make the roles that Parley needs. Let an administrator of the database run: '
    'create role parley_gateway nologin; create role parley_request nologin; '
    'grant parley_request to parley_gateway; grant parley_gateway to %1$I; (leave out what there is already)',
    current_user);
end $$`;

/** The default privileges are for the tables of later migrations by the same role. */
const grants = sql`
do $$
begin
  execute format('grant usage on schema %I to parley_gateway', current_schema());
  execute format('grant select, insert, update, delete on all tables in schema %I to parley_gateway', current_schema());
  execute format('alter default privileges in schema %I grant select, insert, update, delete on tables to parley_gateway',
                 current_schema());
  execute format('grant usage on schema %I to parley_request', current_schema());
  revoke insert, update, delete on kysely_migration, kysely_migration_lock from parley_gateway;
end $$`;
