import { type RawBuilder, sql } from "kysely";
import type { SessionId, UserId } from "../ids.ts";
import { currentUser } from "./links.ts";
import type { Db, Trx } from "./schema.ts";
import { stopPerson } from "./stop-person.ts";

export interface UserIdentity {
  platform: string;
  external_id: string;
  name: string;
  approved_at: string | null;
  blocked_at: string | null;
}

/** A person or a group place, for the operator. */
export interface User {
  id: UserId;
  kind: "person" | "place";
  createdAt: Date;
  identities: UserIdentity[];
  /** Of a group place, or where it is; "" of a person. */
  title: string;
}

export interface UserDetails extends User {
  places: { account: string; chat: string; thread: string; kind: "private" | "group"; title: string }[];
  sessions: number;
  messages: number;
  memories: number;
  lastUsedAt: Date | null;
}

const columns = sql`
  u.id, u.kind, u.created_at as "createdAt",
  coalesce((
    select jsonb_agg(jsonb_build_object('platform', i.platform, 'external_id', i.external_id, 'name', i.name,
                                        'approved_at', i.approved_at, 'blocked_at', i.blocked_at)
                     order by i.created_at, i.external_id)
    from identities i where i.user_id = u.id), '[]') as identities,
  coalesce((select coalesce(nullif(p.title, ''), p.account_id || ':' || p.chat)
            from places p where u.kind = 'place' and p.user_id = u.id limit 1), '') as title`;

export interface UserFilter {
  ids?: readonly string[];
  kind?: "person" | "place";
  platform?: string;
  /** Part of a name or title. */
  q?: string;
  blocked?: boolean;
  since?: Date;
  until?: Date;
  /** Those after this one, in the order of the list. */
  after?: { at: Date; id: string };
  limit: number;
}

/** With a limit it is looked up for each user of a page; without, the server may gather all identities there are first. */
const identity = (which: RawBuilder<unknown>) =>
  sql`coalesce((select true from identities i where i.user_id = u.id and ${which} limit 1), false)`;

const BLOCKED = sql`select i.user_id from identities i where i.blocked_at is not null`;

/** Newest first. Who is linked to another user is found there. */
export async function listUsers(db: Db, filter: UserFilter): Promise<User[]> {
  const { ids, kind = null, platform = null, q = null, blocked = null, since = null, until = null, after } = filter;
  const like = q === null ? null : `%${q.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
  const wanted: RawBuilder<unknown>[] = [
    // Its identity belongs to another user now.
    sql`(u.kind = 'place' or ${identity(sql`true`)})`,
    ...(ids === undefined ? [] : [sql`u.id = any (${ids}::text[])`]),
    ...(kind === null ? [] : [sql`u.kind = ${kind}`]),
    ...(platform === null
      ? []
      : [
          sql`case u.kind when 'person' then ${identity(sql`i.platform = ${platform}`)} else coalesce((
            select true from places p where p.user_id = u.id and p.account_id like ${platform}::text || ':%' limit 1), false) end`,
        ]),
    ...(like === null
      ? []
      : [
          sql`u.id in (
            select i.user_id from identities i where i.name ilike ${like}
            union all
            select p.user_id from places p where p.kind = 'group' and p.title ilike ${like})`,
        ]),
    ...(blocked === null
      ? []
      : [blocked ? sql`u.id in (${BLOCKED})` : sql`not ${identity(sql`i.blocked_at is not null`)}`]),
    ...(since === null ? [] : [sql`u.created_at >= ${since}`]),
    ...(until === null ? [] : [sql`u.created_at < ${until}`]),
    ...(after ? [sql`(u.created_at, u.id) < (${after.at}::timestamptz, ${after.id})`] : []),
  ];
  const { rows } = await sql<User>`
    select ${columns} from users u where ${sql.join(wanted, sql` and `)}
    order by u.created_at desc, u.id desc limit ${filter.limit}`.execute(db);
  return rows;
}

/** A user, or whom it is linked to; null = there is none. */
export async function readUser(db: Db, user: UserId): Promise<UserDetails | null> {
  const id = await currentUser(db, user);
  if (!id) return null;
  const { rows } = await sql<UserDetails>`
    select ${columns},
      coalesce((
        select jsonb_agg(jsonb_build_object('account', p.account_id, 'chat', p.chat, 'thread', p.thread, 'kind', p.kind,
                                            'title', p.title) order by p.created_at)
        from (select * from places where user_id = u.id order by created_at desc limit 100) p), '[]') as places,
      (select count(*) from talk_sessions s where s.user_id = u.id) as sessions,
      (select coalesce(sum(s.head_seq), 0)::bigint from talk_sessions s where s.user_id = u.id) as messages,
      (select count(*) from memories m where m.user_id = u.id) as memories,
      (select max(s.updated_at) from talk_sessions s where s.user_id = u.id) as "lastUsedAt"
    from users u where u.id = ${id}`.execute(db);
  return rows[0] ?? null;
}

/**
 * Blocks all identities of a person, or lets them be heard again; what they have under way ends. Null = there is no such
 * person. `stopped`: the sessions whose runs end.
 */
export async function setBlocked(
  trx: Trx,
  user: UserId,
  blocked: boolean,
): Promise<{ id: UserId; changed: boolean; stopped: SessionId[] } | null> {
  const id = await currentUser(trx, user);
  if (!id) return null;
  const { rows } = await sql<{ platform: string; externalId: string; blocked: boolean }>`
    select platform, external_id as "externalId", blocked_at is not null as blocked
    from identities where user_id = ${id} order by platform, external_id for update`.execute(trx);
  if (rows.length === 0) return null;
  const changed = rows.some((row) => row.blocked !== blocked);
  if (!changed) return { id, changed, stopped: [] };
  await sql`
    update identities set blocked_at = ${blocked ? sql`coalesce(blocked_at, now())` : null}, block_told_at = null
    where user_id = ${id}`.execute(trx);
  const stopped = blocked ? await stopPerson(trx, { users: [id], identities: rows }) : [];
  return { id, changed, stopped };
}

/** True = somebody who is blocked has not been told so yet, and is now. */
export async function tellBlocked(trx: Trx, who: { platform: string; externalId: string }): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable("identities")
    .set({ block_told_at: sql<Date>`now()` })
    .where("platform", "=", who.platform)
    .where("external_id", "=", who.externalId)
    .where("block_told_at", "is", null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Whether any identity of this user is blocked. */
export async function isBlocked(db: Db, user: UserId): Promise<boolean> {
  const row = await db
    .selectFrom("identities")
    .select("external_id")
    .where("user_id", "=", user)
    .where("blocked_at", "is not", null)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Strangers whose code still holds, newest first. */
export function listPairings(
  db: Db,
  limit: number,
): Promise<
  { code: string; platform: string; external_id: string; name: string; created_at: Date; expires_at: Date }[]
> {
  return db
    .selectFrom("pairings")
    .select(["code", "platform", "external_id", "name", "created_at", "expires_at"])
    .where("expires_at", ">", sql<Date>`now()`)
    .orderBy("created_at", "desc")
    .limit(limit)
    .execute();
}
