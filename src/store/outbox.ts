import { sql } from "kysely";
import type { AccountId, FileId, OutboxId, ReplicaId, RunId, SessionId } from "../ids.ts";
import type { Attempt } from "./run-levels.ts";
import type { RenderedPage } from "../platform/platform-adapter.ts";
import { cleanText, toJson } from "./json.ts";
import type { Db, OutboxState, RunTarget } from "./schema.ts";

/** Characters of an error that are kept. */
const MAX_ERROR = 500;

/** A page as delivery sees it. */
export interface OutboxPage {
  id: OutboxId;
  session_id: SessionId | null;
  run_id: RunId | null;
  page: number;
  kind: "answer" | "reply" | "receipt" | "file";
  account_id: AccountId;
  chat: string;
  thread: string;
  reply_to: string | null;
  place_kind: "private" | "group";
  content: RenderedPage | null;
  file_id: FileId | null;
  state: OutboxState;
  message_id: string | null;
  remove: boolean;
  tries: number;
  /** Its post was under way when its replica died. */
  doubtful?: boolean;
  /** How long it exists already. */
  age_ms: number;
}

const page = sql`o.id, o.session_id, o.run_id, o.page, o.kind, o.account_id, o.chat, o.thread, o.reply_to, o.place_kind,
  o.content, o.file_id, o.state, o.message_id, o.remove, o.tries,
  (extract(epoch from clock_timestamp() - o.created_at) * 1000)::float8 as age_ms`;

/**
 * An answer of the gateway itself (a command's, a receipt's), to be posted as soon as may be. Goes after whatever waits
 * in its chat, also where the clock is too coarse to tell two of them apart.
 */
export async function insertReply(
  db: Db,
  reply: {
    id: OutboxId;
    session: SessionId | null;
    target: RunTarget;
    content: RenderedPage;
    /** It holds for a while only. */
    kind?: "receipt";
  },
): Promise<void> {
  await db
    .insertInto("outbox")
    .values({
      id: reply.id,
      session_id: reply.session,
      kind: reply.kind ?? "reply",
      account_id: reply.target.account,
      chat: reply.target.chat,
      thread: reply.target.thread,
      reply_to: reply.target.replyTo,
      place_kind: reply.target.placeKind,
      content: toJson(reply.content),
      state: "planned",
      due_at: sql<Date>`now()`,
      created_at: sql<Date>`greatest(clock_timestamp(), (
        select max(created_at) + interval '1 microsecond' from outbox
        where account_id = ${reply.target.account} and chat = ${reply.target.chat} and due_at is not null))`,
    })
    .execute();
}

/** A page of a running answer that is about to be posted; the next pages of its run come later. */
export interface DraftPost {
  id: OutboxId;
  session: SessionId;
  run: RunId;
  attempt: number;
  page: number;
  target: RunTarget;
  content: RenderedPage;
}

/**
 * Commits that attempts are about to post drafts, and their texts: a take-over shows no less. May be repeated by an
 * attempt that got no answer. Returns which may be posted; the others are not: the attempt is over, or an older post of
 * the same chat and thread still waits.
 */
export async function markSending(db: Db, drafts: DraftPost[]): Promise<Set<OutboxId>> {
  const input = drafts.map(({ id, session, run, attempt, page: index, target, content }) => ({
    id,
    session_id: session,
    run_id: run,
    attempt,
    page: index,
    account_id: target.account,
    chat: target.chat,
    thread: target.thread,
    reply_to: index === 0 ? target.replyTo : null,
    place_kind: target.placeKind,
    content,
  }));
  const { rows } = await sql<{ id: OutboxId }>`
    with input as (
      select * from jsonb_to_recordset(${toJson(input)}::jsonb) as d(id text, session_id text, run_id text, attempt int,
        page int, account_id text, chat text, thread text, reply_to text, place_kind text, content jsonb)
    ), live as (
      select d.id as draft from input d
      join runs r on r.session_id = d.session_id and r.id = d.run_id and r.attempt = d.attempt
      where r.state = 'running'
      order by r.session_id, r.id
      for share of r
    )
    insert into outbox (id, session_id, run_id, attempt, page, kind, account_id, chat, thread, reply_to, place_kind,
                        content, state)
    select d.id, d.session_id, d.run_id, d.attempt, d.page, 'answer', d.account_id, d.chat, d.thread, d.reply_to,
           d.place_kind, d.content, 'sending'
    from live join input d on d.id = live.draft
    where not exists (
      select from outbox e
      where e.account_id = d.account_id and e.chat = d.chat and e.thread = d.thread
        and e.due_at is not null and e.message_id is null and e.state in ('planned', 'sending'))
    on conflict (id) do update
      set state = 'sending', attempt = excluded.attempt, content = excluded.content, chat = excluded.chat
      where outbox.state = 'planned' or (outbox.state = 'sending' and outbox.attempt = excluded.attempt)
    returning id`.execute(db);
  return new Set(rows.map(({ id }) => id));
}

/**
 * Records the ids of draft posts. A row that became uncertain meanwhile (its attempt was taken for dead), or whose post
 * was taken for missing, is an orphan whose message is known now: it is to be removed.
 */
export async function recordDrafts(db: Db, posted: { id: OutboxId; messageId: string }[]): Promise<void> {
  await sql`
    update outbox o
    set message_id = p.message_id, state = 'sent', remove = o.state <> 'sending',
        due_at = case when o.state <> 'sending' then now() else o.due_at end
    from jsonb_to_recordset(${toJson(posted.map(({ id, messageId }) => ({ id, message_id: messageId })))}::jsonb)
      as p(id text, message_id text)
    where o.id = p.id
      and (o.state in ('sending', 'uncertain') or (o.state = 'planned' and o.due_at is null))`.execute(db);
}

/**
 * What a run's attempt found out of a draft that was uncertain: its message, or (null) that it certainly is not there.
 * False = it is not this attempt's any more, or its own process knew it after all.
 */
export async function settleDraft(
  db: Db,
  run: { session: SessionId; id: RunId; attempt: number },
  id: OutboxId,
  messageId: string | null,
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update outbox o
    set message_id = ${messageId}::text, state = case when ${messageId}::text is null then 'planned' else 'sent' end,
        attempt = r.attempt, error = null
    from runs r
    where r.session_id = ${run.session} and r.id = ${run.id} and r.attempt = ${run.attempt} and r.state = 'running'
      and o.id = ${id} and o.run_id = r.id and o.state = 'uncertain' and o.message_id is null`.execute(db);
  return numAffectedRows === 1n;
}

/** Whether the message is one of another page of the run, or of an answer that is still to be shown there. */
export async function isOfAnother(
  db: Db,
  run: { session: SessionId; id: RunId },
  id: OutboxId,
  { account, chat, messageId }: { account: AccountId; chat: string; messageId: string },
): Promise<boolean> {
  const { rows } = await sql<{ known: boolean }>`
    select exists (
      select from outbox o
      where o.account_id = ${account} and o.chat = ${chat} and o.message_id = ${messageId} and o.id <> ${id}
        and (o.due_at is not null or (o.session_id = ${run.session} and o.run_id = ${run.id}))) as known`.execute(db);
  return rows[0]!.known;
}

/**
 * A draft post that certainly was not applied may be tried again, and is off the list if its attempt was taken for dead
 * meanwhile; one that may have been applied is uncertain for good.
 */
export async function recordDraftFailure(
  db: Db,
  id: OutboxId,
  applied: "no" | "unknown",
  error: string,
): Promise<void> {
  await sql`
    update outbox
    set state = case state when 'sending' then ${applied === "no" ? "planned" : "uncertain"} else state end,
        resolved = case state when 'uncertain' then 'dropped' end,
        error = ${cleanText(error.slice(0, MAX_ERROR))}
    where id = ${id} and (state = 'sending' or
      (${applied === "no"}::boolean and state = 'uncertain' and message_id is null and resolved is null))`.execute(db);
}

/** What is known of a run's pages, oldest first. */
export async function pagesOfRun(db: Db, session: SessionId, run: RunId): Promise<OutboxPage[]> {
  const { rows } = await sql<OutboxPage>`
    select ${page} from outbox o
    where o.session_id = ${session} and o.run_id = ${run} and not o.remove order by o.page, o.created_at`.execute(db);
  return rows;
}

/**
 * Has the messages of a run's draft removed, which goes on below what was said since; returns what it leaves, which is
 * what may or may not be there. Nothing happens if the attempt is over.
 */
export async function removeDraft(db: Db, run: Attempt, pages: readonly OutboxPage[]): Promise<OutboxPage[]> {
  const { rows } = await sql<{ id: OutboxId }>`
    update outbox o set remove = true, due_at = case when o.message_id is not null then now() end from runs r
    where r.session_id = ${run.session} and r.id = ${run.id} and r.attempt = ${run.attempt} and r.state = 'running'
      and o.session_id = r.session_id and o.run_id = r.id and o.kind = 'answer'
      and o.state in ('planned', 'sending', 'sent') and not o.remove
    returning o.id`.execute(db);
  const removed = new Set(rows.map(({ id }) => id));
  return pages.filter(({ id }) => !removed.has(id));
}

/**
 * Nobody has it, its chat is not blocked, and if it is a post, no older post of its chat and thread waits or is under
 * way; edits and removals wait for nothing.
 */
const claimable = sql`
  o.due_at <= now() and (o.lease_until is null or o.lease_until < now()) and o.state in ('planned', 'sent')
  and not exists (
    select from places p where p.account_id = o.account_id and p.chat = o.chat and p.blocked_until > now())
  and (o.message_id is not null or not exists (
    select from outbox e
    where e.account_id = o.account_id and e.chat = o.chat and e.thread = o.thread
      and e.due_at is not null and e.message_id is null and e.state in ('planned', 'sending')
      and (e.created_at, e.page, e.id) < (o.created_at, o.page, o.id)))`;

/** The intent of a post (`sending`) is committed with the claim. */
const claim = (replica: ReplicaId) => sql`
  update outbox o
  set owner = ${replica}, lease_until = now() + interval '6 seconds', tries = o.tries + 1,
      state = case when o.message_id is null and not o.remove then 'sending' else o.state end
  from due where o.id = due.id
  returning ${page}, due.doubtful`;

/**
 * Takes up to `limit` due pages for delivery, the longest due first. A post whose replica died is taken as doubtful
 * where posts can be found again, and uncertain elsewhere; `here` are the accounts of which this replica knows that,
 * others are left to those who do for a minute.
 */
export async function claimDuePages(
  db: Db,
  replica: ReplicaId,
  limit: number,
  here: { id: AccountId; marks: boolean }[] = [],
): Promise<OutboxPage[]> {
  const { rows } = await sql<OutboxPage>`
    with here as (
      select * from jsonb_to_recordset(${toJson(here)}::jsonb) as a(id text, marks boolean)
    ), dead as (
      select o.id, coalesce(a.marks, false) as findable from outbox o left join here a on a.id = o.account_id
      where o.state = 'sending' and o.due_at is not null
        and o.lease_until < now() - case when a.id is null and ${here.length > 0}::boolean then interval '1 minute'
                                         else interval '0' end
      for update of o skip locked
    ), doubtful as (
      update outbox o set state = 'uncertain', due_at = null, owner = null, lease_until = null,
                          error = 'the process ended while posting'
      from dead where o.id = dead.id and not dead.findable
    ), ready as (
      select o.id from outbox o where ${claimable} order by o.due_at limit ${limit} for update skip locked
    ), due as (
      select id, false as doubtful from ready
      union all (select id, true from dead where findable limit ${limit})
    )
    ${claim(replica)}`.execute(db);
  return rows;
}

/** Takes given pages for delivery now, under the same rules. */
export async function claimPages(db: Db, replica: ReplicaId, ids: OutboxId[]): Promise<OutboxPage[]> {
  const { rows } = await sql<OutboxPage>`
    with due as (
      select o.id, false as doubtful from outbox o where o.id = any (${ids}::text[]) and ${claimable}
      for update skip locked
    )
    ${claim(replica)}`.execute(db);
  return rows;
}

/**
 * What became of a page. `done`: what was to be shown is (or is removed); `again`: due in `dueInMs`, certainly not
 * applied or harmless to repeat; `repost`: its message is gone from the chat, post it anew; `uncertain` and `failed`
 * are listed for the operator.
 */
export type Receipt = { id: OutboxId } & (
  | { kind: "done"; messageId: string | null }
  | { kind: "again"; dueInMs: number; error: string }
  | { kind: "repost" }
  | { kind: "thread_gone" }
  | { kind: "uncertain" | "failed"; error: string }
);

/**
 * Writes receipts of pages that this replica claimed, in one statement. A `done` page with `repeat` is due once more.
 * What a replica that was taken for dead knows for certain of its post holds as well, if nobody has touched it since.
 */
export async function recordReceipts(db: Db, replica: ReplicaId, receipts: Receipt[]): Promise<void> {
  const input = receipts.map((receipt) => ({
    id: receipt.id,
    kind: receipt.kind,
    message_id: receipt.kind === "done" ? receipt.messageId : null,
    due_in_ms: receipt.kind === "again" ? receipt.dueInMs : 0,
    error: "error" in receipt ? receipt.error.slice(0, MAX_ERROR) : null,
  }));
  await sql`
    with receipts as (
      select * from jsonb_to_recordset(${toJson(input)}::jsonb)
        as r(id text, kind text, message_id text, due_in_ms float8, error text)
    ), pages as (
      select o.id from outbox o join receipts r using (id)
      where o.owner = ${replica}
        or (o.state = 'uncertain' and o.resolved is null and r.kind in ('done', 'again', 'thread_gone'))
      order by o.id for update of o
    )
    update outbox o
    set message_id = case when r.kind = 'repost' then null else coalesce(r.message_id, o.message_id) end,
        state = case r.kind when 'done' then 'sent' when 'uncertain' then 'uncertain' when 'failed' then 'failed'
                 else case when o.message_id is null or r.kind = 'repost' then 'planned' else 'sent' end end,
        due_at = case when r.kind = 'done' and o.remove and o.message_id is null and r.message_id is not null then now()
                      -- Its content has changed while it was shown: a reply's, or an answer's (see showAnew).
                      when r.kind = 'done' and o.repeat and (o.kind = 'reply' or o.due_at > now()) then now()
                      when r.kind = 'done' and o.repeat then now() + interval '15 seconds'
                      when r.kind in ('repost', 'thread_gone') then now()
                      when r.kind = 'again' then now() + r.due_in_ms * interval '1 millisecond' end,
        thread = case when r.kind = 'thread_gone' then '' else o.thread end,
        reply_to = case when r.kind = 'thread_gone' then null else o.reply_to end,
        repeat = o.repeat and r.kind <> 'done',
        shown_at = case when r.kind = 'done' then now() else o.shown_at end,
        error = coalesce(r.error, o.error), owner = null, lease_until = null
    from receipts r join pages using (id) where o.id = r.id`.execute(db);
}
