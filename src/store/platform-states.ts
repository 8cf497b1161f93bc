import { sql } from "kysely";
import type { AccountId, ReplicaId } from "../ids.ts";
import type { Db } from "./schema.ts";

/** How it stands with one bot. */
export interface AccountState {
  account: AccountId;
  platform: string;
  /** Which replica takes in its updates; null = none does. */
  holder: ReplicaId | null;
  /** When something of it was stored last; null = nothing within a day. */
  heard_at: Date | null;
  /** Messages that wait for their turn. */
  waiting: number;
  /** When the one came that waits longest. */
  waiting_since: Date | null;
  /** Pages that are still to be shown, and when the oldest of them was made. */
  due: number;
  due_since: Date | null;
  uncertain: number;
  failed: number;
  /** Answers that stream or wait to be shown, on all replicas. */
  answers: number;
  /** For how long the platform wants no calls of some kind, in ms. */
  paused_ms: number;
}

/** A process of this gateway. */
export interface ReplicaState {
  id: ReplicaId;
  host: string;
  pid: number;
  seen_at: Date;
  edits: Record<string, number>;
  /** Of all accounts. */
  answers: number;
}

/** A replica that has said nothing for so long says nothing of how it is now. */
const FRESH = sql`interval '15 seconds'`;

/** The bots of this gateway, and whatever else messages came in by. */
export async function accountStates(db: Db): Promise<AccountState[]> {
  const { rows } = await sql<AccountState>`
    with heard as (
      select account_id, max(received_at) as heard_at from inbox
      where received_at >= now() - interval '1 day' group by account_id
    ), queue as (
      select account_id, count(*) as waiting, min(received_at) as waiting_since from inbox
      where state = 'waiting' group by account_id
    ), due as (
      select account_id, count(*) as due, min(created_at) as due_since from outbox
      where due_at is not null group by account_id
    ), trouble as (
      select account_id, count(*) filter (where state = 'uncertain') as uncertain,
             count(*) filter (where state = 'failed') as failed
      from outbox where state in ('uncertain', 'failed') and resolved is null group by account_id
    ), load as (
      select l.key as account_id, sum((l.value ->> 'answers')::int) as answers,
             max(coalesce((select max(p.value::text::float8) from jsonb_each(l.value -> 'paused') p), 0)
                 - extract(epoch from now() - r.seen_at) * 1000) as paused_ms
      from replicas r, jsonb_each(r.load) l where r.seen_at > now() - ${FRESH} group by l.key
    )
    select a.id as account, a.platform, case when a.intake_until >= now() then a.intake_owner end as holder,
           h.heard_at, coalesce(q.waiting, 0) as waiting, q.waiting_since, coalesce(d.due, 0) as due, d.due_since,
           coalesce(t.uncertain, 0) as uncertain, coalesce(t.failed, 0) as failed, coalesce(l.answers, 0) as answers,
           greatest(0, coalesce(l.paused_ms, 0))::float8 as paused_ms
    from accounts a
    left join heard h on h.account_id = a.id
    left join queue q on q.account_id = a.id
    left join due d on d.account_id = a.id
    left join trouble t on t.account_id = a.id
    left join load l on l.account_id = a.id
    order by a.platform, a.id`.execute(db);
  return rows;
}

/** Those that have said something lately. */
export async function replicaStates(db: Db): Promise<ReplicaState[]> {
  const { rows } = await sql<ReplicaState>`
    select id, host, pid, seen_at, edits,
           coalesce((select sum((l.value ->> 'answers')::int) from jsonb_each(load) l), 0) as answers
    from replicas where seen_at > now() - ${FRESH} order by seen_at desc, id`.execute(db);
  return rows;
}
