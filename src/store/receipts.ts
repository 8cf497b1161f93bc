import { type RawBuilder, sql } from "kysely";
import type { SessionId } from "../ids.ts";
import type { Db } from "./schema.ts";

/** What people were told of waiting messages is taken back: they wait no longer. One whose post is under way goes after it. */
export function withdrawReceipts(sessions: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    update outbox set remove = true, due_at = case when state = 'sending' then due_at else now() end
    where session_id in (${sessions}) and kind = 'receipt' and not remove and state in ('planned', 'sending', 'sent')`;
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
