import { sql } from "kysely";
import type { RunId, SessionId, UserId } from "../ids.ts";
import type { Reach } from "./reach.ts";
import type { Db, RunState, Trx } from "./schema.ts";
import { within } from "./session-reach.ts";
import { stopRuns } from "./stop-runs.ts";
import { hasRun } from "./usage.ts";

/** A run as the API shows it. */
export interface RunRow {
  session_id: SessionId;
  user_id: UserId;
  id: RunId;
  agent: string;
  trace_id: string;
  state: RunState;
  attempt: number;
  end_reason: string | null;
  error_code: string | null;
  queued_at: Date;
  started_at: Date;
  ended_at: Date | null;
  started_micros: number;
}

export interface RunFilter {
  session?: SessionId;
  agent?: string;
  state?: RunState;
  since?: Date;
  until?: Date;
}

/** Runs of the sessions of a reach, newest first. */
export async function listRunRows(
  db: Db,
  reach: Reach,
  filter: RunFilter,
  page: { limit: number; after: { micros: number; id: RunId } | null },
): Promise<RunRow[]> {
  const { session, agent, state, since, until } = filter;
  const { after, limit } = page;
  const conditions = [
    ...(reach.kind === "all"
      ? []
      : [sql`exists (select from talk_sessions s where s.id = r.session_id and ${within(reach)})`]),
    ...(session === undefined ? [] : [sql`r.session_id = ${session}`]),
    ...(agent === undefined ? [] : [sql`r.agent = ${agent}`]),
    ...(state === undefined ? [] : [sql`r.state = ${state}`]),
    // Said so, there is an index of the few that are under way.
    ...(state === "running" || state === "waiting" ? [sql`r.state in ('running', 'waiting')`] : []),
    ...(since === undefined ? [] : [sql`r.started_at >= ${since}`]),
    ...(until === undefined ? [] : [sql`r.started_at < ${until}`]),
    ...(after === null
      ? []
      : [
          sql`(r.started_at, r.id) < (timestamptz 'epoch' + ${after.micros}::bigint * interval '1 microsecond', ${after.id})`,
        ]),
    sql`true`,
  ];
  const { rows } = await sql<RunRow>`
    select r.session_id, (select s.user_id from talk_sessions s where s.id = r.session_id) as user_id, r.id, r.agent, r.trace_id, r.state, r.attempt, r.end_reason, r.error_code, r.queued_at,
           r.started_at, r.ended_at, (extract(epoch from r.started_at) * 1000000)::bigint as started_micros
    from runs r where ${sql.join(conditions, sql` and `)}
    order by r.started_at desc, r.id desc limit ${limit}`.execute(db);
  return rows;
}

/** Asks a run of the session to end, and no other. Null = there is no such run; else whether it had ended before. */
export async function stopRun(trx: Trx, session: SessionId, run: RunId): Promise<{ over: boolean } | null> {
  const stopped = await stopRuns(trx, sql`r.session_id = ${session} and r.id = ${run}`);
  if (stopped.length > 0) return { over: false };
  return (await hasRun(trx, session, run)) ? { over: true } : null;
}
