import { sql } from "kysely";
import type { AccountId, OutboxId, RunId, SessionId } from "../ids.ts";
import type { Db } from "./schema.ts";

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
       where state in ('uncertain', 'failed') and state = any (${states}::text[])
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
