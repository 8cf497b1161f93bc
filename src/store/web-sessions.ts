import { sql } from "kysely";
import type { BusyPolicy } from "../agent/busy-policy.ts";
import { newId, type UserId, type WebSessionId } from "../ids.ts";
import type { KeyBinding } from "./api-keys.ts";
import type { Db, Schema, Trx } from "./schema.ts";

type Role = Extract<KeyBinding, { kind: "operator" }>["role"];

/** Who signs in at the web page: a user, who may be an operator as well, or a guest. */
export interface SignedIn {
  user: UserId;
  /** Null = a person. */
  role: Role | null;
  guest: boolean;
  /** Which of the settings' rules let them in, where a provider has sent them; null = none. */
  rule: string | null;
}

/** What somebody has chosen for talks that belong to no chat; null = nothing. */
export interface Choices {
  language: string | null;
  onBusy: BusyPolicy | null;
  agent: string | null;
}

/** Until when a browser stays signed in: at the latest, and while nobody uses it. */
const DAYS = { person: { most: 30, idle: 7 }, operator: { most: 7, idle: 0.5 } };
const LINK_MINUTES = 10;

const idle = sql`(case when w.role is null then ${DAYS.person.idle}::float8 else ${DAYS.operator.idle}::float8 end)`;

/** Signs a browser in; `hash` is that of its cookie. Returns how long that holds at most. */
export async function insertWebSession(trx: Trx, hash: Uint8Array, who: SignedIn): Promise<{ ms: number }> {
  const { most } = who.role === null ? DAYS.person : DAYS.operator;
  await trx
    .insertInto("web_sessions")
    .values({
      id: newId("web"),
      hash,
      user_id: who.user,
      role: who.role,
      guest: who.guest,
      rule: who.rule,
      expires_at: sql<Date>`now() + ${most}::float8 * interval '1 day'`,
    })
    .execute();
  return { ms: most * 86_400_000 };
}

/** A browser that is signed in, by the database's clock. */
export interface UsableWebSession extends SignedIn {
  id: WebSessionId;
  /** By which the user signed in; null = there is none any more. */
  identity: { platform: string; senderId: string; approved: boolean; blocked: boolean } | null;
  choices: Choices;
  leftMs: number;
  /** Its use was not written down within the last minute. */
  unseen: boolean;
}

/** Null = it is unknown, was ended or is over. Its user is whomever they are linked to. */
export async function usableWebSession(db: Db, hash: Uint8Array): Promise<UsableWebSession | null> {
  const { rows } = await sql<
    Pick<Schema["web_sessions"], "id" | "role" | "rule"> & {
      guest: boolean;
      user_id: UserId;
      left_ms: number;
      unseen: boolean;
      language: string | null;
      on_busy: BusyPolicy | null;
      agent: string | null;
      identity: UsableWebSession["identity"];
    }
  >`
    select w.*, coalesce(w.linked, w.own) as user_id, u.language, u.on_busy, u.agent from (
      select w.id, w.role, w.guest, w.rule, w.user_id as own, i.user_id as linked, case when i.platform is not null then
               jsonb_build_object('platform', i.platform, 'senderId', i.external_id, 'approved', i.approved_at is not null,
                                  'blocked', i.blocked_at is not null) end as identity,
             (extract(epoch from least(w.expires_at, w.last_used_at + ${idle} * interval '1 day') - now()) * 1000)::float8
               as left_ms,
             w.last_used_at < now() - interval '1 minute' as unseen
      from web_sessions w
      left join lateral (
        select * from identities i where i.own_user_id = w.user_id or (i.user_id = w.user_id and i.own_user_id is null)
        order by i.created_at limit 1) i on true
      where w.hash = ${hash}) w
    join users u on u.id = coalesce(w.linked, w.own) where w.left_ms > 0`.execute(db);
  const [row] = rows;
  if (!row) return null;
  return {
    id: row.id,
    user: row.user_id,
    role: row.role,
    guest: row.guest,
    rule: row.rule,
    identity: row.identity,
    choices: { language: row.language, onBusy: row.on_busy, agent: row.agent },
    leftMs: row.left_ms,
    unseen: row.unseen,
  };
}

/** Once a minute at most, whoever else writes it. */
export async function touchWebSession(db: Db, id: WebSessionId): Promise<void> {
  await sql`
    update web_sessions set last_used_at = now()
    where id = ${id} and last_used_at < now() - interval '1 minute'`.execute(db);
}

export async function endWebSession(db: Db, hash: Uint8Array): Promise<void> {
  await db.deleteFrom("web_sessions").where("hash", "=", hash).execute();
}

/** Signs somebody out of every browser, whichever of their linked accounts signed in; links they were sent are void. */
export async function endWebSessionsOf(trx: Trx, user: UserId): Promise<void> {
  for (const table of ["web_sessions", "web_links"] as const) {
    await sql`
      delete from ${sql.table(table)} where user_id = ${user}
        or user_id in (select own_user_id from identities where user_id = ${user})`.execute(trx);
  }
}

/** A one-time link from now on; a person's one before is over. */
export async function insertWebLink(
  trx: Trx,
  hash: Uint8Array,
  { user, role }: Pick<SignedIn, "user" | "role">,
): Promise<{ expiresAt: Date }> {
  if (role === null) await trx.deleteFrom("web_links").where("user_id", "=", user).where("role", "is", null).execute();
  const row = await trx
    .insertInto("web_links")
    .values({ hash, user_id: user, role, expires_at: sql<Date>`now() + ${LINK_MINUTES} * interval '1 minute'` })
    .returning("expires_at")
    .executeTakeFirstOrThrow();
  return { expiresAt: row.expires_at };
}

/** Whose a link is, which stays good; null = it is unknown, used or over. `platform`: where they are known by that name. */
export async function readWebLink(
  db: Db,
  hash: Uint8Array,
): Promise<{ name: string; platform: string | null; role: Role | null } | null> {
  const { rows } = await sql<{ name: string | null; platform: string | null; role: Role | null }>`
    select l.role, i.name, i.platform from web_links l left join lateral (
      select * from identities i where i.own_user_id = l.user_id or (i.user_id = l.user_id and i.own_user_id is null)
      order by i.created_at limit 1) i on true
    where l.hash = ${hash} and l.expires_at > now()`.execute(db);
  const [row] = rows;
  return row ? { ...row, name: row.name ?? "" } : null;
}

/** Uses a link up: whose it is; null = it is unknown, used or over. */
export async function takeWebLink(trx: Trx, hash: Uint8Array): Promise<Pick<SignedIn, "user" | "role"> | null> {
  const row = await trx
    .deleteFrom("web_links")
    .where("hash", "=", hash)
    .where("expires_at", ">", sql<Date>`now()`)
    .returning(["user_id", "role"])
    .executeTakeFirst();
  return row ? { user: row.user_id, role: row.role } : null;
}
