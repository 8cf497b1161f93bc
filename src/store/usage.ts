import { type RawBuilder, sql } from "kysely";
import type { AccountId, RunId, SessionId, UserId } from "../ids.ts";
import { cleanText, toJson } from "./json.ts";
import type { Db } from "./schema.ts";

/** What one agent used of one model; `cached` is part of `input`, `reasoning` of `output`. */
export interface UsageRow {
  agent: string;
  model: string;
  input: number;
  cached: number;
  output: number;
  reasoning: number;
  /** Millionths of a dollar; null = for some of it no price was known. */
  micros: number | null;
}

/** Part of the merge of a run, in which `mine` is its row: what it has used. */
export function storeUsage(usage: readonly UsageRow[]): RawBuilder<unknown> {
  const rows = usage.map((row) => ({ ...row, agent: cleanText(row.agent), model: cleanText(row.model) }));
  return sql`
    insert into run_usage (session_id, run_id, agent, model, input_tokens, cached_tokens, output_tokens,
                           reasoning_tokens, cost_micros)
    select mine.session_id, mine.id, u.agent, u.model, u.input, u.cached, u.output, u.reasoning, u.micros
    from mine, jsonb_to_recordset(${toJson(rows)}::jsonb)
      as u(agent text, model text, input bigint, cached bigint, output bigint, reasoning bigint, micros bigint)
    on conflict do nothing`;
}

/**
 * Part of the merge of a run, in which `mine` is its row: counts what it has used for the budgets it was begun on, in the
 * order in which they are locked. `undone`: it leaves nothing, so the minute it was begun in is one run richer.
 */
export function countUsage(usage: readonly UsageRow[], undone: boolean): RawBuilder<unknown> {
  const tokens = usage.reduce((total, row) => total + row.input + row.output, 0);
  const micros = usage.reduce((total, row) => total + (row.micros ?? 0), 0);
  return sql`
    insert into budget_counters as c (scope, day, tokens, micros)
    select s.scope, (clock_timestamp() at time zone 'utc')::date, ${tokens}::bigint, ${micros}::bigint
    from mine, jsonb_array_elements_text(mine.budget -> 'scopes') as s(scope)
    where ${tokens + micros > 0 || undone}::boolean
    order by s.scope
    on conflict (scope, day) do update
      set tokens = c.tokens + excluded.tokens, micros = c.micros + excluded.micros,
          minute_runs = greatest(0, c.minute_runs - case when ${undone}::boolean and c.minute = (
            select date_trunc('minute', mine.started_at) from mine) then 1 else 0 end)`;
}

const sums = sql`
  sum(u.input_tokens)::bigint as input, sum(u.cached_tokens)::bigint as cached, sum(u.output_tokens)::bigint as output,
  sum(u.reasoning_tokens)::bigint as reasoning,
  case when bool_or(u.cost_micros is null) then null else sum(u.cost_micros)::bigint end as micros`;

/** What the runs of a session have used, or one of them; most of all first. */
export async function usageOfSession(db: Db, session: SessionId, run: RunId | null): Promise<UsageRow[]> {
  const { rows } = await sql<UsageRow>`
    select u.agent, u.model, ${sums} from run_usage u
    where u.session_id = ${session} and (${run}::text is null or u.run_id = ${run})
    group by u.agent, u.model order by sum(u.input_tokens + u.output_tokens) desc, u.agent, u.model`.execute(db);
  return rows;
}

/** How many runs of a session have used something. */
export async function countTurns(db: Db, session: SessionId, run: RunId | null): Promise<number> {
  const { rows } = await sql<{ turns: number }>`
    select count(distinct u.run_id) as turns from run_usage u
    where u.session_id = ${session} and (${run}::text is null or u.run_id = ${run})`.execute(db);
  return rows[0]!.turns;
}

/** Whether the session has had this run. */
export async function hasRun(db: Db, session: SessionId, run: RunId): Promise<boolean> {
  const row = await db
    .selectFrom("runs")
    .select("id")
    .where("session_id", "=", session)
    .where("id", "=", run)
    .executeTakeFirst();
  return row !== undefined;
}

/** What was used in a span of time that begins in UTC. */
export interface Used {
  tokens: number;
  /** Of what has a price. */
  micros: number;
  /** Some of it has none. */
  unpriced: boolean;
}

/** What was used today and this month: in the sessions of a user, or of a chat with all its threads. */
export async function usedLately(
  db: Db,
  whose: { user: UserId } | { account: AccountId; chat: string },
): Promise<{ today: Used; month: Used }> {
  const sessions =
    "user" in whose
      ? sql`select id from talk_sessions where user_id = ${whose.user}`
      : sql`select s.id from places p join talk_sessions s on s.place_id = p.id
            where p.account_id = ${whose.account} and p.chat = ${whose.chat}`;
  const { rows } = await sql<Used & { today: boolean }>`
    select t.today, coalesce(sum(u.input_tokens + u.output_tokens), 0)::bigint as tokens,
           coalesce(sum(u.cost_micros), 0)::bigint as micros,
           coalesce(bool_or(u.cost_micros is null), false) as unpriced
    from (values (true), (false)) as t(today)
    left join (
      select r.* from (${sessions}) s join run_usage r on r.session_id = s.id
      where r.at >= date_trunc('month', now() at time zone 'utc') at time zone 'utc'
    ) u on not t.today or u.at >= date_trunc('day', now() at time zone 'utc') at time zone 'utc'
    group by t.today`.execute(db);
  const of = (today: boolean): Used => {
    const { tokens, micros, unpriced } = rows.find((row) => row.today === today)!;
    return { tokens, micros, unpriced };
  };
  return { today: of(true), month: of(false) };
}
