import { sql } from "kysely";
import type { SessionId, UserId } from "../ids.ts";
import { toJson } from "./json.ts";
import type { Db, Trx } from "./schema.ts";

/** What was counted for one budget today, and in the minute under way. */
export interface Counter {
  scope: string;
  tokens: number;
  micros: number;
  minute_runs: number;
  /** Its people know that it is nearly used up. */
  warned: boolean;
  /** Until the next minute, by the database's clock. */
  minute_left_ms: number;
}

/** What runs under way hold of one budget. */
export interface Held {
  scope: string;
  runs: number;
  tokens: number;
  micros: number;
}

const today = sql`(clock_timestamp() at time zone 'utc')::date`;
const minute = sql`date_trunc('minute', clock_timestamp())`;

/**
 * The counters of these budgets, made where they were not there yet, and locked until the transaction ends: whoever
 * else wants to begin runs on them waits. They are locked in one order, and after lanes and runs.
 */
export async function lockCounters(db: Db, scopes: string[]): Promise<Counter[]> {
  const { rows } = await sql<Counter>`
    insert into budget_counters as c (scope, day)
    select s, ${today} from unnest(${scopes}::text[]) as s order by s
    on conflict (scope, day) do update set scope = excluded.scope
    returning c.scope, c.tokens, c.micros, c.warned,
              case when c.minute = ${minute} then c.minute_runs else 0 end as minute_runs,
              (extract(epoch from ${minute} + interval '1 minute' - clock_timestamp()) * 1000)::float8 as minute_left_ms
  `.execute(db);
  return rows;
}

/**
 * What runs under way hold of these budgets. A statement of its own, after the lock: it must see the runs that whoever
 * had the lock before has begun. A run that waits for a person holds nothing.
 */
export async function heldBudgets(db: Db, scopes: string[]): Promise<Held[]> {
  const { rows } = await sql<Held>`
    select s.scope, count(r.id) as runs,
           coalesce(sum((r.budget #>> '{held,tokens}')::bigint), 0)::bigint as tokens,
           coalesce(sum((r.budget #>> '{held,micros}')::bigint), 0)::bigint as micros
    from unnest(${scopes}::text[]) as s(scope)
    left join runs r on r.state = 'running' and r.budget is not null and r.budget -> 'scopes' ? s.scope
    group by s.scope`.execute(db);
  return rows;
}

/** Counts runs that begin, and who has been warned. */
export async function countBegun(db: Trx, begun: { scope: string; runs: number; warned: boolean }[]): Promise<void> {
  await sql`
    update budget_counters c
    set minute = ${minute}, minute_runs = b.runs + case when c.minute = ${minute} then c.minute_runs else 0 end,
        warned = c.warned or b.warned
    from jsonb_to_recordset(${toJson(begun)}::jsonb) as b(scope text, runs int, warned boolean)
    where c.scope = b.scope and c.day = ${today}`.execute(db);
}

/** What was counted today, for reading only. */
export async function countersToday(db: Db, scopes: string[]): Promise<Pick<Counter, "scope" | "tokens" | "micros">[]> {
  return db
    .selectFrom("budget_counters")
    .select(["scope", "tokens", "micros"])
    .where("scope", "in", scopes)
    .where("day", "=", sql<Date>`${today}`)
    .execute();
}

/**
 * What was counted today, of one kind of budget or all, in order of their names. `after`: the last name of the page
 * before; "" = the first page.
 */
export async function listCounters(
  db: Db,
  { kind, after, limit }: { kind: string | null; after: string; limit: number },
): Promise<(Omit<Counter, "minute_left_ms"> & { day: string })[]> {
  const { rows } = await sql<Omit<Counter, "minute_left_ms"> & { day: string }>`
    select scope, day::text as day, tokens, micros, warned,
           case when minute = ${minute} then minute_runs else 0 end as minute_runs
    from budget_counters
    where day = ${today} and scope > ${after} ${kind === null ? sql`` : sql`and split_part(scope, ' ', 1) = ${kind}`}
    order by scope limit ${limit}`.execute(db);
  return rows;
}

/** The users behind these senders; who is not known is left out. */
export async function usersOfSenders(
  db: Trx,
  senders: { platform: string; external_id: string }[],
): Promise<{ platform: string; external_id: string; user_id: string }[]> {
  const { rows } = await sql<{ platform: string; external_id: string; user_id: string }>`
    select i.platform, i.external_id, i.user_id
    from jsonb_to_recordset(${toJson(senders)}::jsonb) as s(platform text, external_id text)
    join identities i using (platform, external_id)`.execute(db);
  return rows;
}

/** Those of these users who are guests of the web page. */
export async function guestsAmong(db: Trx, users: UserId[]): Promise<UserId[]> {
  const rows = await db
    .selectFrom("identities")
    .select("user_id")
    .where("user_id", "in", users)
    .where("platform", "=", "web")
    .where("external_id", "like", "guest:%")
    .execute();
  return rows.map((row) => row.user_id);
}

/** Takes note that the people of these messages are told that they wait. */
export async function noteHeldBack(db: Trx, session: SessionId, arrivals: number[]): Promise<void> {
  await db
    .updateTable("inbox")
    .set({ receipt: "queued" })
    .where("session_id", "=", session)
    .where("arrival_no", "in", arrivals)
    .where("state", "=", "waiting")
    .execute();
}
