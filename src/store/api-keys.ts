import { sql } from "kysely";
import type { KeyId, UserId } from "../ids.ts";
import { cleanText } from "./json.ts";
import type { Db, Root, Schema, Trx } from "./schema.ts";

/** Whom a key stands for. */
export type KeyBinding =
  | { kind: "operator"; role: "owner" | "operator" | "viewer" }
  | { kind: "agent"; agent: string }
  | { kind: "person"; user: UserId };

/** What is known of a key that may be valid, by the database's clock. */
export interface UsableKey {
  bound: KeyBinding;
  scopes: string[];
  /** SHA-256 of the secret, and of that before the last rotation while it still counts. */
  hashes: { sha256: Uint8Array; leftMs: number }[];
  /** Its use was not written down within the last minute. */
  unseen: boolean;
}

/** The key, if it is neither revoked nor expired. A person's is that of whomever the person is linked to. */
export async function usableKey(db: Root, id: KeyId): Promise<UsableKey | null> {
  const { rows } = await sql<
    Pick<Schema["api_keys"], "role" | "agent"> & {
      scopes: string[];
      user_id: UserId | null;
      hash: Uint8Array;
      left_ms: number | null;
      previous_hash: Uint8Array | null;
      previous_ms: number | null;
      unseen: boolean;
    }
  >`
    select k.role, k.agent, k.scopes, k.hash, k.previous_hash,
           coalesce((select i.user_id from identities i where i.own_user_id = k.user_id limit 1), k.user_id) as user_id,
           (extract(epoch from k.expires_at - now()) * 1000)::float8 as left_ms,
           (extract(epoch from k.previous_until - now()) * 1000)::float8 as previous_ms,
           coalesce(k.last_used_at < now() - interval '1 minute', true) as unseen
    from api_keys k
    where k.id = ${id} and k.revoked_at is null and coalesce(k.expires_at > now(), true)`.execute(db);
  const [row] = rows;
  if (!row) return null;
  const leftMs = row.left_ms ?? Infinity;
  const previousMs = Math.min(row.previous_ms ?? 0, leftMs);
  return {
    bound: toBinding(row),
    scopes: row.scopes,
    hashes: [
      { sha256: row.hash, leftMs },
      ...(row.previous_hash && previousMs > 0 ? [{ sha256: row.previous_hash, leftMs: previousMs }] : []),
    ],
    unseen: row.unseen,
  };
}

/** Once a minute at most, whoever else writes it. */
export async function touchKey(db: Root, id: KeyId): Promise<void> {
  await sql`
    update api_keys set last_used_at = now()
    where id = ${id} and coalesce(last_used_at < now() - interval '1 minute', true)`.execute(db);
}

export interface NewKey {
  id: KeyId;
  name: string;
  sha256: Uint8Array;
  bound: KeyBinding;
  scopes: readonly string[];
  createdBy: string;
  expiresAt: Date | null;
}

export async function insertKey(trx: Trx, key: NewKey): Promise<void> {
  const { bound } = key;
  await trx
    .insertInto("api_keys")
    .values({
      id: key.id,
      name: cleanText(key.name),
      hash: key.sha256,
      role: bound.kind === "operator" ? bound.role : null,
      agent: bound.kind === "agent" ? cleanText(bound.agent) : null,
      user_id: bound.kind === "person" ? bound.user : null,
      scopes: [...key.scopes],
      created_by: key.createdBy,
      // As fine as what a cursor can tell.
      created_at: sql<Date>`date_trunc('milliseconds', now())`,
      expires_at: key.expiresAt,
    })
    .execute();
}

/** All that may be shown of a key. */
export interface KeyRecord {
  id: KeyId;
  name: string;
  bound: KeyBinding;
  scopes: string[];
  createdBy: string;
  createdAt: Date;
  expiresAt: Date | null;
  revokedAt: Date | null;
  lastUsedAt: Date | null;
  /** Until when the secret before the last rotation counts; null = it does not. */
  previousUntil: Date | null;
  /** Neither revoked nor expired. */
  usable: boolean;
}

const record = (db: Db) =>
  db
    .selectFrom("api_keys")
    .select(["id", "name", "role", "agent", "user_id", "scopes", "created_by", "created_at"])
    .select(["expires_at", "revoked_at", "last_used_at"])
    .select(sql<Date | null>`case when previous_until > now() then previous_until end`.as("previous_until"))
    .select(sql<boolean>`revoked_at is null and coalesce(expires_at > now(), true)`.as("usable"));

type RecordRow = Awaited<ReturnType<ReturnType<typeof record>["executeTakeFirstOrThrow"]>>;

/** Newest first. */
export async function listKeys(
  db: Db,
  { ids, limit, before }: { ids?: readonly string[]; limit: number; before?: { at: Date; id: string } },
): Promise<KeyRecord[]> {
  let query = record(db).orderBy("created_at", "desc").orderBy("id", "desc").limit(limit);
  if (ids) query = query.where(sql<boolean>`id = any (${ids}::text[])`);
  if (before) query = query.where(sql<boolean>`(created_at, id) < (${before.at}, ${before.id})`);
  return (await query.execute()).map(toRecord);
}

/** `hold`: nobody else changes it until the transaction ends. */
export async function findKey(db: Db, id: KeyId, hold = false): Promise<KeyRecord | null> {
  const query = record(db).where("id", "=", id);
  const row = await (hold ? query.forUpdate() : query).executeTakeFirst();
  return row ? toRecord(row) : null;
}

export async function changeKey(
  trx: Trx,
  id: KeyId,
  change: { name?: string; scopes?: readonly string[]; expiresAt?: Date | null },
): Promise<void> {
  const { name, scopes, expiresAt } = change;
  await trx
    .updateTable("api_keys")
    .set({
      id,
      ...(name !== undefined && { name: cleanText(name) }),
      ...(scopes !== undefined && { scopes: [...scopes] }),
      ...(expiresAt !== undefined && { expires_at: expiresAt }),
    })
    .where("id", "=", id)
    .execute();
}

/** Another secret from now on; the one before counts for a while, the one before that no more. */
export async function rotateKey(trx: Trx, id: KeyId, hash: Uint8Array, overlapMs: number): Promise<void> {
  await trx
    .updateTable("api_keys")
    .set((key) => ({
      previous_hash: key.ref("hash"),
      previous_until: sql<Date>`now() + ${overlapMs} * interval '1 millisecond'`,
      hash,
    }))
    .where("id", "=", id)
    .execute();
}

/** For good; the row stays, so that it can be told whose key did what. */
export async function revokeKey(trx: Trx, id: KeyId): Promise<void> {
  await trx
    .updateTable("api_keys")
    .set({ revoked_at: sql<Date>`now()` })
    .where("id", "=", id)
    .where("revoked_at", "is", null)
    .execute();
}

function toRecord(row: RecordRow): KeyRecord {
  return {
    id: row.id,
    name: row.name,
    bound: toBinding(row),
    scopes: row.scopes,
    createdBy: row.created_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
    previousUntil: row.previous_until,
    usable: row.usable,
  };
}

function toBinding(row: { role: string | null; agent: string | null; user_id: UserId | null }): KeyBinding {
  if (row.agent !== null) return { kind: "agent", agent: row.agent };
  if (row.user_id !== null) return { kind: "person", user: row.user_id };
  return { kind: "operator", role: row.role as "owner" | "operator" | "viewer" };
}
