import { sql } from "kysely";
import type { RunId, SessionId } from "../ids.ts";
import { toJson } from "./json.ts";
import type { Db } from "./schema.ts";

/** A run of the longest kind writes about one event a second, and ten while somebody reads along. */
const MAX_EVENTS = 50_000;

export interface StoredEvent {
  runId: RunId;
  attempt: number;
  n: number;
  type: string;
  data: Record<string, unknown>;
  at: Date;
}

export interface EventBatch {
  session: SessionId;
  run: RunId;
  attempt: number;
  events: { n: number; type: string; data: object }[];
}

/**
 * Appends events of many runs in one statement, each only while its attempt is the run's. The runs' rows are share
 * locked, so a take-over either sees these events or they are refused. Returns the runs that may be written, each with
 * the attempt that may.
 */
export async function appendEvents(db: Db, batches: EventBatch[]): Promise<Map<RunId, number>> {
  const runs = batches.map(({ session, run, attempt }) => ({ session, run, attempt }));
  const events = batches.flatMap(({ run, attempt, events: list }) => list.map((event) => ({ run, attempt, ...event })));
  const { rows } = await sql<{ id: RunId; attempt: number }>`
    with live as (
      select r.session_id, r.id, r.attempt
      from jsonb_to_recordset(${toJson(runs)}::jsonb) as q(session text, run text, attempt int)
      join runs r on r.session_id = q.session and r.id = q.run and r.attempt = q.attempt
      where r.state = 'running'
      order by r.session_id, r.id
      for share of r
    ), stored as (
      insert into run_events (session_id, run_id, attempt, n, type, data)
      select live.session_id, live.id, live.attempt, e.n, e.type, e.data
      from live join jsonb_to_recordset(${toJson(events)}::jsonb) 
        as e(run text, attempt int, n int, type text, data jsonb)
        on e.run = live.id and e.attempt = live.attempt
      on conflict (session_id, run_id, attempt, n) do nothing
    )
    select id, attempt from live`.execute(db);
  return new Map(rows.map((row) => [row.id, row.attempt]));
}

/** A run's events after a position, oldest first; at most `limit`. */
export async function eventsAfter(
  db: Db,
  session: SessionId,
  run: RunId,
  after: { attempt: number; n: number },
  limit: number,
): Promise<StoredEvent[]> {
  const rows = await db
    .selectFrom("run_events")
    .select(["run_id", "attempt", "n", "type", "data", "created_at"])
    .where("session_id", "=", session)
    .where("run_id", "=", run)
    // As a row, so that the primary key is read from there on.
    .where(sql<boolean>`(attempt, n) > (${after.attempt}, ${after.n})`)
    .orderBy("attempt")
    .orderBy("n")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    runId: row.run_id,
    attempt: row.attempt,
    n: row.n,
    type: row.type,
    data: row.data,
    at: row.created_at,
  }));
}

/** What the model thought before one step of a run. */
export interface Thought {
  run_id: RunId;
  step: number;
  text: string;
  ms: number;
}

/**
 * Of the newest runs of a session, in order; a step that was made again counts as it was made last. `chars`: as much of
 * each run, however many attempts it took.
 */
export async function newestThoughts(
  db: Db,
  session: SessionId,
  { runs, chars }: { runs: number; chars: number },
): Promise<Thought[]> {
  const { rows } = await sql<Thought>`
    select t.run_id, t.step, t.ms,
           left(t.text, greatest(0, ${chars}::int + length(t.text)
                                    - (sum(length(t.text)) over (partition by t.run_id order by t.step))::int)) as text
    from (
      select r.id, r.started_at from runs r where r.session_id = ${session} order by r.started_at desc limit ${runs}
    ) newest
    cross join lateral (
      select distinct on (e.run_id, (e.data->>'step')::int)
             e.run_id, (e.data->>'step')::int as step, string_agg(e.data->>'text', '' order by e.n) as text,
             max((e.data->>'ms')::int) as ms
      from run_events e
      where e.session_id = ${session} and e.run_id = newest.id and e.type = 'reasoning.delta'
      group by e.run_id, (e.data->>'step')::int, e.attempt
      order by e.run_id, (e.data->>'step')::int, e.attempt desc
    ) t
    order by newest.started_at, newest.id, t.step`.execute(db);
  return rows;
}

/** All events of a run that was taken over, in order; at most as many as a reader could ever want. */
export function eventsOfRun(db: Db, session: SessionId, run: RunId): Promise<StoredEvent[]> {
  return eventsAfter(db, session, run, { attempt: 0, n: 0 }, MAX_EVENTS);
}
