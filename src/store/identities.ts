import { sql } from "kysely";
import { newId, type UserId } from "../ids.ts";
import { cleanText } from "./json.ts";
import type { Db } from "./schema.ts";

export interface Identity {
  userId: UserId;
  /** The user it is without its link; null = it has none, or others are linked to it. */
  own: UserId | null;
  approved: boolean;
  blocked: boolean;
}

/** Finds or makes the person behind a platform's immutable id. Call it before anything that needs the user. */
export async function upsertIdentity(db: Db, platform: string, externalId: string, name: string): Promise<Identity> {
  const userId = newId("usr");
  const row = await db
    .insertInto("identities")
    .values({ platform, external_id: externalId, user_id: userId, name: cleanText(name) })
    .onConflict((conflict) => conflict.columns(["platform", "external_id"]).doUpdateSet({ name: cleanText(name) }))
    .returning(["user_id", "own_user_id", "approved_at", "blocked_at"])
    .executeTakeFirstOrThrow();
  if (row.user_id === userId) await db.insertInto("users").values({ id: userId, kind: "person" }).execute();
  return fromRow(row);
}

export async function findIdentity(db: Db, platform: string, externalId: string): Promise<Identity | null> {
  const row = await db
    .selectFrom("identities")
    .select(["user_id", "own_user_id", "approved_at", "blocked_at"])
    .where("platform", "=", platform)
    .where("external_id", "=", externalId)
    .executeTakeFirst();
  return row ? fromRow(row) : null;
}

function fromRow(row: {
  user_id: UserId;
  own_user_id: UserId | null;
  approved_at: Date | null;
  blocked_at: Date | null;
}): Identity {
  const { approved_at: approved, blocked_at: blocked } = row;
  return { userId: row.user_id, own: row.own_user_id, approved: approved !== null, blocked: blocked !== null };
}

/** Which of these the operator has blocked. */
export async function blockedAmong(db: Db, platform: string, externalIds: string[]): Promise<Set<string>> {
  if (externalIds.length === 0) return new Set();
  const rows = await db
    .selectFrom("identities")
    .select("external_id")
    .where("platform", "=", platform)
    .where("external_id", "in", externalIds)
    .where("blocked_at", "is not", null)
    .execute();
  return new Set(rows.map((row) => row.external_id));
}

/** Which of these the operator has approved. */
export async function approvedAmong(db: Db, platform: string, externalIds: string[]): Promise<Set<string>> {
  if (externalIds.length === 0) return new Set();
  const rows = await db
    .selectFrom("identities")
    .select("external_id")
    .where("platform", "=", platform)
    .where("external_id", "in", externalIds)
    .where("approved_at", "is not", null)
    .execute();
  return new Set(rows.map((row) => row.external_id));
}

/**
 * The pairing code of a stranger: the one that still holds, else `fresh` for `ttlMs`. `tell` is false when the stranger
 * was told it `tries` times already.
 */
export async function pairingFor(
  db: Db,
  stranger: { platform: string; externalId: string; name: string },
  fresh: string,
  limits: { ttlMs: number; tries: number },
): Promise<{ code: string; tell: boolean }> {
  await db
    .deleteFrom("pairings")
    .where("platform", "=", stranger.platform)
    .where("external_id", "=", stranger.externalId)
    .where((where) => where("expires_at", "<", where.fn<Date>("now")))
    .execute();
  const row = await db
    .insertInto("pairings")
    .values({
      code: fresh,
      platform: stranger.platform,
      external_id: stranger.externalId,
      name: cleanText(stranger.name),
      expires_at: sql<Date>`now() + ${limits.ttlMs} * interval '1 millisecond'`,
    })
    .onConflict((conflict) =>
      conflict.columns(["platform", "external_id"]).doUpdateSet((set) => ({ told: set("pairings.told", "+", 1) })),
    )
    .returning(["code", "told"])
    .executeTakeFirstOrThrow();
  return { code: row.code, tell: row.told <= limits.tries };
}

/** Approves the stranger behind a code; null = unknown or over. The code is used up. */
export async function approvePairing(
  db: Db,
  code: string,
): Promise<{ platform: string; externalId: string; name: string; userId: UserId } | null> {
  const pairing = await db
    .deleteFrom("pairings")
    .where("code", "=", cleanText(code))
    .where((where) => where("expires_at", ">=", where.fn<Date>("now")))
    .returning(["platform", "external_id", "name"])
    .executeTakeFirst();
  if (!pairing) return null;
  const { userId } = await upsertIdentity(db, pairing.platform, pairing.external_id, pairing.name);
  await db
    .updateTable("identities")
    .set({ approved_at: sql<Date>`now()` })
    .where("platform", "=", pairing.platform)
    .where("external_id", "=", pairing.external_id)
    .execute();
  return { platform: pairing.platform, externalId: pairing.external_id, name: pairing.name, userId };
}
