import { sql } from "kysely";
import type { SessionId } from "../ids.ts";
import type { Trx } from "./schema.ts";
import { insertSession } from "./talk-sessions.ts";
import { newId } from "../ids.ts";

/**
 * Deletes a session with everything in it; at the place where it was open a fresh one is. What platforms may still bring
 * again stays known by its key alone, and what is still to be removed from a chat by its address. Belongs behind
 * `lockSession`, in a session without an open run.
 */
export async function deleteSession(trx: Trx, session: SessionId): Promise<void> {
  const opened = await trx
    .selectFrom("places as p")
    .innerJoin("talk_sessions as s", "s.id", "p.session_id")
    .select(["p.id as placeId", "p.user_id as userId", "s.agent"])
    .where("p.session_id", "=", session)
    .execute();
  for (const place of opened) {
    const fresh = newId("ses");
    await insertSession(trx, { id: fresh, ...place });
    await trx.updateTable("places").set({ session_id: fresh }).where("id", "=", place.placeId).execute();
  }
  await sql`
    update inbox set session_id = null, arrival_no = null, run_id = null, parts = null, author = null, state = 'handled'
    where session_id = ${session}`.execute(trx);
  await sql`
    update outbox set session_id = null, run_id = null, content = null
    where session_id = ${session} and remove and due_at is not null`.execute(trx);
  for (const table of OF_SESSION) {
    await sql`delete from ${sql.table(table)} where session_id = ${session}`.execute(trx);
  }
  await sql`delete from talk_sessions where id = ${session}`.execute(trx);
  // With their spans; last, because whoever writes them waits for nobody.
  await sql`delete from traces where session_id = ${session}`.execute(trx);
}

const OF_SESSION = [
  "lanes",
  "messages",
  "compactions",
  "approvals",
  "run_events",
  "run_usage",
  "runs",
  "chat_threads",
  "files",
  "outbox",
] as const;

/** Whether something is still to be shown in the session's chat. */
export async function hasDuePages(trx: Trx, session: SessionId): Promise<boolean> {
  const { rows } = await sql<{ due: boolean }>`
    select exists (select from outbox where session_id = ${session} and due_at is not null) as due`.execute(trx);
  return rows[0]!.due;
}
