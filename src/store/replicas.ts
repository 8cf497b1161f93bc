import { sql } from "kysely";
import type { AccountId, ReplicaId } from "../ids.ts";
import type { CallKind } from "../platform/platform-adapter.ts";
import { toJson } from "./json.ts";
import type { Db } from "./schema.ts";

/** A process, so that its successor can prove it gone: pids repeat, so the start time goes with it. */
export interface ProcessIdentity {
  host: string;
  bootId: string;
  pid: number;
  startedAt: string;
}

/** What a replica sends, by account. */
export type ReplicaLoad = Record<AccountId, AccountLoad>;

interface AccountLoad {
  /** How many answers stream, or wait to be shown. */
  answers: number;
  /** How many of them stream in each chat that has, or may have, several places. */
  shared?: Record<string, number>;
  /** For how many ms more the platform wants no such calls. */
  paused?: Partial<Record<CallKind, number>>;
}

/** As another replica said it `age_ms` ago. One that has said nothing yet has no account in its load. */
export interface OtherLoad {
  load: ReplicaLoad;
  age_ms: number;
}

export async function registerReplica(db: Db, id: ReplicaId, process: ProcessIdentity): Promise<void> {
  await db
    .insertInto("replicas")
    .values({ id, host: process.host, boot_id: process.bootId, pid: process.pid, started_at: process.startedAt })
    .execute();
}

/** Which edits of cards and places a replica goes by, by their files' names. */
export async function tellEdits(db: Db, id: ReplicaId, edits: Readonly<Record<string, number>>): Promise<void> {
  await db
    .updateTable("replicas")
    .set({ edits: toJson(edits) })
    .where("id", "=", id)
    .execute();
}

/** Every replica that was not seen to end, for the caller to check which still live. */
export async function listReplicas(db: Db): Promise<(ProcessIdentity & { id: ReplicaId })[]> {
  const rows = await db.selectFrom("replicas").selectAll().execute();
  return rows.map((row) => ({
    id: row.id,
    host: row.host,
    bootId: row.boot_id,
    pid: row.pid,
    startedAt: row.started_at,
  }));
}

/** Ends every lease of replicas that are provably gone, or of one that leaves. */
export async function releaseReplicas(db: Db, ids: ReplicaId[]): Promise<void> {
  await sql`
    with held as (
      select session_id, lane from lanes where owner = any (${ids}::text[]) order by session_id, lane for update
    ), lanes_freed as (
      update lanes l set owner = null, lease_until = null, ready_at = now() from held
      where l.session_id = held.session_id and l.lane = held.lane
    ), sending as (
      select id from outbox where owner = any (${ids}::text[]) and due_at is not null order by id for update
    ), pages as (
      update outbox o set lease_until = now() - interval '1 second' from sending where o.id = sending.id
    ), intake as (
      update accounts set intake_owner = null, intake_until = null where intake_owner = any (${ids}::text[])
    )
    delete from replicas where id = any (${ids}::text[])`.execute(db);
}
