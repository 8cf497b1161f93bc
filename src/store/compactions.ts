import { sql } from "kysely";
import type { SessionId, UserId } from "../ids.ts";
import { cleanText, toJson } from "./json.ts";
import type { ClaimedLane } from "./lanes.ts";
import type { Attempt } from "./run-levels.ts";
import type { CompactionAsked, Db, RunTarget } from "./schema.ts";

export interface Compaction {
  /** Stands for every message with a lower `seq`. */
  firstKeptSeq: number;
  summary: string;
  tokensBefore: number;
  tokensAfter: number;
  /** "" = the gateway's default. */
  model: string;
}

/**
 * Keeps a summary, while the attempt is the run's. The messages stay; another run's summary of as many is left as it is,
 * because prompts already begin with it. False = the attempt is over.
 */
export async function keepCompaction(db: Db, run: Attempt, made: Compaction): Promise<boolean> {
  const { rows } = await sql<{ mine: boolean }>`
    with mine as (
      select r.session_id, r.id from runs r
      where r.session_id = ${run.session} and r.id = ${run.id} and r.attempt = ${run.attempt} and r.state = 'running'
      for share of r
    ), kept as (
      insert into compactions (session_id, first_kept_seq, summary, tokens_before, tokens_after, model, run_id)
      select session_id, ${made.firstKeptSeq}::bigint, ${cleanText(made.summary)}::text, ${made.tokensBefore}::int,
             ${made.tokensAfter}::int, ${made.model}::text, id
      from mine
      on conflict (session_id, first_kept_seq) do nothing
    )
    select exists (select from mine) as mine`.execute(db);
  return rows[0]!.mine;
}

/**
 * Asks for a compaction of the session, after the runs under way: its lane has work. Takes an arrival number, so that
 * a later stop covers it. Belongs into an accept transaction.
 */
export async function askCompaction(
  db: Db,
  asked: { session: SessionId; userId: UserId; target: RunTarget | null; language: string },
): Promise<void> {
  const { rows } = await sql<{ arrival_no: number }>`
    update talk_sessions set arrival_no = arrival_no + 1 where id = ${asked.session} returning arrival_no`.execute(db);
  const wanted: CompactionAsked = {
    arrivalNo: rows[0]!.arrival_no,
    target: asked.target,
    language: asked.language,
    askedMs: Date.now(),
  };
  await sql`
    insert into lanes (session_id, lane, user_id, compact)
    values (${asked.session}, 0, ${asked.userId}, ${toJson(wanted)}::jsonb)
    on conflict (session_id, lane) do update
      set arrivals = lanes.arrivals + 1, ready_at = least(lanes.ready_at, now()), compact = excluded.compact`.execute(
    db,
  );
}

/** How many messages of the session no summary stands for. */
export async function countUncompacted(db: Db, session: SessionId): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select s.head_seq - kept.before - coalesce((
      select sum(upper(r) - lower(r)) from unnest(s.hidden * int8multirange(int8range(kept.before + 1, null))) r
    ), 0)::bigint as count
    from talk_sessions s, lateral (select coalesce((
      select c.first_kept_seq - 1 from compactions c where c.session_id = s.id order by c.first_kept_seq desc limit 1
    ), 0) as before) kept
    where s.id = ${session}`.execute(db);
  return rows[0]?.count ?? 0;
}

/** A lane's compaction begins: it is asked for no more. Belongs into the claim's transaction. */
export async function takeCompaction(db: Db, lane: ClaimedLane): Promise<void> {
  await db
    .updateTable("lanes")
    .set({ compact: null })
    .where("session_id", "=", lane.session_id)
    .where("lane", "=", lane.lane)
    .where("lease_no", "=", lane.lease_no)
    .execute();
}
