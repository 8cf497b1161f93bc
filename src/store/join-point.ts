import { type RawBuilder, sql } from "kysely";
import type { RunId, SessionId } from "../ids.ts";
import type { Db } from "./schema.ts";

const microsOf = (time: RawBuilder<unknown>) => sql<number>`(extract(epoch from ${time}) * 1000000)::bigint`;

/**
 * Runs of a session that started after a time (µs since the epoch, by the database's clock), oldest first. `saved`: it is
 * what an agent has written of its history, and nobody tells anything of it.
 */
export async function runsSince(
  db: Db,
  session: SessionId,
  micros: number,
): Promise<{ id: RunId; startedMicros: number; saved: boolean }[]> {
  return db
    .selectFrom("runs")
    .select(["id", microsOf(sql`started_at`).as("startedMicros")])
    .select(sql<boolean>`end_reason is not distinct from 'saved'`.as("saved"))
    .where("session_id", "=", session)
    .where("started_at", ">", sql<Date>`timestamptz 'epoch' + ${micros}::bigint * interval '1 microsecond'`)
    .orderBy("started_at")
    .limit(50)
    .execute();
}

/** Where a reader that comes now begins: the runs under way, the newest run's start, and the last arrival that is history. */
export async function joinPoint(
  db: Db,
  session: SessionId,
): Promise<{ open: { id: RunId; attempt: number }[]; startedMicros: number; arrivalNo: number }> {
  const { rows } = await sql<{ open: { id: RunId; attempt: number }[]; micros: number; arrival: number }>`
    with open as (
      select id, attempt, started_at from runs where session_id = ${session} and state in ('running', 'waiting')
    )
    select
      coalesce((select jsonb_agg(jsonb_build_object('id', id, 'attempt', attempt) order by started_at)
                from open), '[]') as open,
      coalesce((select ${microsOf(sql`max(started_at)`)} from runs where session_id = ${session}), 0) as micros,
      coalesce(least((select min(arrival_no) from inbox where session_id = ${session} and state = 'waiting'),
                     (select min(b.arrival_no) from open join inbox b on b.session_id = ${session} and b.run_id = open.id))
                 - 1,
               (select arrival_no from talk_sessions where id = ${session}), 0) as arrival`.execute(db);
  const row = rows[0]!;
  return { open: row.open, startedMicros: row.micros, arrivalNo: row.arrival };
}

/** Whether a run is still under way. */
export async function isOpen(db: Db, session: SessionId, run: RunId): Promise<boolean> {
  const row = await db
    .selectFrom("runs")
    .select("id")
    .where("session_id", "=", session)
    .where("id", "=", run)
    .where("state", "in", ["running", "waiting"])
    .executeTakeFirst();
  return row !== undefined;
}
