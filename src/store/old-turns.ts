import { sql } from "kysely";
import type { RunId, SessionId } from "../ids.ts";
import { toJson } from "./json.ts";
import type { Root, Trx } from "./schema.ts";
import { withTransaction } from "./transaction.ts";

/** Runs whose turns go in one transaction. */
const BATCH = 500;

/**
 * Deletes a batch of whole turns that ended over `days` ago, with all that tells of their runs; not what is still to be
 * shown. What is left of a talk is a valid history, its newest summary and its order stay.
 */
export function deleteOldTurns(db: Root, days: number): Promise<{ runs: number; messages: number }> {
  return withTransaction(db, async (trx) => {
    const ended = await oldRuns(trx, days);
    const runs = ended.length > 0 ? ended : await oldCopies(trx, days);
    if (runs.length === 0) {
      await deleteUnanswered(trx, days);
      return { runs: 0, messages: 0 };
    }
    const these = sql`jsonb_to_recordset(${toJson(runs)}::jsonb) as t(session text, run text)`;
    await sql`delete from inbox x using ${these} where x.session_id = t.session and x.run_id = t.run`.execute(trx);
    const { numAffectedRows } = await sql`
      delete from messages x using ${these} where x.session_id = t.session and x.run_id = t.run`.execute(trx);
    await sql`delete from run_events x using ${these} where x.session_id = t.session and x.run_id = t.run`.execute(trx);
    await sql`delete from approvals x using ${these} where x.session_id = t.session and x.run_id = t.run`.execute(trx);
    await sql`delete from runs x using ${these} where x.session_id = t.session and x.id = t.run`.execute(trx);
    await beginAtFirst(trx, [...new Set(runs.map(({ session }) => session))]);
    return { runs: runs.length, messages: Number(numAffectedRows ?? 0n) };
  });
}

interface OfRun {
  session: SessionId;
  run: RunId;
}

async function oldRuns(trx: Trx, days: number): Promise<OfRun[]> {
  const { rows } = await sql<OfRun>`
    select r.session_id as session, r.id as run from runs r
    where r.ended_at < now() - ${days} * interval '1 day'
      and not exists (
        select from outbox o where o.session_id = r.session_id and o.run_id = r.id and o.due_at is not null)
    order by r.ended_at limit ${BATCH}`.execute(trx);
  return rows;
}

/** Turns without a run in their session: a fork's, which are as old as those they were copied from, and what a client brought. */
async function oldCopies(trx: Trx, days: number): Promise<OfRun[]> {
  const { rows } = await sql<OfRun>`
    select distinct session, run from (
      select m.session_id as session, m.run_id as run from messages m
      where m.created_at < now() - ${days} * interval '1 day'
        and not exists (select from runs r where r.session_id = m.session_id and r.id = m.run_id)
      limit ${BATCH}
    ) old`.execute(trx);
  return rows;
}

/** What was taken back or refused long ago, and summaries that a newer one stands for. */
async function deleteUnanswered(trx: Trx, days: number): Promise<void> {
  await sql`
    delete from inbox where ctid = any (array(
      select ctid from inbox
      where session_id is not null and run_id is null and state in ('withdrawn', 'refused')
        and received_at < now() - ${days} * interval '1 day'
      limit 5000))`.execute(trx);
  await sql`
    delete from compactions c
    where c.created_at < now() - ${days} * interval '1 day' and exists (
      select from compactions n where n.session_id = c.session_id and n.first_kept_seq > c.first_kept_seq)`.execute(
    trx,
  );
}

/**
 * Where the first messages of these sessions are gone, their history begins at the first that is left, after the newest
 * summary: else a run would look for what is missing, every time.
 */
export async function beginAtFirst(trx: Trx, sessions: SessionId[]): Promise<void> {
  await sql`
    insert into compactions (session_id, first_kept_seq, summary, tokens_before, tokens_after, model, run_id)
    select s.id, f.seq, coalesce(c.summary, ''), 0, 0, coalesce(c.model, ''), coalesce(c.run_id, '')
    from talk_sessions s
    cross join lateral (
      select coalesce(min(m.seq), s.head_seq + 1) as seq from messages m where m.session_id = s.id
    ) f
    left join lateral (
      select * from compactions c where c.session_id = s.id order by c.first_kept_seq desc limit 1
    ) c on true
    where s.id = any (${sessions}::text[]) and f.seq > coalesce(c.first_kept_seq, 1)
    on conflict (session_id, first_kept_seq) do nothing`.execute(trx);
}
