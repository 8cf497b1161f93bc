import { type Kysely, sql } from "kysely";

/** What runs and their agents did, as traces. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  // W3C: 32 hexadecimal digits, the same over all attempts of a run. The default is for runs that replicas of the
  // version before begin.
  sql`alter table runs add column trace_id text not null default replace(gen_random_uuid()::text, '-', '')`,
  sql`create index runs_trace on runs (trace_id)`,

  // Owned by user_id (whose session it is; null = nobody's here) and agent (null = told by an operator for none).
  // reported: told over the API, by an agent that keeps its own session ids; run_id and platform are null then.
  sql`create table traces (
    trace_id text primary key,
    session_id text,
    run_id text,
    agent text,
    user_id text,
    platform text,
    account_id text,
    started_at timestamptz not null,
    ended_at timestamptz,
    status text not null,
    model text,
    input_tokens bigint,
    output_tokens bigint,
    tool_calls integer not null default 0,
    reported boolean not null default false
  )`,
  sql`create index traces_time on traces (started_at, trace_id)`,
  sql`create index traces_session on traces (session_id, started_at, trace_id)`,
  sql`create index traces_user on traces (user_id, started_at, trace_id)`,
  sql`create index traces_agent on traces (agent, started_at, trace_id)`,

  // Owned by the trace. Times in seconds: since the epoch, or of whatever clock its agent has. end_time is null while a
  // span goes on, and of an attempt that died.
  sql`create table spans (
    trace_id text not null references traces on delete cascade,
    span_id text not null,
    parent_span_id text,
    name text not null,
    kind text not null,
    start_time double precision not null,
    end_time double precision,
    status text not null,
    attributes jsonb not null,
    events jsonb not null,
    reported boolean not null default false,
    primary key (trace_id, span_id)
  )`,
];
