import { sql } from "kysely";
import type { SessionId, UserId } from "../ids.ts";
import { toJson } from "./json.ts";
import { withdrawing } from "./receipts.ts";
import type { Db } from "./schema.ts";
import { stopRuns } from "./stop-runs.ts";

export interface Person {
  users: readonly UserId[];
  identities: readonly { platform: string; externalId: string }[];
}

/**
 * Ends what somebody has under way: withdraws what they wrote and what waits, and stops the runs of their own sessions
 * and those of groups that nobody else asked for. Returns the sessions.
 */
export async function stopPerson(db: Db, { users, identities }: Person): Promise<SessionId[]> {
  const theirs = sql`jsonb_to_recordset(${toJson(identities)}::jsonb) as i(platform text, "externalId" text)`;
  const waits = sql`(
    b.session_id in (select id from talk_sessions where user_id = any (${users}::text[]))
    or exists (select from ${theirs} where b.author->>'id' = i."externalId" and b.account_id like i.platform || ':%'))`;
  const sessions = sql`select b.session_id from inbox b where b.state = 'waiting' and ${waits}`;
  await sql`
    with ${withdrawing(sessions, waits)}
    update inbox b set state = 'withdrawn' from these
    where b.account_id = these.account_id and b.update_key = these.update_key`.execute(db);
  const stopped = await stopRuns(
    db,
    sql`(
      r.session_id in (select id from talk_sessions where user_id = any (${users}::text[]))
      or exists (select from ${theirs}
                 where r.authors <@ array[i."externalId"] and cardinality(r.authors) > 0
                   and r.reply_target->>'account' like i.platform || ':%'))`,
  );
  return [...new Set(stopped)];
}
