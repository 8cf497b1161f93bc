import type { SessionId, UserId } from "../ids.ts";
import type { Db } from "./schema.ts";

/** A session that goes on with what a client sends. */
export interface ChatThread {
  session: SessionId;
  /** The session's newest message when this was kept; null = however it went on. */
  headSeq: number | null;
}

/** Keeps which session goes on with what is named by a key of its user's. */
export async function keepThread(db: Db, user: UserId, key: string, thread: ChatThread): Promise<void> {
  const row = { session_id: thread.session, head_seq: thread.headSeq, created_at: new Date() };
  await db
    .insertInto("chat_threads")
    .values({ user_id: user, key, ...row })
    .onConflict((conflict) => conflict.columns(["user_id", "key"]).doUpdateSet(row))
    .execute();
}

export async function findThread(db: Db, user: UserId, key: string): Promise<ChatThread | null> {
  const row = await db
    .selectFrom("chat_threads")
    .select(["session_id", "head_seq"])
    .where("user_id", "=", user)
    .where("key", "=", key)
    .executeTakeFirst();
  return row ? { session: row.session_id, headSeq: row.head_seq } : null;
}

/** Takes it away: of several that would go on at the same point, one does. */
export async function takeThread(db: Db, user: UserId, key: string): Promise<ChatThread | null> {
  const row = await db
    .deleteFrom("chat_threads")
    .where("user_id", "=", user)
    .where("key", "=", key)
    .returning(["session_id", "head_seq"])
    .executeTakeFirst();
  return row ? { session: row.session_id, headSeq: row.head_seq } : null;
}

/** What goes on from a point of a session's history does so no more. */
export async function forgetPoints(db: Db, session: SessionId): Promise<void> {
  await db.deleteFrom("chat_threads").where("session_id", "=", session).where("head_seq", "is not", null).execute();
}
