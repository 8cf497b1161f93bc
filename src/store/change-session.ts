import { type RawBuilder, sql } from "kysely";
import type { Message } from "../agent/message.ts";
import { newId, type RunId, type SessionId } from "../ids.ts";
import { cleanText, toJson } from "./json.ts";
import type { Db, Trx } from "./schema.ts";

export interface SessionChange {
  title?: string;
  /** Merged into what is there, field by field; null takes a field away. */
  metadata?: Record<string, unknown>;
  cost_data?: Record<string, unknown>;
}

/** Returns how many characters the larger of the two is kept in now. Belongs behind `lockSession`. */
export async function patchSession(trx: Trx, session: SessionId, change: SessionChange): Promise<number> {
  const { rows } = await sql<{ size: number }>`
    update talk_sessions s
    set title = coalesce(${change.title === undefined ? null : cleanText(change.title)}::text, s.title),
        metadata = ${merged(sql`s.metadata`, change.metadata)}, cost_data = ${merged(sql`s.cost_data`, change.cost_data)},
        version = s.version + 1
    where s.id = ${session}
    returning greatest(length(s.metadata::text), length(s.cost_data::text)) as size`.execute(trx);
  return rows[0]!.size;
}

function merged(column: RawBuilder<unknown>, fields: Record<string, unknown> | undefined): RawBuilder<unknown> {
  if (fields === undefined) return column;
  const gone = Object.keys(fields)
    .filter((name) => fields[name] === null)
    .map(cleanText);
  return sql`(${column} || ${toJson(fields)}::jsonb) - ${gone}::text[]`;
}

/** How many messages of the history are shown. */
export async function countMessages(db: Db, session: SessionId): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from messages where session_id = ${session} and not hidden`.execute(db);
  return rows[0]!.count;
}

/** A run of the session that goes on, or waits for people. Belongs behind `lockSession`: then none can begin. */
export async function hasOpenRun(trx: Trx, session: SessionId): Promise<boolean> {
  const { rows } = await sql<{ open: boolean }>`
    select exists (select from runs where session_id = ${session} and state in ('running', 'waiting')) as open`.execute(
    trx,
  );
  return rows[0]!.open;
}

/**
 * Takes back all messages but the first `count`: they stay, and are neither shown nor sent any more, as is what was summed
 * up of them. Belongs behind `lockSession`, in a session without an open run.
 */
export async function hideAfter(trx: Trx, session: SessionId, count: number): Promise<void> {
  await sql`
    with cut as (
      select coalesce(max(seq), 0) as seq
      from (select seq from messages where session_id = ${session} and not hidden order by seq limit ${count}::bigint) m
    ), taken as (
      update messages m set hidden = true from cut where m.session_id = ${session} and m.seq > cut.seq and not m.hidden
    ), summed as (
      delete from compactions c using cut where c.session_id = ${session} and c.first_kept_seq > cut.seq + 1
    )
    update talk_sessions s
    set hidden = s.hidden + int8multirange(int8range(cut.seq + 1, greatest(s.head_seq, cut.seq) + 1)),
        version = s.version + 1
    from cut where s.id = ${session}`.execute(trx);
}

/** A message as the agent that keeps its history wrote it, and as everybody else reads it. */
export interface SavedMessage {
  role: Message["role"];
  parts: Message["parts"];
  original: Record<string, unknown>;
}

/**
 * Makes these the history that an agent keeps itself: what is new is appended as one run, what differs is taken back
 * before. Null = nothing was new. Belongs behind `lockSession`.
 */
export async function saveHistory(
  trx: Trx,
  { session, agent }: { session: SessionId; agent: string },
  messages: readonly SavedMessage[],
): Promise<RunId | null> {
  const input = messages.map((message, index) => ({ n: index + 1, message_id: newId("msg"), ...message }));
  const given = sql`jsonb_to_recordset(${toJson(input)}::jsonb)
    as g(n bigint, message_id text, role text, parts jsonb, original jsonb)`;
  const { rows } = await sql<{ same: number; stored: number }>`
    with stored as (
      select row_number() over (order by seq) as n, original from messages where session_id = ${session} and not hidden
    )
    select (select count(*) from stored) as stored, coalesce((
      select min(n) - 1 from ${given} full join stored s using (n) where g.original is distinct from s.original
    ), (select count(*) from stored)) as same`.execute(trx);
  const { same, stored } = rows[0]!;
  if (same < stored) await hideAfter(trx, session, same);
  if (same === input.length) return null;
  const run = newId("run");
  await sql`
    with run as (
      insert into runs (session_id, id, lane, state, agent, policy, input_through, queued_at, ended_at, end_reason)
      values (${session}, ${run}, 0, 'completed', ${cleanText(agent)}, 'queue', 0, now(), now(), 'saved')
      returning agent, trace_id
    ), head as (
      update talk_sessions s set head_seq = s.head_seq + ${input.length - same}::int, updated_at = now()
      where s.id = ${session} returning s.head_seq - ${input.length - same}::int as base
    )
    insert into messages (session_id, seq, message_id, run_id, idx, role, parts, status, agent, trace_id, original)
    select ${session}, head.base + g.n - ${same}::int, g.message_id, ${run}, g.n - ${same}::int - 1, g.role, g.parts,
           'complete', run.agent, run.trace_id, g.original
    from run, head, ${given} where g.n > ${same}::int`.execute(trx);
  return run;
}
