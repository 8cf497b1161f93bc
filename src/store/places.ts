import { sql } from "kysely";
import { type AccountId, newId, type PlaceId, type SessionId, type UserId } from "../ids.ts";
import type { BusyPolicy } from "../agent/busy-policy.ts";
import type { IncomingPlace } from "../platform/incoming-update.ts";
import { cleanText } from "./json.ts";
import type { Db } from "./schema.ts";
import { insertSession } from "./talk-sessions.ts";

export interface Place {
  id: PlaceId;
  account: AccountId;
  chat: string;
  thread: string;
  kind: "private" | "group";
  userId: UserId;
  sessionId: SessionId;
}

/**
 * Finds or makes a place with its open session. A private place stands for `person`, a group for a user of its own.
 * `own`: the user that the person is without their link.
 */
export async function upsertPlace(
  db: Db,
  account: AccountId,
  place: IncomingPlace,
  person: UserId,
  agent: string,
  own: UserId | null = null,
): Promise<Place> {
  const id = newId("plc");
  const userId = place.kind === "group" ? newId("usr") : person;
  const row = await db
    .insertInto("places")
    .values({
      id,
      account_id: account,
      chat: place.chat,
      thread: place.thread,
      kind: place.kind,
      user_id: userId,
      own_user_id: place.kind === "group" ? null : own,
      session_id: newId("ses"),
      title: cleanText(place.title),
    })
    .onConflict((conflict) =>
      conflict.columns(["account_id", "chat", "thread"]).doUpdateSet({ title: cleanText(place.title), gone_at: null }),
    )
    .returning(["id", "kind", "user_id", "session_id"])
    .executeTakeFirstOrThrow();
  const found: Place = {
    id: row.id,
    account,
    chat: place.chat,
    thread: place.thread,
    kind: row.kind,
    userId: row.user_id,
    sessionId: row.session_id,
  };
  if (row.id === id) {
    if (place.kind === "group") await db.insertInto("users").values({ id: userId, kind: "place" }).execute();
    await insertSession(db, { id: row.session_id, userId: row.user_id, agent, placeId: id });
  }
  return found;
}

/** The place a talk is open at already; null = nobody has talked there. */
export async function findPlace(
  db: Db,
  account: AccountId,
  { chat, thread }: { chat: string; thread: string },
): Promise<Place | null> {
  const row = await db
    .selectFrom("places")
    .select(["id", "kind", "user_id", "session_id"])
    .where("account_id", "=", account)
    .where("chat", "=", chat)
    .where("thread", "=", thread)
    .executeTakeFirst();
  if (!row) return null;
  return { id: row.id, account, chat, thread, kind: row.kind, userId: row.user_id, sessionId: row.session_id };
}

/** The place of a chat whose talk was used last: in private of this person's, in a group of all. */
export async function placeUsedLast(
  db: Db,
  { account, chat }: { account: AccountId; chat: string },
  userId: UserId,
): Promise<Place | null> {
  const row = await db
    .selectFrom("places as p")
    .innerJoin("talk_sessions as s", "s.id", "p.session_id")
    .select(["p.id", "p.thread", "p.kind", "p.user_id", "p.session_id"])
    .where("p.account_id", "=", account)
    .where("p.chat", "=", chat)
    .where((eb) => eb.or([eb("p.kind", "=", "group"), eb("p.user_id", "=", userId)]))
    .orderBy("s.updated_at", "desc")
    .limit(1)
    .executeTakeFirst();
  if (!row) return null;
  const { id, thread, kind } = row;
  return { id, account, chat, thread, kind, userId: row.user_id, sessionId: row.session_id };
}

/** What was set in the chat for its place; null = nothing was. */
export async function placeSettings(
  db: Db,
  place: PlaceId,
): Promise<{ mode: BusyPolicy | null; agent: string | null }> {
  const row = await db
    .selectFrom("places")
    .select(["on_busy", "agent"])
    .where("id", "=", place)
    .executeTakeFirstOrThrow();
  return { mode: row.on_busy as BusyPolicy | null, agent: row.agent };
}

export async function setPlace(
  db: Db,
  place: PlaceId,
  { mode, agent }: { mode?: BusyPolicy | null; agent?: string },
): Promise<void> {
  const values = { ...(mode === undefined ? {} : { on_busy: mode }), ...(agent === undefined ? {} : { agent }) };
  await db.updateTable("places").set(values).where("id", "=", place).execute();
}

/** Opens another session at a place. */
export async function openSessionAt(db: Db, place: PlaceId, session: SessionId): Promise<void> {
  await db.updateTable("places").set({ session_id: session }).where("id", "=", place).execute();
}

/**
 * Follows a chat to its new id, with its running answers and everything that is still to be shown there. Repeatable.
 * Where a message came from the new address before the move was known, there is a place already: it takes over the talks
 * of the old one, and goes on with the open one unless it has history of its own. Messages have other ids there
 * (unless `sameMessages`), so what was to be edited is posted anew, and what was to be removed is left.
 */
export async function moveChat(
  db: Db,
  account: AccountId,
  chat: string,
  newChat: string,
  sameMessages = false,
): Promise<void> {
  if (chat === newChat) return;
  await sql`
    with twins as (
      select p.id as old, p.user_id as old_user, p.session_id, n.id, n.user_id
      from places p join places n on n.account_id = p.account_id and n.chat = ${newChat} and n.thread = p.thread
      where p.account_id = ${account} and p.chat = ${chat}
      order by p.id, n.id for update
    ), opened as (
      update places n set session_id = t.session_id
      from twins t, talk_sessions s where n.id = t.id and s.id = n.session_id and s.head_seq = 0
    ), talks as (
      update talk_sessions s set place_id = t.id, user_id = t.user_id from twins t where s.place_id = t.old
    ), remembered as (
      update memories m set user_id = t.user_id from twins t where m.user_id = t.old_user and t.user_id <> t.old_user
    )
    delete from places p using twins t where p.id = t.old`.execute(db);
  await sql`update places set chat = ${newChat} where account_id = ${account} and chat = ${chat}`.execute(db);
  await sql`
    with moved as (
      select session_id, id from runs
      where state in ('running', 'waiting') and reply_target->>'account' = ${account} and reply_target->>'chat' = ${chat}
      order by session_id, id for update
    )
    update runs r set reply_target = r.reply_target || jsonb_build_object('chat', ${newChat}::text)
    from moved where r.session_id = moved.session_id and r.id = moved.id`.execute(db);
  await sql`
    with pages as (
      select id from outbox
      where account_id = ${account} and chat = ${chat} and (due_at is not null or ${sameMessages}::boolean)
      order by id for update
    )
    update outbox o
    set chat = ${newChat},
        due_at = case when o.due_at is null or (o.remove and not ${sameMessages}::boolean) then null else now() end,
        message_id = case when ${sameMessages}::boolean then o.message_id end,
        reply_to = case when ${sameMessages}::boolean then o.reply_to end,
        state = case when o.state = 'sent' and not o.remove and not ${sameMessages}::boolean then 'planned' else o.state end
    from pages where o.id = pages.id`.execute(db);
}

/** Marks every place of a chat as gone (blocked, kicked, deleted) or back. */
export async function markChatGone(db: Db, account: AccountId, chat: string, gone: boolean): Promise<void> {
  // A run that waits for people there is worked on by nobody, who could notice.
  await sql`
    with changed as (
      update places set gone_at = case when ${gone}::boolean then now() end
      where account_id = ${account} and chat = ${chat} returning session_id
    )
    update lanes l set ready_at = least(l.ready_at, now())
    from (select session_id, lane from lanes where session_id in (select session_id from changed)
          order by session_id, lane for update) o
    where ${gone}::boolean and l.session_id = o.session_id and l.lane = o.lane`.execute(db);
}

/**
 * Nothing is sent to the chat for `ms` (the platform's wish), by any replica; what is due waits. By the database's
 * clock; a longer pause that was asked for before stays.
 */
export async function blockChat(db: Db, account: AccountId, chat: string, ms: number): Promise<void> {
  const until = sql`now() + ${ms}::float8 * interval '1 millisecond'`;
  await sql`
    update places set blocked_until = greatest(blocked_until, ${until})
    where account_id = ${account} and chat = ${chat}`.execute(db);
  await sql`
    with pages as (
      select id from outbox where account_id = ${account} and chat = ${chat} and due_at < ${until} order by id for update
    )
    update outbox o set due_at = ${until} from pages where o.id = pages.id`.execute(db);
}
