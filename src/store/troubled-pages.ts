import { sql } from "kysely";
import type { AccountId, OutboxId, RunId, SessionId } from "../ids.ts";
import type { Db, Trx } from "./schema.ts";

/** A page nobody can be sure of, that could not be shown, or that a platform makes wait for long; without its text. */
export interface TroubledPage {
  id: OutboxId;
  state: "uncertain" | "failed" | "parked";
  account_id: AccountId;
  chat: string;
  thread: string;
  run_id: RunId | null;
  session_id: SessionId | null;
  page: number;
  error: string | null;
  created_at: Date;
  /** Since when the chat is known to be gone (blocked, kicked, deleted); null = it is not, or nobody knows. */
  gone_at: Date | null;
  /** Until when the platform wants nothing sent to the chat; null iff it is not parked. */
  parked_until: Date | null;
}

/** All states unless one is named. */
interface TroubleFilter {
  state?: TroubledPage["state"];
  limit: number;
}

/** What is due in chats to which nothing may be sent for more than a minute: shorter pauses are daily life. */
const parked = sql`
  select o.id, w.until, o.created_at from outbox o
  cross join lateral (select max(p.blocked_until) as until from places p
                      where p.account_id = o.account_id and p.chat = o.chat) w
  where o.due_at is not null and w.until > now() + interval '1 minute'`;

/** What the operator may want to look after, newest first. */
export async function listTrouble(db: Db, { state, limit }: TroubleFilter): Promise<TroubledPage[]> {
  const states = state === undefined ? ["uncertain", "failed"] : [state];
  const { rows } = await sql<TroubledPage>`
    with found as (
      (select id, state, null::timestamptz as parked_until, created_at from outbox
       where state in ('uncertain', 'failed') and resolved is null and state = any (${states}::text[])
       order by created_at desc, id desc limit ${limit})
      union all
      (select id, 'parked', until, created_at from (${parked}) w
       where ${state === undefined || state === "parked"}::boolean
       order by created_at desc, id desc limit ${limit})
    )
    select o.id, f.state, o.account_id, o.chat, o.thread, o.run_id, o.session_id, o.page, o.error, o.created_at,
           p.gone_at, f.parked_until
    from found f join outbox o on o.id = f.id
    left join places p on p.account_id = o.account_id and p.chat = o.chat and p.thread = o.thread
    order by o.created_at desc, o.id desc limit ${limit}`.execute(db);
  return rows;
}

/** How many pages are parked. */
export async function countParked(db: Db): Promise<number> {
  const { rows } = await sql<{ pages: number }>`
select count(*) as pages from (${parked}) w`.execute(db);
  return rows[0]!.pages;
}

/** What an operator may do about a page, and why not. */
export type Handled = "done" | "unknown" | "not_troubled" | "in_doubt" | "under_way" | "empty";

/** A draft that was lost, and whose answer has gone on under another post. */
const replaced = sql`
  o.message_id is null and exists (
    select from outbox n
    where n.session_id = o.session_id and n.run_id = o.run_id and n.kind = 'answer' and o.kind = 'answer'
      and n.page = o.page and n.id <> o.id and not n.remove and n.state in ('planned', 'sending', 'sent'))`;

/** Locks the page. Null = it may be handled. */
async function whyNot(trx: Trx, id: OutboxId): Promise<{ state: string; why: Handled | null; empty: boolean }> {
  const { rows } = await sql<{ state: string; resolved: string | null; empty: boolean; under_way: boolean }>`
    select o.state, o.resolved, (o.content is null and o.file_id is null) or (${replaced}) as empty,
           exists (select from runs r where r.session_id = o.session_id and r.id = o.run_id
                   and r.state in ('running', 'waiting')) as under_way
    from outbox o where o.id = ${id} for update of o`.execute(trx);
  const row = rows[0];
  if (!row) return { state: "", why: "unknown", empty: true };
  const troubled = (row.state === "uncertain" || row.state === "failed") && row.resolved === null;
  const why = !troubled ? "not_troubled" : row.under_way ? "under_way" : null;
  return { state: row.state, why, empty: row.empty };
}

/**
 * Has a page that failed posted anew, behind what waits in its chat. One that is in doubt may be there already, so it is
 * only if `evenIfShown` says that twice is better than not at all.
 */
export async function retryPage(trx: Trx, id: OutboxId, evenIfShown: boolean): Promise<Handled> {
  const { state, why, empty } = await whyNot(trx, id);
  if (why !== null) return why;
  if (empty) return "empty";
  if (state === "uncertain" && !evenIfShown) return "in_doubt";
  await sql`
    update outbox o
    set state = case when o.message_id is null then 'planned' else 'sent' end, due_at = now(), tries = 0, error = null,
        owner = null, lease_until = null,
        created_at = greatest(clock_timestamp(), (
          select max(e.created_at) + interval '1 microsecond' from outbox e
          where e.account_id = o.account_id and e.chat = o.chat and e.due_at is not null))
    where o.id = ${id}`.execute(trx);
  return "done";
}

/** Takes a page off the list: somebody has seen it in the chat, or nobody needs it any more. It is never shown again. */
export async function resolvePage(trx: Trx, id: OutboxId, outcome: "shown" | "dropped"): Promise<Handled> {
  const { why } = await whyNot(trx, id);
  if (why !== null) return why;
  await trx.updateTable("outbox").set({ resolved: outcome }).where("id", "=", id).execute();
  return "done";
}
