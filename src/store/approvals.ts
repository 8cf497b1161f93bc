import { createHash } from "node:crypto";
import { sql } from "kysely";
import type { ApprovalDecision, AskedCall } from "../agent/run-event.ts";
import type { AccountId, ApprovalId, OutboxId, RunId, SessionId, UserId } from "../ids.ts";
import type { RenderedPage } from "../platform/platform-adapter.ts";
import { cleanText, toJson } from "./json.ts";
import type { ClaimedLane } from "./lanes.ts";
import type { Attempt } from "./run-levels.ts";
import type { Db, RunTarget, Trx } from "./schema.ts";
import { type MergedPage, showPages } from "./show-pages.ts";

/** A question that is to be put to people. */
export interface Question extends AskedCall {
  id: ApprovalId;
  /** Who may decide in a group, as `<platform>:<id>`; in private whose chat it is may as well. */
  approvers: string[];
  pageId: OutboxId | null;
}

/** How long an approval may be used after the last of its run was given: what is late by more was for another time. */
const USE_WITHIN = sql`interval '15 minutes'`;

/**
 * Leaves a run until its questions are decided: it keeps its lane, which is ready again when they are, or when they
 * expire, or at once if something waits already. May be repeated. Writes the attempt's last events, and has `said` shown; the outbox rows of
 * the questions belong into the same transaction, after it. `before`: it was done by an earlier try.
 */
export async function pauseRun(
  db: Trx,
  run: Attempt & { lane: ClaimedLane; arrivals: number; moreWaits: boolean },
  questions: Question[],
  minutes: number,
  events: { n: number; type: string; data: object }[],
  said: { target: RunTarget | null; pages: readonly MergedPage[] },
): Promise<"waits" | "before" | "stopped" | "lost"> {
  const asked = questions.map((question) => ({
    id: question.id,
    call_id: question.callId,
    tool: question.tool,
    args: question.args,
    args_sha256: hashOf(question.args),
    again: question.again,
    approvers: question.approvers,
    page_id: question.pageId,
  }));
  const { rows } = await sql<{ mine: boolean; stopped: boolean | null; before: boolean }>`
    with fence as (
      select s.id as session_id, s.stop_through, l.arrivals
      from talk_sessions s join lanes l on l.session_id = s.id
      where s.id = ${run.session} and l.lane = ${run.lane.lane} and l.lease_no = ${run.lane.lease_no}
      for update of s, l
    ), own as (
      select r.session_id, r.id, f.stop_through >= r.input_through or r.stop as stopped,
             ${run.moreWaits}::boolean or f.arrivals <> ${run.arrivals} as more
      from fence f join runs r on r.session_id = f.session_id
      where r.id = ${run.id} and r.attempt = ${run.attempt} and r.state = 'running'
      for update of r
    ), mine as (
      select * from own where not stopped
    ), waiting as (
      update runs r set state = 'waiting', handed_over = true, owner = null from mine
      where r.session_id = mine.session_id and r.id = mine.id
    ), happened as (
      insert into run_events (session_id, run_id, attempt, n, type, data)
      select mine.session_id, mine.id, ${run.attempt}::int, e.n, e.type, e.data
      from mine, jsonb_to_recordset(${toJson(events)}::jsonb) as e(n int, type text, data jsonb)
      on conflict (session_id, run_id, attempt, n) do nothing
    ), asked as (
      insert into approvals (session_id, id, run_id, call_id, tool, args, args_sha256, again, approvers, page_id, expires_at)
      select mine.session_id, q.id, mine.id, q.call_id, q.tool, q.args, q.args_sha256, q.again, q.approvers, q.page_id,
             now() + ${minutes} * interval '1 minute'
      from mine, jsonb_to_recordset(${toJson(asked)}::jsonb)
        as q(id text, call_id text, tool text, args text, args_sha256 text, again boolean, approvers text[], page_id text)
    ), pages as (
      ${showPages({ session: run.session, run: run.id, attempt: run.attempt }, said.target, said.pages)}
    ), freed as (
      update lanes l set owner = null, lease_until = null,
                         ready_at = case when mine.more then now() else now() + ${minutes} * interval '1 minute' end
      from mine where l.session_id = mine.session_id and l.lane = ${run.lane.lane}
    )
    select exists (select from own) as mine, (select stopped from own) as stopped,
           exists (select from runs r where r.session_id = ${run.session} and r.id = ${run.id}
                   and r.attempt = ${run.attempt} and r.state = 'waiting') as before`.execute(db);
  const row = rows[0]!;
  if (row.mine) return row.stopped ? "stopped" : "waits";
  return row.before ? "before" : "lost";
}

/** A question as those see it who may decide. */
export interface OpenQuestion {
  id: ApprovalId;
  runId: RunId;
  callId: string;
  tool: string;
  args: string;
  again: boolean;
  expiresAt: Date;
}

/** The open questions of a session, oldest first. */
export async function openQuestions(db: Db, session: SessionId): Promise<OpenQuestion[]> {
  return db
    .selectFrom("approvals as a")
    .innerJoin("runs as r", (join) => join.onRef("r.session_id", "=", "a.session_id").onRef("r.id", "=", "a.run_id"))
    .select(["a.id", "a.run_id as runId", "a.call_id as callId", "a.tool", "a.args", "a.again"])
    .select("a.expires_at as expiresAt")
    .where("a.session_id", "=", session)
    .where("a.decision", "is", null)
    .where("a.expires_at", ">", sql<Date>`now()`)
    .where("r.state", "=", "waiting")
    .orderBy("a.created_at")
    .limit(100)
    .execute();
}

/** A question that was answered, or is about to be. */
export interface Asked {
  session: SessionId;
  id: ApprovalId;
  run: RunId;
  lane: number;
  agent: string;
  language: string;
  callId: string;
  tool: string;
  args: string;
  again: boolean;
  approvers: string[];
  page: OutboxId | null;
  account: AccountId | null;
}

const asked = sql`
  select a.session_id as session, a.id, a.run_id as run, r.lane, r.agent, r.language, a.call_id as "callId", a.tool, a.args,
         a.again, a.approvers, a.page_id as page, r.reply_target->>'account' as account`;

/** The question that stands at a place, decided or not; `owner`: whose chat it is, null in a group. */
export async function questionAt(
  db: Db,
  at: { account: AccountId; chat: string; thread: string },
  id: ApprovalId,
): Promise<(Asked & { owner: UserId | null }) | null> {
  const { rows } = await sql<Asked & { owner: UserId | null }>`
    ${asked}, case p.kind when 'private' then p.user_id end as owner
    from places p
    join approvals a on a.session_id = p.session_id and a.id = ${id}
    join runs r on r.session_id = a.session_id and r.id = a.run_id
    where p.account_id = ${at.account} and p.chat = ${at.chat} and p.thread = ${at.thread}
      and r.reply_target @> jsonb_build_object('account', p.account_id, 'chat', p.chat, 'thread', p.thread)`.execute(
    db,
  );
  return rows[0] ?? null;
}

/** A question of the session; null = there is none of this id. */
export async function questionOf(db: Db, session: SessionId, id: ApprovalId): Promise<Asked | null> {
  const { rows } = await sql<Asked>`
    ${asked} from approvals a join runs r on r.session_id = a.session_id and r.id = a.run_id
    where a.session_id = ${session} and a.id = ${id}`.execute(db);
  return rows[0] ?? null;
}

/**
 * Decides a question, and lets its lane go on. Belongs into a transaction. False = it is decided already or has expired,
 * or its run waits no more.
 */
export async function decide(db: Trx, question: Asked, decision: "approved" | "denied", by: string): Promise<boolean> {
  const { numAffectedRows } = await sql`
    with lane as (
      select session_id, lane from lanes where session_id = ${question.session} and lane = ${question.lane} for update
    ), run as (
      select r.session_id, r.id from lane join runs r on r.session_id = lane.session_id
      where r.id = ${question.run} and r.state = 'waiting' for update of r
    ), ready as (
      update lanes l set ready_at = least(l.ready_at, now()) from lane, run
      where l.session_id = lane.session_id and l.lane = lane.lane
    )
    update approvals a set decision = ${decision}, decided_by = ${by}, decided_at = now() from run
    where a.session_id = run.session_id and a.run_id = run.id and a.id = ${question.id}
      and a.decision is null and a.expires_at > now()`.execute(db);
  if (numAffectedRows !== 1n) return false;
  await tellReaders(db, question.session, question.run, [{ ...question, decision, by }]);
  return true;
}

/** Closes the open questions of a run that goes on or ends without answers. Belongs into the claim's transaction. */
export async function closeQuestions(
  db: Trx,
  session: SessionId,
  run: RunId,
  decision: "expired" | "cancelled",
): Promise<Asked[]> {
  const { rows } = await sql<Asked>`
    with closed as (
      update approvals set decision = ${decision}, decided_at = now()
      where session_id = ${session} and run_id = ${run} and decision is null
      returning *
    )
    ${asked} from closed a join runs r on r.session_id = a.session_id and r.id = a.run_id order by a.created_at`.execute(
    db,
  );
  const events = rows.map((row) => ({ ...row, decision, by: null }));
  if (events.length > 0) await tellReaders(db, session, run, events);
  return rows;
}

/** Events of a run that nobody works on: they go behind those of its last attempt. */
async function tellReaders(
  db: Trx,
  session: SessionId,
  run: RunId,
  decided: { id: ApprovalId; callId: string; decision: ApprovalDecision; by: string | null }[],
): Promise<void> {
  const data = decided.map(({ id, callId, decision, by }, index) => {
    return { index, data: { approval: id, callId, decision, by } };
  });
  await sql`
    insert into run_events (session_id, run_id, attempt, n, type, data)
    select r.session_id, r.id, r.attempt, coalesce(e.n, 0) + d.index + 1, 'approval.resolved', d.data
    from runs r
    left join lateral (
      select max(n) as n from run_events
      where session_id = r.session_id and run_id = r.id and attempt = r.attempt) e on true,
      jsonb_to_recordset(${toJson(data)}::jsonb) as d(index int, data jsonb)
    where r.session_id = ${session} and r.id = ${run}`.execute(db);
}

/**
 * Shows another text where a question stands, without buttons. `messageId`: of the message, where somebody has just
 * pressed a button of it, which may be before the post's receipt is stored.
 */
export async function rewriteQuestion(
  db: Trx,
  page: OutboxId,
  content: RenderedPage,
  messageId: string | null,
): Promise<void> {
  await sql`
    update outbox set
      content = ${toJson(content)}::jsonb,
      message_id = case when owner is null then coalesce(message_id, ${messageId}::text) else message_id end,
      state = case when owner is null and coalesce(message_id, ${messageId}::text) is not null then 'sent' else state end,
      -- The post is under way, so its text may be the old one.
      repeat = owner is not null,
      due_at = case when owner is null and state <> 'failed' then now() else due_at end
    where id = ${page} and not (state = 'uncertain' and message_id is null and ${messageId}::text is null)`.execute(db);
}

/** What was decided of a run's calls, by call id: of each the newest question. Approvals that are used up are left out. */
export async function decisionsOf(db: Db, session: SessionId, run: RunId): Promise<Map<string, ApprovalDecision>> {
  const { rows } = await sql<{ callId: string; decision: ApprovalDecision }>`
    select "callId", decision from (
      select distinct on (call_id) call_id as "callId", used_at,
             case when decision = 'approved' and max(decided_at) over () < now() - ${USE_WITHIN} then 'expired' else decision end as decision
      from approvals where session_id = ${session} and run_id = ${run}
      order by call_id, created_at desc) newest
    where decision is not null and used_at is null`.execute(db);
  return new Map(rows.map(({ callId, decision }) => [callId, decision]));
}

/**
 * Uses up the approval of a call that is about to be made. False = there is none for exactly this tool with exactly
 * these arguments, it was used, or the attempt is over. May be repeated with the same `nonce`.
 */
export async function useApproval(
  db: Db,
  run: Attempt,
  call: { callId: string; tool: string; args: string },
  nonce: string,
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update approvals a set used_at = now(), used_by = ${nonce}
    from runs r
    where r.session_id = ${run.session} and r.id = ${run.id} and r.attempt = ${run.attempt} and r.state = 'running'
      and a.session_id = r.session_id and a.run_id = r.id and a.call_id = ${call.callId} and a.tool = ${call.tool}
      and a.args_sha256 = ${hashOf(call.args)} and a.decision = 'approved'
      and (select max(b.decided_at) from approvals b where b.session_id = r.session_id and b.run_id = r.id)
        >= now() - ${USE_WITHIN} and (a.used_at is null or a.used_by = ${nonce})`.execute(db);
  return Number(numAffectedRows ?? 0n) > 0;
}

/** Of the arguments as they are stored. */
function hashOf(args: string): string {
  return createHash("sha256").update(cleanText(args)).digest("hex");
}
