import { sql } from "kysely";
import type { UserId } from "../ids.ts";
import { cleanText } from "./json.ts";
import type { Db, Trx } from "./schema.ts";
import type { Choices } from "./web-sessions.ts";

/** As the web page knows its user. */
export interface WebUser {
  name: string;
  choices: Choices;
}

/** Null = there is no such user. */
export async function readWebUser(db: Db, user: UserId): Promise<WebUser | null> {
  const { rows } = await sql<{ name: string | null } & Choices>`
    select u.language, u.on_busy as "onBusy", u.agent, (
      select i.name from identities i where i.user_id = u.id and i.name <> '' order by i.created_at limit 1) as name
    from users u where u.id = ${user}`.execute(db);
  const [row] = rows;
  if (!row) return null;
  const { name, ...choices } = row;
  return { name: name ?? "", choices };
}

export async function changeChoices(db: Db, user: UserId, change: Partial<Choices>): Promise<void> {
  const { language, onBusy, agent } = change;
  await db
    .updateTable("users")
    .set({
      ...(language !== undefined && { language }),
      ...(onBusy !== undefined && { on_busy: onBusy }),
      ...(agent !== undefined && { agent: agent === null ? null : cleanText(agent) }),
    })
    .where("id", "=", user)
    .execute();
}

/**
 * Makes the talks of a guest another user's for good, with all that goes with them; the guest is no more. Both are
 * locked in the order of links. Nothing happens where there is no such guest, or the
 * operator has blocked them.
 */
export async function joinGuest(trx: Trx, guest: UserId, into: UserId): Promise<void> {
  const gone = await trx
    .deleteFrom("identities")
    .where("user_id", "=", guest)
    .where("platform", "=", "web")
    .where("external_id", "like", "guest:%")
    .where("blocked_at", "is", null)
    .executeTakeFirst();
  if (gone.numDeletedRows === 0n) return;
  await sql`
    with theirs as (select id from talk_sessions where user_id = ${guest} order by id for update)
    update talk_sessions s set user_id = ${into} from theirs where s.id = theirs.id`.execute(trx);
  await sql`update memories set user_id = ${into} where user_id = ${guest}`.execute(trx);
  await sql`update traces set user_id = ${into} where user_id = ${guest}`.execute(trx);
  await sql`
    update feedback set user_id = ${into}, author = case when author = ${guest} then ${into} else author end
    where user_id = ${guest}`.execute(trx);
  await trx.deleteFrom("chat_threads").where("user_id", "=", guest).execute();
  await trx.deleteFrom("web_sessions").where("user_id", "=", guest).execute();
  await trx.deleteFrom("users").where("id", "=", guest).execute();
}
