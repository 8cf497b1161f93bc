import { sql } from "kysely";
import type { Author, Message } from "../agent/message.ts";
import {
  type FileId,
  type MessageId,
  newTraceId,
  type OutboxId,
  type ReplicaId,
  type RunId,
  type SessionId,
  type TraceId,
} from "../ids.ts";
import { cleanText, toJson } from "./json.ts";
import type { ClaimedLane } from "./lanes.ts";
import { withdrawReceipts } from "./receipts.ts";
import type { Db, RunBudget, RunTarget } from "./schema.ts";
import { type MergedPage, showPages } from "./show-pages.ts";
import { countUsage, storeUsage, type UsageRow } from "./usage.ts";

export interface NewRun {
  id: RunId;
  /** Left out: a new one. */
  trace?: TraceId;
  lane: ClaimedLane;
  agent: string;
  /** The agent that its messages name; left out: none. */
  asked?: string | null;
  policy: string;
  /** What the gateway's own words are said in; "" = unknown. */
  language: string;
  inputThrough: number;
  /** Whose messages these are, by their platform id; empty where everybody may interrupt. */
  authors: string[];
  target: RunTarget | null;
  queuedAt: Date;
  /** The arrival numbers it takes. */
  inputs: number[];
  /** The outbox row of its first page; null iff `target` is. */
  firstPage: OutboxId | null;
  /** Left out: there are none. */
  budget?: RunBudget | null;
}

/**
 * Binds waiting messages to new runs, all in one statement. Belongs into the claim's transaction, which is to be
 * repeated when a message was withdrawn since it was read: then this rejects like a serialisation failure.
 */
export async function insertRuns(db: Db, replica: ReplicaId, runs: NewRun[]): Promise<void> {
  const input = runs.map((run) => ({
    session_id: run.lane.session_id,
    id: run.id,
    trace_id: run.trace ?? newTraceId(),
    lane: run.lane.lane,
    agent: run.agent,
    asked: run.asked ?? null,
    policy: run.policy,
    language: run.language,
    input_through: run.inputThrough,
    authors: run.authors,
    reply_target: run.target,
    queued_at: run.queuedAt,
    first_page: run.firstPage,
    budget: run.budget,
  }));
  const inputs = runs.flatMap((run) =>
    run.inputs.map((arrival_no) => ({ session_id: run.lane.session_id, run_id: run.id, arrival_no })),
  );
  const { rows } = await sql<{ taken: number }>`
    with input as (
      select * from jsonb_to_recordset(${toJson(input)}::jsonb) as r(session_id text, id text, trace_id text, lane int, agent text, asked text,
        policy text, language text, input_through bigint, authors text[], reply_target jsonb, queued_at timestamptz, first_page text,
        budget jsonb)
    ), waiting as (
      select b.account_id, b.update_key, t.run_id
      from jsonb_to_recordset(${toJson(inputs)}::jsonb) as t(session_id text, run_id text, arrival_no bigint)
      join inbox b using (session_id, arrival_no)
      where b.state = 'waiting'
      order by b.session_id, b.arrival_no for update of b
    ), taken as (
      update inbox b set state = 'taken', run_id = w.run_id from waiting w
      where b.account_id = w.account_id and b.update_key = w.update_key
      returning 1
    ), started as (
      insert into runs (session_id, id, trace_id, lane, state, agent, asked, policy, language, owner, input_through, authors, reply_target, queued_at,
                        budget)
      select session_id, id, trace_id, lane, 'running', agent, asked, policy, language, ${replica}, input_through, authors,
             nullif(reply_target, 'null'::jsonb), queued_at, nullif(budget, 'null'::jsonb)
      from input
    ), answered as (
      ${withdrawReceipts(sql`select session_id from input`)}
    ), pages as (
      insert into outbox (id, session_id, run_id, attempt, kind, account_id, chat, thread, reply_to, place_kind, state)
      select first_page, session_id, id, 1, 'answer', reply_target->>'account', reply_target->>'chat',
             reply_target->>'thread', reply_target->>'replyTo', reply_target->>'placeKind', 'planned'
      from input where first_page is not null
    )
    select count(*) as taken from taken`.execute(db);
  if (rows[0]!.taken !== inputs.length) {
    throw Object.assign(new Error("a message was withdrawn before its run began"), { code: "40001" });
  }
}

/**
 * Takes a run over that is running or was left waiting: the attempt grows, so nobody else may write it any more, and posts that were under way are
 * uncertain from now on. Belongs into the claim's transaction. Returns the new attempt.
 */
export async function takeOverRun(db: Db, replica: ReplicaId, session: SessionId, run: RunId): Promise<number> {
  const { rows } = await sql<{ attempt: number }>`
    update runs set attempt = attempt + 1, crashes = crashes + case when handed_over then 0 else 1 end,
                    handed_over = false, owner = ${replica}, state = 'running'
    where session_id = ${session} and id = ${run} and state in ('running', 'waiting')
    returning attempt`.execute(db);
  if (!rows[0]) throw new Error(`run ${run} is not running`);
  // A statement of its own: it must see the post whose announcement the one above may have waited for.
  await sql`
    update outbox set state = 'uncertain', error = 'the process ended while posting'
    where session_id = ${session} and run_id = ${run} and state = 'sending'`.execute(db);
  return rows[0].attempt;
}

export interface RunInput {
  messageId: MessageId;
  message: Message;
  chatMessageId: string | null;
  writtenAt: Date;
  /** It joined the run while that was under way. */
  steered: boolean;
}

const { compare: byId } = new Intl.Collator("en", { numeric: true });

/**
 * A turn in order of arrival as it was said. Platforms bring messages over several connections, which overtake each
 * other, so a turn of one chat goes by the chat's own clock; and by its ids, which grow, where that is too coarse:
 * Telegram's counts seconds.
 */
export function asSaid<T extends { chatMessageId: string | null; writtenAt: Date | number }>(turn: T[]): T[] {
  const isOfChat = turn.every(({ chatMessageId }) => chatMessageId !== null);
  return isOfChat
    ? turn.toSorted((a, b) => Number(a.writtenAt) - Number(b.writtenAt) || byId(a.chatMessageId!, b.chatMessageId!))
    : turn;
}

/** What a run was given: its user turn, as it was said, and what joined it, in order of arrival. */
export async function runInputs(db: Db, session: SessionId, run: RunId): Promise<RunInput[]> {
  const rows = await db
    .selectFrom("inbox")
    .select(["message_id", "author", "parts", "chat_message_id", "written_at", "receipt"])
    .where("session_id", "=", session)
    .where("run_id", "=", run)
    .orderBy("arrival_no")
    .execute();
  const inputs = rows.map((row) => ({
    messageId: row.message_id,
    message: turnMessage(row.parts ?? [], row.author),
    chatMessageId: row.chat_message_id,
    writtenAt: row.written_at,
    steered: row.receipt === "steered",
  }));
  return [...asSaid(inputs.filter(({ steered }) => !steered)), ...inputs.filter(({ steered }) => steered)];
}

export function turnMessage(parts: Message["parts"], author: Author | null): Message {
  return { role: "user", parts, status: "complete", ...(author ? { author } : {}) };
}

export interface Merge {
  session: SessionId;
  run: RunId;
  attempt: number;
  lane: ClaimedLane;
  arrivals: number;
  /** Something is known to wait still, whatever `arrivals` says. */
  keepLane: boolean;
  state: "completed" | "failed" | "cancelled";
  endReason: string;
  errorCode: string | null;
  block: { messageId: MessageId; message: Message }[];
  /** For a session that has no title yet. */
  title: string;
  events: { n: number; type: string; data: object }[];
  /** Of the card it went by; left out: not known. */
  cardVersion?: string | null;
  /** The hash of what the buttons under its answer bring back; left out: there are none. */
  voteHash?: string | null;
  /** Of all its attempts. */
  usage: UsageRow[];
  target: RunTarget | null;
  pages: MergedPage[];
  /** A file that holds what the pages do not; one of them sends it. */
  whole?: { id: FileId; name: string; text: string };
  /**
   * The inputs go back and wait: the next run takes them together with what interrupted this one. Of one that was stopped
   * meanwhile they are withdrawn.
   */
  returnInputs: boolean;
  /** What was learned of models: tokens they count for one of our estimate. */
  ratios: Record<string, number>;
}

/**
 * `merged`: done, with the first seq of the block. `stopped`: the person stopped it before it was complete; merge it as
 * cancelled. `lost`: another attempt owns the run; write nothing.
 */
export type MergeOutcome =
  | { kind: "merged"; firstSeq: number; laneGone: boolean }
  | { kind: "stopped" }
  | { kind: "lost" };

/**
 * Ends a run: history, events, pages, run and lane in one statement, which may be repeated. Locks in the order
 * talk_sessions, lanes, runs, budgets, outbox. What decides is read from the locked rows: this statement's snapshot may be older
 * than an accept it waited for. A page whose post was never recorded is uncertain from now on.
 */
export async function mergeRun(db: Db, merge: Merge): Promise<MergeOutcome> {
  const block = merge.block.map(({ messageId, message }, idx) => ({
    idx,
    message_id: messageId,
    role: message.role,
    parts: message.parts,
    status: message.status,
    author: message.author ?? null,
  }));
  const count = block.length;
  const target = merge.target;
  const { rows } = await sql<{
    still_mine: boolean;
    base: number | null;
    lane_gone: boolean;
    done_before: boolean;
  }>`
    with fence as (
      select s.id as session_id, s.stop_through, l.arrivals
      from talk_sessions s join lanes l on l.session_id = s.id
      where s.id = ${merge.session} and l.lane = ${merge.lane.lane} and l.lease_no = ${merge.lane.lease_no}
      for update of s, l
    ), own as (
      select r.session_id, r.id, r.agent, r.trace_id, r.budget, r.started_at,
             f.stop_through >= r.input_through or r.stop as stopped,
             ${merge.keepLane}::boolean or f.arrivals <> ${merge.arrivals} as keep_lane
      from fence f join runs r on r.session_id = f.session_id
      where r.id = ${merge.run} and r.attempt = ${merge.attempt} and r.state = 'running'
      for update of r
    ), mine as (
      select * from own where not (${merge.state}::text = 'completed' and stopped)
    ), head as (
      update talk_sessions s
      set head_seq = s.head_seq + ${count}::int, updated_at = now(),
          title = case when s.title = '' then ${cleanText(merge.title)} else s.title end,
          token_ratios = s.token_ratios || ${toJson(merge.ratios)}::jsonb
      from mine where s.id = mine.session_id
      returning s.head_seq - ${count}::int as base
    ), stored as (
      insert into messages (session_id, seq, message_id, run_id, idx, role, parts, status, author, agent, trace_id)
      select ${merge.session}, head.base + m.idx + 1, m.message_id, ${merge.run}, m.idx, m.role, m.parts, m.status,
             nullif(m.author, 'null'::jsonb), mine.agent, mine.trace_id
      from head, mine, jsonb_to_recordset(${toJson(block)}::jsonb)
        as m(idx int, message_id text, role text, parts jsonb, status text, author jsonb)
    ), happened as (
      insert into run_events (session_id, run_id, attempt, n, type, data)
      select ${merge.session}, ${merge.run}, ${merge.attempt}::int, e.n, e.type, e.data
      from mine, jsonb_to_recordset(${toJson(merge.events)}::jsonb) as e(n int, type text, data jsonb)
      on conflict (session_id, run_id, attempt, n) do nothing
    ), used as (
      ${storeUsage(merge.usage)}
    ), counted as (
      ${countUsage(merge.usage, merge.returnInputs)}
    ), ended as (
      update runs r set state = ${merge.state}, end_reason = ${merge.endReason}, error_code = ${merge.errorCode},
                        card_version = ${merge.cardVersion ?? null}, vote_hash = ${merge.voteHash ?? null},
                        ended_at = now(), owner = null
      from mine where r.session_id = mine.session_id and r.id = mine.id
    ), returned as (
      update inbox b set state = case when mine.stopped then 'withdrawn' else 'waiting' end, run_id = null, receipt = null
      from mine where ${merge.returnInputs}::boolean and b.session_id = mine.session_id and b.run_id = mine.id
    ), unplanned as (
      delete from outbox o using mine
      where o.session_id = mine.session_id and o.run_id = mine.id and o.state = 'planned'
        and o.id <> all (${merge.pages.map((page) => page.id)}::text[])
    ), doubtful as (
      update outbox o set state = 'uncertain', error = 'nobody knows what became of the post' from mine
      where o.session_id = mine.session_id and o.run_id = mine.id and o.state = 'sending'
        and o.id <> all (${merge.pages.map((page) => page.id)}::text[])
    ), whole as (
      insert into files (id, session_id, name, media_type, size, content)
      select f.id, ${merge.session}, f.name, 'text/markdown', octet_length(f.text), convert_to(f.text, 'UTF8')
      from mine, jsonb_to_recordset(${toJson(merge.whole ? [merge.whole] : [])}::jsonb) as f(id text, name text, text text)
    ), pages as (
      ${showPages(merge, target, merge.pages)}
    ), freed as (
      update lanes l set owner = null, lease_until = null, ready_at = now() from mine
      where l.session_id = mine.session_id and l.lane = ${merge.lane.lane} and mine.keep_lane
    ), gone as (
      delete from lanes l using mine
      where l.session_id = mine.session_id and l.lane = ${merge.lane.lane} and not mine.keep_lane
      returning 1
    )
    select exists (select from own) as still_mine,
           (select base from head) as base,
           exists (select from gone) as lane_gone,
           exists (select from runs r where r.session_id = ${merge.session} and r.id = ${merge.run}
                   and r.attempt = ${merge.attempt} and r.state = ${merge.state}) as done_before`.execute(db);
  const row = rows[0]!;
  if (row.base !== null) return { kind: "merged", firstSeq: row.base + 1, laneGone: row.lane_gone };
  // A repetition after a lost answer: it was merged; the dispatcher delivers the pages.
  if (row.done_before) return { kind: "merged", firstSeq: 0, laneGone: false };
  return row.still_mine ? { kind: "stopped" } : { kind: "lost" };
}

/** Leaves a run for another replica at shutdown: not a crash. False = it was lost already. */
export async function handOverRun(
  db: Db,
  run: { session: SessionId; id: RunId; attempt: number; lane: ClaimedLane },
): Promise<boolean> {
  const { rows } = await sql`
    with lane as (
      select session_id from lanes
      where session_id = ${run.session} and lane = ${run.lane.lane} and lease_no = ${run.lane.lease_no} for update
    ), handed as (
      update runs r set handed_over = true, owner = null from lane
      where r.session_id = lane.session_id and r.id = ${run.id} and r.attempt = ${run.attempt} and r.state = 'running'
      returning r.session_id
    )
    update lanes l set owner = null, lease_until = null, ready_at = now() from handed
    where l.session_id = handed.session_id and l.lane = ${run.lane.lane}
    returning l.session_id`.execute(db);
  return rows.length > 0;
}

/** What goes on in a session, for a person to read. */
export async function sessionActivity(
  db: Db,
  session: SessionId,
): Promise<{ running: boolean; asks: boolean; waiting: number }> {
  const { rows } = await sql<{ running: boolean; asks: boolean; waiting: number }>`
    select exists (select from runs where session_id = ${session} and state in ('running', 'waiting')) as running,
           exists (select from runs where session_id = ${session} and state = 'waiting') as asks,
           (select count(*) from inbox where session_id = ${session} and state = 'waiting') as waiting`.execute(db);
  return rows[0]!;
}

/** The chat a run answers in, which may have another id than when it began; null = in none. */
export async function chatOfRun(db: Db, session: SessionId, run: RunId): Promise<string | null> {
  const row = await db
    .selectFrom("runs")
    .select("reply_target")
    .where("session_id", "=", session)
    .where("id", "=", run)
    .executeTakeFirst();
  return row?.reply_target?.chat ?? null;
}
