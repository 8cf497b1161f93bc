import { sql } from "kysely";
import type { ReplicaId } from "../ids.ts";
import type { Db } from "./schema.ts";

/** Who keeps house, and since when; null = nobody just now. */
export interface HousekeepingState {
  holder: ReplicaId | null;
  heldSince: Date | null;
  /** When everything was last looked through; null = never. */
  succeededAt: Date | null;
}

/**
 * Takes the lease if nobody has it, or renews one's own, for `leaseMs`. Null = another replica keeps house, else how
 * long ago everything was looked through, in ms.
 */
export async function holdHousekeeping(
  db: Db,
  replica: ReplicaId,
  leaseMs: number,
): Promise<{ idleMs: number } | null> {
  const until = sql`now() + ${leaseMs} * interval '1 millisecond'`;
  const { rows } = await sql<{ idleMs: number | null }>`
    insert into housekeeping as h (name, owner, held_since, lease_until) values ('all', ${replica}, now(), ${until})
    on conflict (name) do update
      set owner = excluded.owner, lease_until = excluded.lease_until,
          held_since = case when h.owner = excluded.owner then h.held_since else now() end
      where h.owner is null or h.owner = excluded.owner or h.lease_until < now()
    returning (extract(epoch from now() - h.succeeded_at) * 1000)::float8 as "idleMs"`.execute(db);
  const held = rows[0];
  return held ? { idleMs: held.idleMs ?? Infinity } : null;
}

/** Everything was looked through. */
export async function recordHousekeeping(db: Db, replica: ReplicaId): Promise<void> {
  await db
    .updateTable("housekeeping")
    .set({ succeeded_at: sql<Date>`now()` })
    .where("owner", "=", replica)
    .execute();
}

/** Another replica may go on at once. */
export async function leaveHousekeeping(db: Db, replica: ReplicaId): Promise<void> {
  await db
    .updateTable("housekeeping")
    .set({ owner: null, held_since: null, lease_until: null })
    .where("owner", "=", replica)
    .execute();
}

export async function housekeepingState(db: Db): Promise<HousekeepingState> {
  const { rows } = await sql<HousekeepingState>`
    select case when lease_until >= now() then owner end as holder,
           case when lease_until >= now() then held_since end as "heldSince", succeeded_at as "succeededAt"
    from housekeeping`.execute(db);
  return rows[0] ?? { holder: null, heldSince: null, succeededAt: null };
}
