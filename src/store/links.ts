import { sql } from "kysely";
import type { UserId } from "../ids.ts";
import { toJson } from "./json.ts";
import type { LinkChat, LinkChats } from "./link-chats.ts";
import type { Db, Trx } from "./schema.ts";

/** Somebody on a platform, by the immutable id. */
export interface Who {
  platform: string;
  externalId: string;
}

/** One of the identities of a user. `own`: the user it was and will be again; null = it was not joined to another. */
export interface Linked extends Who {
  name: string;
  userId: UserId;
  own: UserId | null;
  link: LinkChats | null;
}

/**
 * Locks every identity of the users of `who` and of whoever made the code, in one order, so that links and what makes
 * places and sessions of these people go one after the other. Comes before whatever else locks one of them.
 */
export async function holdIdentities(trx: Trx, who: Who, codeHash: string): Promise<Who[]> {
  const { rows } = await sql<Who>`
    select platform, external_id as "externalId" from identities
    where user_id in (
      select user_id from identities where platform = ${who.platform} and external_id = ${who.externalId}
      union
      select i.user_id from link_codes c join identities i using (platform, external_id) where c.hash = ${codeHash})
    order by platform, external_id for update`.execute(trx);
  return rows;
}

/**
 * The identities of a user, all of which must be held: one that joined while they were being locked rejects like a
 * serialisation failure, and the transaction is repeated.
 */
export async function heldIdentities(trx: Trx, user: UserId, held: Who[]): Promise<Linked[]> {
  const rows = await trx
    .selectFrom("identities")
    .select(["platform", "external_id", "name", "user_id", "own_user_id", "link"])
    .where("user_id", "=", user)
    .orderBy("platform")
    .orderBy("external_id")
    .execute();
  const found = rows.map((row): Linked => {
    const { platform, external_id: externalId, name, user_id: userId, own_user_id: own, link } = row;
    return { platform, externalId, name, userId, own, link };
  });
  if (!found.every((one) => held.some((it) => isSame(it, one)))) {
    throw Object.assign(new Error("an identity was linked meanwhile"), { code: "40001" });
  }
  return found;
}

export function isSame(a: Who, b: Who): boolean {
  return a.platform === b.platform && a.externalId === b.externalId;
}

/** Somebody's code from now on; the one before is over. */
export async function offerLink(
  trx: Trx,
  who: Who,
  code: { hash: string; chat: LinkChat; ttlMs: number },
): Promise<void> {
  const values = {
    hash: code.hash,
    chat: toJson(code.chat),
    expires_at: sql<Date>`now() + ${code.ttlMs} * interval '1 millisecond'`,
  };
  await trx
    .insertInto("link_codes")
    .values({ platform: who.platform, external_id: who.externalId, ...values })
    .onConflict((conflict) => conflict.columns(["platform", "external_id"]).doUpdateSet(values))
    .execute();
}

/** Whose code it is, and where it was made; null = nobody's, or over. */
export async function findOffer(
  trx: Trx,
  hash: string,
): Promise<{ maker: Who & { userId: UserId }; chat: LinkChat } | null> {
  const row = await trx
    .selectFrom("link_codes as c")
    .innerJoin("identities as i", (join) =>
      join.onRef("i.platform", "=", "c.platform").onRef("i.external_id", "=", "c.external_id"),
    )
    .select(["c.platform", "c.external_id", "c.chat", "i.user_id"])
    .where("c.hash", "=", hash)
    .where("c.expires_at", ">=", sql<Date>`now()`)
    .executeTakeFirst();
  if (!row) return null;
  return { maker: { platform: row.platform, externalId: row.external_id, userId: row.user_id }, chat: row.chat };
}

/** Nobody's code any more. */
export async function useOffer(trx: Trx, hash: string): Promise<void> {
  await trx.deleteFrom("link_codes").where("hash", "=", hash).execute();
}

/** Wrong codes of somebody's within the hour that began with the first. */
export async function failedTries(trx: Trx, who: Who): Promise<number> {
  const row = await trx
    .selectFrom("link_tries")
    .select("failed")
    .where("platform", "=", who.platform)
    .where("external_id", "=", who.externalId)
    .where("since", ">", sql<Date>`now() - interval '1 hour'`)
    .executeTakeFirst();
  return row?.failed ?? 0;
}

export async function countFailedTry(trx: Trx, who: Who): Promise<void> {
  await sql`
    insert into link_tries as t (platform, external_id) values (${who.platform}, ${who.externalId})
    on conflict (platform, external_id) do update
      set failed = case when t.since > now() - interval '1 hour' then t.failed + 1 else 1 end,
          since = case when t.since > now() - interval '1 hour' then t.since else now() end`.execute(trx);
}

/**
 * Joins an identity that is its user's only one to another user, with all that is this user's. Each row keeps whose it
 * was. Lanes keep the old user while they have work: there it only says whose turn it is.
 */
export async function joinUser(trx: Trx, joining: Linked, into: UserId, link: LinkChats): Promise<void> {
  const own = joining.userId;
  await trx
    .updateTable("identities")
    .set({ user_id: into, own_user_id: own, link: toJson(link) })
    .where("platform", "=", joining.platform)
    .where("external_id", "=", joining.externalId)
    .execute();
  await sql`
    with theirs as (select id from places where user_id = ${own} order by id for update)
    update places p set user_id = ${into}, own_user_id = ${own} from theirs where p.id = theirs.id`.execute(trx);
  await sql`
    with theirs as (select id from talk_sessions where user_id = ${own} order by id for update)
    update talk_sessions s set user_id = ${into}, own_user_id = ${own} from theirs where s.id = theirs.id`.execute(trx);
  // After the sessions: a run that remembers something holds its session meanwhile.
  await sql`update memories set user_id = ${into}, own_user_id = ${own} where user_id = ${own}`.execute(trx);
  await sql`update traces set user_id = ${into} where user_id = ${own}`.execute(trx);
  // Where both have said what they think of the same thing, both stay, and their author changes the one that was theirs.
  await sql`
    update feedback f set user_id = ${into}, own_user_id = ${own}, author = case
      when f.author = ${own} and not exists (
        select from feedback o where o.author = ${into} and o.target = f.target and o.key = f.key)
      then ${into} else f.author end
    where f.user_id = ${own}`.execute(trx);
}

/** Makes an identity its own user again, with what it brought and what began at its places since. */
export async function partUser(trx: Trx, userId: UserId, own: UserId): Promise<void> {
  await trx
    .updateTable("identities")
    .set({ user_id: own, own_user_id: null, link: null })
    .where("own_user_id", "=", own)
    .execute();
  const { rows } = await sql<{ id: string }>`
    with theirs as (
      select id from places where user_id = ${userId} and own_user_id = ${own} order by id for update
    )
    update places p set user_id = ${own}, own_user_id = null from theirs where p.id = theirs.id
    returning p.id`.execute(trx);
  await sql`
    with theirs as (
      select id from talk_sessions
      where user_id = ${userId} and (own_user_id = ${own} or place_id = any (${rows.map(({ id }) => id)}::text[]))
      order by id for update
    )
    update talk_sessions s set user_id = ${own}, own_user_id = null from theirs where s.id = theirs.id`.execute(trx);
  await sql`
    update memories set user_id = ${own}, own_user_id = null
    where user_id = ${userId} and own_user_id = ${own}`.execute(trx);
  await sql`
    update traces t set user_id = ${own} from talk_sessions s
    where t.user_id = ${userId} and s.id = t.session_id and s.user_id = ${own}`.execute(trx);
  await sql`
    update feedback set user_id = ${own}, own_user_id = null,
      author = case when author = ${userId} then ${own} else author end
    where user_id = ${userId} and own_user_id = ${own}`.execute(trx);
}

/** Whose sessions a user's are now; null = there is no such user. `hold`: no link changes that in this transaction. */
export async function currentUser(db: Db, user: UserId, hold = false): Promise<UserId | null> {
  const { rows } = await sql<{ id: UserId }>`
    select user_id as id from identities where user_id = ${user} or own_user_id = ${user}
    limit 1 ${hold ? sql`for share` : sql``}`.execute(db);
  if (rows[0]) return rows[0].id;
  const row = await db.selectFrom("users").select("id").where("id", "=", user).executeTakeFirst();
  return row?.id ?? null;
}
