import { sql } from "kysely";
import type { RunId, SessionId } from "../ids.ts";
import { toJson } from "./json.ts";
import type { Db } from "./schema.ts";

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
 * locked, so a take-over either sees these events or they are refused. Returns the runs that may still write.
 */
export async function appendEvents(db: Db, batches: EventBatch[]): Promise<Set<RunId>> {
  const runs = batches.map(({ session, run, attempt }) => ({ session, run, attempt }));
  const events = batches.flatMap(({ run, events: list }) => list.map((event) => ({ run, ...event })));
  const { rows } = await sql<{ id: RunId }>`
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
      from live join jsonb_to_recordset(${toJson(events)}::jsonb) as e(run text, n int, type text, data jsonb)
        on e.run = live.id
      on conflict (session_id, run_id, attempt, n) do nothing
    )
    select id from live`.execute(db);
  return new Set(rows.map((row) => row.id));
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

/** The last attempt of a run that left events, with all of them in order. */
export async function eventsOfLastAttempt(db: Db, session: SessionId, run: RunId): Promise<StoredEvent[]> {
  const last = await db
    .selectFrom("run_events")
    .select((select) => select.fn.max("attempt").as("attempt"))
    .where("session_id", "=", session)
    .where("run_id", "=", run)
    .executeTakeFirst();
  if (!last?.attempt) return [];
  const events = await eventsAfter(db, session, run, { attempt: last.attempt, n: 0 }, 100_000);
  return events.filter((event) => event.attempt === last.attempt);
}
