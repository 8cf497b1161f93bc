import { sql } from "kysely";
import type { AccountId, MessageId, OutboxId, PlaceId, ReplicaId, RunId, SessionId, TraceId, UserId } from "../ids.ts";
import type { BusyPolicy } from "../agent/busy-policy.ts";
import type { Part } from "../agent/message.ts";
import { toJson } from "./json.ts";
import type { OtherLoad, ReplicaLoad } from "./replicas.ts";
import type { CompactionAsked, Db, RunBudget, RunTarget } from "./schema.ts";

export const LEASE_MS = 6_000;
const lease = sql<Date>`now() + interval '6 seconds'`;

export interface ClaimedLane {
  session_id: SessionId;
  lane: number;
  lease_no: number;
}

/** Candidates of one claim; where more are ready, every user's first is one as well. */
const LOOK_AT = 500;

/**
 * Takes the lease on up to `slots` lanes that have work and no owner: in the order they became ready, but a user's
 * second lane waits for every other user's first. `takeOver` false leaves lanes alone whose lease ran out. Waits for
 * nobody: what another claim holds is passed over.
 */
export async function claimLanes(db: Db, replica: ReplicaId, slots: number, takeOver: boolean): Promise<ClaimedLane[]> {
  const { rows } = await sql<ClaimedLane>`
    with oldest as (
      select session_id, lane, user_id, ready_at from lanes
      where ready_at <= now() and (owner is null or (${takeOver}::boolean and lease_until < now()))
      order by ready_at limit ${LOOK_AT}
    ), firsts as (
      select distinct on (user_id) session_id, lane, user_id, ready_at from lanes
      where (select count(*) from oldest) = ${LOOK_AT}
        and ready_at <= now() and (owner is null or (${takeOver}::boolean and lease_until < now()))
      order by user_id, ready_at limit ${LOOK_AT}
    ), candidates as (
      select * from oldest union select * from firsts
    ), busy as materialized (
      select u.user_id, (select count(*) from lanes b where b.user_id = u.user_id and b.lease_until >= now()) as lanes
      from (select distinct user_id from candidates) u
    ), ranked as (
      select c.*, row_number() over (partition by c.user_id order by c.ready_at) + busy.lanes as turn
      from candidates c join busy using (user_id)
    ), picked as (
      select l.session_id, l.lane from ranked r join lanes l using (session_id, lane)
      where l.ready_at <= now() and (l.owner is null or (${takeOver}::boolean and l.lease_until < now()))
      order by r.turn, r.ready_at limit ${slots}
      for update of l skip locked
    )
    update lanes l set owner = ${replica}, lease_until = ${lease}, lease_no = lease_no + 1
    from picked p where l.session_id = p.session_id and l.lane = p.lane
    returning l.session_id, l.lane, l.lease_no`.execute(db);
  return rows;
}

/** One waiting message as the drain sees it; times in ms since the epoch. */
export interface DrainInput {
  account_id: AccountId;
  arrival_no: number;
  message_id: MessageId;
  author: { id: string; name: string } | null;
  parts: Part[];
  language: string;
  /** What its author was told meanwhile; null = nothing. */
  receipt: string | null;
  /** The agent it names; null = none. */
  asks: string | null;
  key_id: string | null;
  chat_message_id: string | null;
  burst: string | null;
  received_ms: number;
  written_ms: number;
}

export interface LaneState {
  session_id: SessionId;
  lane: number;
  lease_no: number;
  arrivals: number;
  user_id: UserId;
  agent: string;
  /** As its user has chosen for talks without a place; null = they have not. */
  on_busy: BusyPolicy | null;
  /** As it was chosen for the session; null = it was not. */
  model: string | null;
  /** Of the newest run in the history; null = there is none. */
  answered_by: string | null;
  stop_through: number;
  now_ms: number;
  place: {
    id: PlaceId;
    account_id: AccountId;
    chat: string;
    thread: string;
    kind: "private" | "group";
    blocked_ms: number | null;
    /** The bot was put out of it. */
    gone: boolean;
    /** As it was set in the chat; null = it was not. */
    on_busy: BusyPolicy | null;
  } | null;
  /** Asked for by a person; null = it is not. */
  compact: CompactionAsked | null;
  /** Runs under way in other lanes of the session. */
  others: number;
  run: {
    id: RunId;
    trace_id: TraceId;
    state: "running" | "waiting";
    /** Until when people may decide what it waits for; null = all is decided. */
    asks_until_ms: number | null;
    agent: string;
    /** The agent that its messages name; null = none. */
    asked: string | null;
    policy: BusyPolicy;
    language: string;
    attempt: number;
    crashes: number;
    handed_over: boolean;
    /** It alone is to end. */
    stop: boolean;
    input_through: number;
    authors: string[];
    reply_target: RunTarget | null;
    budget: RunBudget | null;
    /** When it last did something. */
    alive_ms: number;
    queued_ms: number;
  } | null;
  waiting: DrainInput[];
}

/**
 * What a claimed lane has to do. `arrivals` and `waiting` come from one snapshot, taken after the claim: a message
 * that is not in `waiting` has not been counted in `arrivals` either.
 */
export async function readLanes(db: Db, lanes: ClaimedLane[]): Promise<LaneState[]> {
  const { rows } = await sql<LaneState>`
    select l.session_id, l.lane, l.lease_no, l.arrivals, l.compact, s.user_id, s.agent, s.model, s.stop_through,
      case when s.place_id is null then (select u.on_busy from users u where u.id = s.user_id) end as on_busy,
      (extract(epoch from now()) * 1000)::float8 as now_ms,
      (select m.agent from messages m
       where m.session_id = l.session_id and not m.hidden order by m.seq desc limit 1) as answered_by,
      (select jsonb_build_object('id', p.id, 'account_id', p.account_id, 'chat', p.chat, 'thread', p.thread,
                'kind', p.kind, 'on_busy', p.on_busy, 'gone', p.gone_at is not null, 'blocked_ms', (extract(epoch from p.blocked_until) * 1000)::float8)
       from places p where p.id = s.place_id) as place,
      (select jsonb_build_object('id', r.id, 'trace_id', r.trace_id, 'state', r.state, 'agent', r.agent, 'asked', r.asked, 'policy', r.policy, 'language', r.language, 'attempt', r.attempt, 'crashes', r.crashes,
                'handed_over', r.handed_over, 'stop', r.stop, 'input_through', r.input_through, 'authors', r.authors,
                'reply_target', r.reply_target, 'budget', r.budget, 'queued_ms', (extract(epoch from r.queued_at) * 1000)::float8,
                'asks_until_ms', (select (extract(epoch from max(a.expires_at)) * 1000)::float8 from approvals a
                  where a.session_id = r.session_id and a.run_id = r.id and a.decision is null),
                'alive_ms', (extract(epoch from greatest(r.started_at, (
                  select e.created_at from run_events e where e.session_id = r.session_id and e.run_id = r.id
                  order by e.attempt desc, e.n desc limit 1))) * 1000)::float8)
       from runs r where r.session_id = l.session_id and r.lane = l.lane and r.state in ('running', 'waiting')) as run,
      (select count(*) from runs r where r.session_id = l.session_id and r.lane <> l.lane
         and r.state in ('running', 'waiting')) as others,
      coalesce((select jsonb_agg(w order by w.arrival_no) from (
         select i.account_id, i.arrival_no, i.message_id, i.author, i.parts, i.chat_message_id, i.burst, i.language, i.receipt, i.asks, i.key_id,
                (extract(epoch from i.received_at) * 1000)::float8 as received_ms,
                (extract(epoch from i.written_at) * 1000)::float8 as written_ms
         from inbox i where i.session_id = l.session_id and i.state = 'waiting'
         order by i.arrival_no limit 200) w), '[]') as waiting
    from jsonb_to_recordset(${toJson(lanes)}::jsonb) as c(session_id text, lane int)
    join lanes l using (session_id, lane)
    join talk_sessions s on s.id = l.session_id`.execute(db);
  return rows;
}

/** Gives a lane back until `delayMs` from now; another claim, here or elsewhere, goes on with it. */
export async function releaseLane(db: Db, lane: ClaimedLane, delayMs: number): Promise<void> {
  await db
    .updateTable("lanes")
    .set({
      owner: null,
      lease_until: null,
      ready_at: sql<Date>`now() + ${delayMs} * interval '1 millisecond'`,
    })
    .where("session_id", "=", lane.session_id)
    .where("lane", "=", lane.lane)
    .where("lease_no", "=", lane.lease_no)
    .execute();
}

/** Lanes of one session at most: as many runs side by side. */
const MAX_LANES = 4;

/** Opens a further lane of a session, for messages that need not wait for its running runs; none if it has four. */
export async function openLane(db: Db, session: SessionId): Promise<void> {
  await sql`
    insert into lanes (session_id, lane, user_id)
    select l.session_id, n.lane, l.user_id
    from lanes l, generate_series(1, ${MAX_LANES - 1}::int) as n(lane)
    where l.session_id = ${session} and l.lane = 0
      and not exists (select from lanes o where o.session_id = l.session_id and o.lane = n.lane)
      and not exists (
        select from lanes o where o.session_id = l.session_id and o.owner is null and o.lane > 0
          and not exists (select from runs r where r.session_id = o.session_id and r.lane = o.lane and r.state = 'waiting'))
    order by n.lane limit 1
    on conflict do nothing`.execute(db);
}

/** Removes a lane that has nothing left to do; false = something arrived since `arrivals` was read, or it was lost. */
export async function deleteLane(db: Db, lane: ClaimedLane, arrivals: number): Promise<boolean> {
  const result = await db
    .deleteFrom("lanes")
    .where("session_id", "=", lane.session_id)
    .where("lane", "=", lane.lane)
    .where("lease_no", "=", lane.lease_no)
    .where("arrivals", "=", arrivals)
    .executeTakeFirst();
  return result.numDeletedRows === 1n;
}

/**
 * Renews the leases of the lanes and outbox pages a replica works on, in one statement, and answers which are
 * still its own: the others were taken over. What it holds without knowing runs out. Rows are locked in the order in
 * which accepts and receipts lock them. Also says what the replica sends just now, and what the others have said that
 * live.
 */
export async function renewLeases(
  db: Db,
  replica: ReplicaId,
  lanes: ClaimedLane[],
  pages: OutboxId[] = [],
  load: ReplicaLoad = {},
): Promise<{ kept: ClaimedLane[]; keptPages: OutboxId[]; others: OtherLoad[] }> {
  const { rows } = await sql<{ kept: ClaimedLane[]; keptPages: OutboxId[]; others: OtherLoad[] }>`
    with mine as (
      select l.session_id, l.lane
      from jsonb_to_recordset(${toJson(lanes)}::jsonb) as m(session_id text, lane int, lease_no bigint)
      join lanes l using (session_id, lane)
      where l.lease_no = m.lease_no and l.owner = ${replica}
      order by l.session_id, l.lane for update of l
    ), sending as (
      select id from outbox where id = any (${pages}::text[]) and owner = ${replica} and due_at is not null
      order by id for update
    ), pages as (
      update outbox o set lease_until = ${lease} from sending where o.id = sending.id returning o.id
    ), seen as (
      update replicas set seen_at = now(), load = ${toJson(load)}::jsonb where id = ${replica}
    ), renewed as (
      update lanes l set lease_until = ${lease} from mine
      where l.session_id = mine.session_id and l.lane = mine.lane
      returning l.session_id, l.lane, l.lease_no
    )
    select coalesce((select jsonb_agg(r) from renewed r), '[]') as kept,
           coalesce((select jsonb_agg(id) from pages), '[]') as "keptPages", coalesce((
      select jsonb_agg(jsonb_build_object('load', o.load, 'age_ms', extract(epoch from now() - o.seen_at) * 1000))
      from replicas o where o.id <> ${replica} and o.seen_at > now() - interval '6 seconds'), '[]') as others`.execute(
    db,
  );
  return rows[0]!;
}

/** How many lanes wait for a slot, and since when the first of them has been due. */
export async function laneBacklog(db: Db): Promise<{ waiting: number; oldestMs: number }> {
  const { rows } = await sql<{ waiting: number; oldestMs: number }>`
    select count(*) as waiting,
           coalesce(extract(epoch from now() - min(ready_at)) * 1000, 0)::float8 as "oldestMs"
    from lanes where owner is null and ready_at <= now()`.execute(db);
  return rows[0]!;
}
