import { sql } from "kysely";
import type { AccountId, PlaceId, RunId, SessionId, UserId } from "../ids.ts";
import { cleanText } from "./json.ts";
import type { Db } from "./schema.ts";
import { stopRuns } from "./stop-runs.ts";

export interface TalkSession {
  id: SessionId;
  userId: UserId;
  agent: string;
  /** As it was chosen from parley.yaml; null = the agent's own. */
  model: string | null;
  title: string;
  placeId: PlaceId | null;
  headSeq: number;
  createdAt: Date;
  updatedAt: Date;
}

/** Again with the same id = nothing: the answer to the first call may have been lost. */
export async function insertSession(
  db: Db,
  session: { id: SessionId; userId: UserId; agent: string; placeId: PlaceId | null; title?: string },
): Promise<void> {
  await db
    .insertInto("talk_sessions")
    .values({
      id: session.id,
      user_id: session.userId,
      agent: session.agent,
      place_id: session.placeId,
      platform: sql<string>`coalesce((
        select split_part(p.account_id, ':', 1) from places p where p.id = ${session.placeId}), 'api')`,
      title: cleanText(session.title ?? ""),
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

const columns = [
  "id",
  "user_id",
  "agent",
  "model",
  "title",
  "place_id",
  "head_seq",
  "created_at",
  "updated_at",
] as const;

/** The session if it is this user's, else null. */
export async function findSession(db: Db, user: UserId, session: SessionId): Promise<TalkSession | null> {
  const row = await db
    .selectFrom("talk_sessions")
    .select(columns)
    .where("id", "=", session)
    .where("user_id", "=", user)
    .executeTakeFirst();
  return row ? fromRow(row) : null;
}

/** A user's sessions, last used first; of one place only if given. */
export async function listSessions(
  db: Db,
  user: UserId,
  options: { limit: number; before?: Date; place?: PlaceId },
): Promise<TalkSession[]> {
  let query = db
    .selectFrom("talk_sessions")
    .select(columns)
    .where("user_id", "=", user)
    .orderBy("updated_at", "desc")
    .limit(options.limit);
  if (options.before) query = query.where("updated_at", "<", options.before);
  if (options.place) query = query.where("place_id", "=", options.place);
  return (await query.execute()).map(fromRow);
}

/** Whether nobody has talked in another session at the place of this one. */
export async function isFirstTalk(db: Db, session: SessionId): Promise<boolean> {
  const { rows } = await sql<{ first: boolean }>`
    select not exists (
      select from talk_sessions s join talk_sessions o on o.place_id = s.place_id and o.id <> s.id
      where s.id = ${session}) as first`.execute(db);
  return rows[0]!.first;
}

/** Changes a session of this user. */
export async function changeSession(
  db: Db,
  user: UserId,
  session: SessionId,
  change: { title: string } | { agent: string } | { model: string | null },
): Promise<void> {
  const values = "title" in change ? { title: cleanText(change.title) } : change;
  await db
    .updateTable("talk_sessions")
    .set({ ...values, version: sql`version + 1` })
    .where("id", "=", session)
    .where("user_id", "=", user)
    .execute();
}

/** Somebody on a platform; in private places their user counts, in groups the platform's id. */
export interface Asker {
  senderId: string;
  userId: UserId | null;
}

/**
 * Stops the answers under way in a chat that this person asked for (in one thread, or one run, if given). What others
 * asked for there and what was asked later goes on. Returns the sessions.
 */
export async function stopOwn(
  db: Db,
  at: { account: AccountId; chat: string; thread?: string; run?: RunId },
  { senderId, userId }: Asker,
): Promise<SessionId[]> {
  const own = sql`case p.kind when 'group' then ${senderId} = any (r.authors) else p.user_id = ${userId}::text end`;
  const stopped = await stopRuns(
    db,
    sql`r.id = coalesce(${at.run ?? null}::text, r.id) and exists (
      select from places p
      where p.session_id = r.session_id and p.account_id = ${at.account} and p.chat = ${at.chat}
        and p.thread = coalesce(${at.thread ?? null}::text, p.thread) and ${own}
        and r.reply_target @> jsonb_build_object('account', p.account_id, 'chat', p.chat, 'thread', p.thread))`,
  );
  return [...new Set(stopped)];
}

/** Every input of the session up to now is to be answered no further. */
export async function stopSession(db: Db, session: SessionId): Promise<void> {
  await sql`
    with stopped as (
      update talk_sessions set stop_through = arrival_no where id = ${session} returning id
    )
    -- A run that waits for people is worked on by nobody, who could look at its level.
    update lanes l set ready_at = least(l.ready_at, now())
    from (select session_id, lane from lanes where session_id in (select id from stopped)
          order by session_id, lane for update) o
    where l.session_id = o.session_id and l.lane = o.lane`.execute(db);
}

function fromRow(row: {
  id: SessionId;
  user_id: UserId;
  agent: string;
  model: string | null;
  title: string;
  place_id: PlaceId | null;
  head_seq: number;
  created_at: Date;
  updated_at: Date;
}): TalkSession {
  return {
    id: row.id,
    userId: row.user_id,
    agent: row.agent,
    model: row.model,
    title: row.title,
    placeId: row.place_id,
    headSeq: row.head_seq,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
