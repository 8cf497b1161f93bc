import { type RawBuilder, sql } from "kysely";
import { type ErasureId, newId, type SessionId, type UserId } from "../ids.ts";
import { eraseSessions } from "./erase-sessions.ts";
import { eraseWords } from "./erase-words.ts";
import { toJson } from "./json.ts";
import { currentUser } from "./links.ts";
import type { ErasedIdentity } from "./operator-schema.ts";
import type { Db, Root, Trx } from "./schema.ts";
import { stopPerson } from "./stop-person.ts";
import { retrying } from "./transaction.ts";

/** Somebody who is being erased: every id of theirs, and who they were. */
export interface Erasure {
  id: ErasureId;
  user: UserId;
  users: UserId[];
  identities: ErasedIdentity[];
  begunAt: Date;
}

/**
 * Begins to erase a user with all identities that are linked to it. From this commit on they are nobody: whoever writes
 * is new here, keys and links are void, and no late update finds a place of theirs. What they have left goes batch by
 * batch afterwards. Of identities that are blocked the bare id stays, so that the block does. Null = there is no such
 * user. `stopped`: the sessions whose runs end.
 */
export async function beginErasure(
  trx: Trx,
  user: UserId,
): Promise<{ id: ErasureId; user: UserId; stopped: SessionId[] } | null> {
  const main = await currentUser(trx, user);
  if (!main) return null;
  const { rows } = await sql<ErasedIdentity & { userId: UserId; own: UserId | null; blocked: boolean }>`
    select platform, external_id as "externalId", name, user_id as "userId", own_user_id as own,
           blocked_at is not null as blocked
    from identities where user_id = ${main} order by platform, external_id for update`.execute(trx);
  const users = [...new Set([main, ...rows.flatMap(({ userId, own }) => (own ? [userId, own] : [userId]))])];
  const identities = rows.map(({ platform, externalId, name }) => ({ platform, externalId, name }));
  const stopped = await stopPerson(trx, { users, identities });
  await sql`delete from places where user_id = any (${users}::text[])`.execute(trx);
  const theirs = sql`jsonb_to_recordset(${toJson(identities)}::jsonb) as i(platform text, "externalId" text)`;
  for (const table of ["pairings", "link_codes", "link_tries"] as const) {
    await sql`
      delete from ${sql.table(table)} x using ${theirs}
      where x.platform = i.platform and x.external_id = i."externalId"`.execute(trx);
  }
  await eraseBelongings(trx, users);
  const payers = [...users, ...identities.map(({ platform, externalId }) => `${platform}:${externalId}`)];
  await sql`delete from budget_counters where scope = any (${payers.map((payer) => `person ${payer}`)}::text[])`.execute(
    trx,
  );
  await sql`delete from identities where user_id = ${main} and blocked_at is null`.execute(trx);
  for (const { platform, externalId } of rows.filter(({ blocked }) => blocked)) {
    const nobody = newId("usr");
    await trx.insertInto("users").values({ id: nobody, kind: "person" }).execute();
    await trx
      .updateTable("identities")
      .set({ user_id: nobody, own_user_id: null, link: null, name: "", approved_at: null })
      .where("platform", "=", platform)
      .where("external_id", "=", externalId)
      .execute();
  }
  await trx.deleteFrom("users").where("id", "in", users).execute();
  await trx
    .updateTable("api_keys")
    .set({ revoked_at: sql<Date>`coalesce(revoked_at, now())`, name: "" })
    .where("user_id", "in", users)
    .execute();
  const id = newId("era");
  await trx
    .insertInto("erasures")
    .values({ id, user_id: main, users, identities: toJson(identities) })
    .execute();
  return { id, user: main, stopped };
}

/** What is a user's beside sessions. Votes count on, of nobody. */
async function eraseBelongings(db: Db, users: UserId[]): Promise<void> {
  await sql`delete from memories where user_id = any (${users}::text[])`.execute(db);
  for (const table of ["chat_threads", "web_sessions", "web_links"] as const) {
    await sql`delete from ${sql.table(table)} where user_id = any (${users}::text[])`.execute(db);
  }
  await sql`
    update feedback
    set user_id = null, author = 'erased:' || id, comment = null, correction = null, tags = '{}',
        ask_page = null, ask_until = null
    where user_id = any (${users}::text[]) or author = any (${users}::text[])`.execute(db);
}

/** How far an erasure is, for who asked; null = there is none of this user. */
export async function erasureOf(
  db: Db,
  user: UserId,
): Promise<{ id: ErasureId; begunAt: Date; endedAt: Date | null } | null> {
  const { rows } = await sql<{ id: ErasureId; begunAt: Date; endedAt: Date | null }>`
    select id, begun_at as "begunAt", ended_at as "endedAt" from erasures
    where user_id = ${user} or users @> array[${user}::text] order by begun_at desc limit 1`.execute(db);
  return rows[0] ?? null;
}

/** Told of an erasure that cannot go on now. */
type Failed = (erasure: ErasureId, error: unknown) => void;

const rethrow: Failed = (_, error) => {
  throw error;
};

/**
 * Goes on with the oldest erasure that can be finished: resolves with it when nothing is left of that person; null =
 * there is none, or what is left waits for a run to end or a page to be shown. `goOn` is asked before every batch;
 * `failed` is told of erasures that cannot go on, which are tried again and keep nobody else's.
 */
export async function eraseNext(
  db: Root,
  goOn: () => Promise<boolean>,
  failed: Failed = rethrow,
): Promise<Erasure | null> {
  for (const erasure of await erasures(db, sql`ended_at is null`)) {
    try {
      const clear = (await eraseSessions(db, erasure, goOn)) && (await eraseWords(db, erasure, goOn));
      if (!clear || !(await goOn())) continue;
      await retrying(() =>
        sql`update erasures set ended_at = now(), identities = null where id = ${erasure.id}`.execute(db),
      );
      return erasure;
    } catch (error) {
      failed(erasure.id, error);
    }
  }
  return null;
}

/**
 * Takes away what came of people after they were erased: a key of theirs counts for seconds more, and what was being
 * written then is written still. `failed` as in `eraseNext`.
 */
export async function eraseLate(db: Root, goOn: () => Promise<boolean>, failed: Failed = rethrow): Promise<void> {
  for (const erasure of await erasures(db, sql`ended_at > now() - interval '2 minutes'`)) {
    try {
      await retrying(() => eraseBelongings(db, erasure.users));
      await eraseSessions(db, erasure, goOn);
    } catch (error) {
      failed(erasure.id, error);
    }
  }
}

function erasures(db: Root, which: RawBuilder<unknown>): Promise<Erasure[]> {
  return retrying(async () => {
    const { rows } = await sql<Erasure>`
      select id, user_id as user, users, coalesce(identities, '[]') as identities, begun_at as "begunAt"
      from erasures where ${which} order by begun_at limit 100`.execute(db);
    return rows;
  });
}
