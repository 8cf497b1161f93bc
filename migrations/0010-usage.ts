import { type Kysely, sql } from "kysely";

/** What runs have used, and what budgets count. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  // Written by merges only, for all attempts of a run. cost_micros (millionths of a dollar) is null where no price was
  // known; agent is the run's, or one that was called as a tool.
  sql`create table run_usage (
    session_id text not null,
    run_id text not null,
    agent text not null,
    model text not null,
    input_tokens bigint not null,
    cached_tokens bigint not null,
    output_tokens bigint not null,
    reasoning_tokens bigint not null,
    cost_micros bigint,
    at timestamptz not null default now(),
    primary key (session_id, run_id, agent, model)
  )`,
  sql`create index run_usage_at on run_usage (session_id, at)`,

  // Per day in UTC, for whom there is a budget. What is held for runs under way stands in runs.budget, so that it is
  // over when they are.
  sql`create table budget_counters (
    scope text not null,
    day date not null,
    tokens bigint not null default 0,
    micros bigint not null default 0,
    minute timestamptz,
    minute_runs integer not null default 0,
    warned boolean not null default false,
    primary key (scope, day)
  )`,
  sql`alter table runs add column budget jsonb`,
  sql`create index runs_budget on runs using gin ((budget -> 'scopes')) where state = 'running' and budget is not null`,
];
