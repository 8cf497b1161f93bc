import { type RawBuilder, sql } from "kysely";
import type { SessionId } from "../ids.ts";
import type { Db } from "./schema.ts";

/** What people were told of waiting messages is taken back: they wait no longer. One whose post is under way goes after it. */
export function withdrawReceipts(sessions: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    update outbox set remove = true, due_at = case when state = 'sending' then due_at else now() end
    where session_id in (${sessions}) and kind = 'receipt' and not remove and state in ('planned', 'sending', 'sent')`;
}

/**
 * For `with`: locks all that waits in sessions, in the order in which a claim does, and finds `these`, those of it that
 * are to be withdrawn. What people were told is taken back where nothing else waits.
 */
export function withdrawing(sessions: RawBuilder<unknown>, which: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    waiting as (
      select b.session_id, b.account_id, b.update_key, coalesce(${which}, false) as goes from inbox b
      where b.session_id in (${sessions}) and b.state = 'waiting' order by b.session_id, b.arrival_no for update
    ), these as (
      select session_id, account_id, update_key from waiting where goes
    ), told as (
      ${withdrawReceipts(sql`select session_id from waiting group by session_id having bool_and(goes)`)}
    )`;
}

/** Whether people of a session were told that messages wait. */
export async function hasReceipt(db: Db, session: SessionId): Promise<boolean> {
  const row = await db
    .selectFrom("outbox")
    .select("id")
    .where("session_id", "=", session)
    .where("kind", "=", "receipt")
    .where("remove", "=", false)
    .where("state", "in", ["planned", "sending", "sent"])
    .executeTakeFirst();
  return row !== undefined;
}
