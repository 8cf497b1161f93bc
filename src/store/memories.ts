import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { SessionId, UserId } from "../ids.ts";
import { cleanText } from "./json.ts";
import type { Attempt } from "./run-levels.ts";
import type { Db, Trx } from "./schema.ts";

/** Something that an agent remembers of a user. */
export interface Memory {
  id: string;
  agent: string;
  fact: string;
}

/** Whose memories a run may change. `ofPlace`: not a person but a group place, where everybody hears them. */
export interface MemoryOwner {
  userId: UserId;
  /** Whose they are again when a link ends; null = the user's own. */
  own: UserId | null;
  ofPlace: boolean;
}

/** More than a user's agents can remember together, also after links. */
const READ_AT_MOST = 1_000;

/** What is remembered of a user, by one agent if it is named: oldest first. */
export async function memoriesOf(db: Db, user: UserId, agent: string | null = null): Promise<Memory[]> {
  let query = db.selectFrom("memories").select(["id", "agent", "fact"]).where("user_id", "=", user);
  if (agent !== null) query = query.where("agent", "=", agent);
  return query.orderBy("created_at").orderBy("id").limit(READ_AT_MOST).execute();
}

/** What an agent remembers of the user of a session. */
export async function recall(
  db: Db,
  session: SessionId,
  agent: string,
): Promise<{ facts: string[]; ofPlace: boolean }> {
  const { rows } = await sql<{ facts: string[]; ofPlace: boolean }>`
    select u.kind = 'place' as "ofPlace", coalesce((
      select jsonb_agg(m.fact order by m.created_at, m.id) from memories m
      where m.user_id = s.user_id and m.agent = ${agent}), '[]') as facts
    from talk_sessions s join users u on u.id = s.user_id where s.id = ${session}`.execute(db);
  return rows[0] ?? { facts: [], ofPlace: false };
}

/**
 * Holds what is remembered of the user of a run's session until the transaction ends: no link moves it, and nobody else
 * counts it. Null = the run belongs to another attempt.
 */
export async function holdMemories(trx: Trx, run: Attempt): Promise<MemoryOwner | null> {
  const { rows } = await sql<Omit<MemoryOwner, "ofPlace">>`
    select s.user_id as "userId", coalesce(s.own_user_id, p.own_user_id) as own
    from talk_sessions s
    join runs r on r.session_id = s.id
    left join places p on p.id = s.place_id
    where s.id = ${run.session} and r.id = ${run.id} and r.attempt = ${run.attempt} and r.state = 'running'
    for share of s, r`.execute(trx);
  const owner = rows[0];
  if (!owner) return null;
  const { rows: users } = await sql<{ ofPlace: boolean }>`
    select kind = 'place' as "ofPlace" from users where id = ${owner.userId} for no key update`.execute(trx);
  return { ...owner, ofPlace: users[0]?.ofPlace ?? true };
}

export async function insertMemory(trx: Trx, owner: MemoryOwner, agent: string, fact: string): Promise<void> {
  const values = { user_id: owner.userId, own_user_id: owner.own, agent, id: randomUUID(), fact: cleanText(fact) };
  await trx.insertInto("memories").values(values).execute();
}

export async function deleteMemories(db: Db, user: UserId, ids: readonly string[]): Promise<void> {
  await db.deleteFrom("memories").where("user_id", "=", user).where("id", "in", ids).execute();
}
