import { type RawBuilder, sql } from "kysely";
import type { SessionId } from "../ids.ts";
import type { Db } from "./schema.ts";

/**
 * Asks those of the runs `r` under way to end, and none beside them. Returns their sessions, one for each. Locks in the
 * order in which whoever merges a run, or leaves it to people, does.
 */
export async function stopRuns(db: Db, which: RawBuilder<unknown>): Promise<SessionId[]> {
  const { rows } = await sql<{ id: SessionId }>`
    with these as (
      select r.session_id, r.id, r.lane
      from runs r join lanes l on l.session_id = r.session_id and l.lane = r.lane
      where r.state in ('running', 'waiting') and ${which}
      order by l.session_id, l.lane for update of l
    ), asked as (
      update runs r set stop = true from these t
      where r.session_id = t.session_id and r.id = t.id and r.state in ('running', 'waiting')
      returning r.session_id, r.lane
    ), ready as (
      -- One that waits for people is worked on by nobody, who could look at its level.
      update lanes l set ready_at = least(l.ready_at, now()) from asked a
      where l.session_id = a.session_id and l.lane = a.lane
    )
    select session_id as id from asked`.execute(db);
  return rows.map(({ id }) => id);
}
