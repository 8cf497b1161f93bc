import { sql } from "kysely";
import type { BusyPolicy } from "../agent/busy-policy.ts";
import type { MessageId, ReplicaId, RunId, SessionId } from "../ids.ts";
import { toJson } from "./json.ts";
import type { Db } from "./schema.ts";

/** An attempt of a run: what a statement of its owner is fenced by. */
export interface Attempt {
  session: SessionId;
  id: RunId;
  attempt: number;
}

/** How a run stands to what happened in its session since it began. */
export interface RunLevel {
  id: RunId;
  policy: BusyPolicy;
  /** The person stopped it. */
  stopped: boolean;
  /** Something came after its input and waits. */
  waits: boolean;
  /** Some of that is for its agent, and nothing before it for another. */
  joins: boolean;
  /** Some of what may join is from who may interrupt it. */
  own: boolean;
  /** Some of that has waited for a second in a chat, and its people were told nothing. */
  untold: boolean;
}

const untold = sql`b.chat_message_id is not null and b.receipt is null and b.received_at < now() - interval '1 second'`;

/** How these runs stand: what a newer message means for each. One query for all runs of a replica. */
export async function runLevels(db: Db, runs: { session: SessionId; id: RunId }[]): Promise<RunLevel[]> {
  const { rows } = await sql<RunLevel>`
    select r.id, r.policy, s.stop_through >= r.input_through or r.stop as stopped, w.joins is not null as waits,
           coalesce(w.joins, false) as joins, coalesce(w.own, false) as own, coalesce(w.untold, false) as untold
    from jsonb_to_recordset(${toJson(runs)}::jsonb) as q(session text, id text)
    join runs r on r.session_id = q.session and r.id = q.id
    join talk_sessions s on s.id = r.session_id
    left join lateral (
      select bool_or(b.joins) as joins, bool_or(${untold}) as untold,
             bool_or(b.joins and (cardinality(r.authors) = 0 or coalesce(b.author->>'id' = any (r.authors), false))) as own
      from (
        select b.author, b.chat_message_id, b.receipt, b.received_at, coalesce(
                 b.arrival_no < min(b.arrival_no) filter (where b.asks is distinct from r.asked) over (), true) as joins
        from inbox b where b.session_id = r.session_id and b.state = 'waiting' and b.arrival_no > r.input_through
      ) b) w on true
    where r.state = 'running'`.execute(db);
  return rows;
}

/** For a process that is about to die of one of its runs: its death is no crash of the others. */
export async function spareOthers(db: Db, owner: ReplicaId, culprit: RunId): Promise<void> {
  await sql`update runs set handed_over = true where owner = ${owner} and state = 'running' and id <> ${culprit}`.execute(
    db,
  );
}

const live = ({ session, id, attempt }: Attempt, states = sql`'running'`) => sql`
  select r.session_id, r.id, r.input_through, r.asked, r.stop from runs r
  where r.session_id = ${session} and r.id = ${id} and r.attempt = ${attempt} and r.state in (${states}) for share`;

/**
 * Binds what waits for its agent to a run under way, which takes it into its turn, and returns how many that were: none
 * behind what waits for another agent, none if the attempt is over or was stopped.
 */
export async function steerInto(db: Db, run: Attempt): Promise<number> {
  const { numAffectedRows } = await sql`
    with waiting as (
      select account_id, update_key, arrival_no, asks from inbox
      where session_id = ${run.session} and state = 'waiting'
      order by session_id, arrival_no limit 200 for update
    ), live as (${live(run)})
    update inbox b set state = 'taken', run_id = live.id, receipt = 'steered'
    from live, waiting w, talk_sessions s
    where b.account_id = w.account_id and b.update_key = w.update_key
      and s.id = live.session_id and s.stop_through < live.input_through and not live.stop
      and not exists (
        select from waiting o where o.arrival_no <= w.arrival_no and o.asks is distinct from live.asked)`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

/** Lets what joined a run, but was not read by it before its process died, wait again. */
export async function unsteer(db: Db, run: Attempt, messages: MessageId[]): Promise<void> {
  await sql`
    with live as (${live(run)})
    update inbox b set state = 'waiting', run_id = null, receipt = null
    from live where b.session_id = live.session_id and b.run_id = live.id and b.message_id = any (${messages}::text[])
  `.execute(db);
}

/** Whom a receipt tells something: the first of the messages it is about. */
export interface Told {
  chatMessageId: string;
  language: string;
}

/** Refuses what came to a chat after a run's input; null = nothing did. */
export async function refuseWaiting(db: Db, run: Attempt): Promise<Told | null> {
  return tell(db, run, sql`state = 'refused', receipt = 'refused'`, sql`true`);
}

/** Takes note of what nobody was told of (see `untold`); null = nothing has, or its people know. */
export async function noteQueued(db: Db, run: Attempt): Promise<Told | null> {
  return tell(db, run, sql`receipt = 'queued'`, untold);
}

async function tell(
  db: Db,
  run: Attempt,
  change: ReturnType<typeof sql>,
  which: ReturnType<typeof sql>,
): Promise<Told | null> {
  const { rows } = await sql<Told>`
    with these as (
      select b.account_id, b.update_key, b.arrival_no from inbox b
      where b.session_id = ${run.session} and b.state = 'waiting' and b.chat_message_id is not null and ${which}
      order by b.session_id, b.arrival_no for update
    ), live as (${live(run, sql`'running', 'waiting'`)}), told as (
      update inbox b set ${change} from live, these t
      where b.account_id = t.account_id and b.update_key = t.update_key and t.arrival_no > live.input_through
      returning b.arrival_no, b.chat_message_id, b.language
    )
    select chat_message_id as "chatMessageId", language from told order by arrival_no limit 1`.execute(db);
  return rows[0] ?? null;
}
