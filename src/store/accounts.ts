import { sql } from "kysely";
import type { AccountId, ReplicaId } from "../ids.ts";
import type { Db } from "./schema.ts";

/**
 * Elects the one replica that takes in an account's updates: takes or renews the lease for `leaseMs`. True = it is ours.
 */
export async function holdIntake(
  db: Db,
  account: { id: AccountId; platform: string },
  replica: ReplicaId,
  leaseMs: number,
): Promise<boolean> {
  const { rows } = await sql`
    insert into accounts (id, platform, intake_owner, intake_until)
    values (${account.id}, ${account.platform}, ${replica}, now() + ${leaseMs} * interval '1 millisecond')
    on conflict (id) do update set intake_owner = excluded.intake_owner, intake_until = excluded.intake_until
    where accounts.intake_owner is null or accounts.intake_owner = ${replica} or accounts.intake_until < now()
    returning id`.execute(db);
  return rows.length > 0;
}

export async function leaveIntake(db: Db, account: AccountId, replica: ReplicaId): Promise<void> {
  await db
    .updateTable("accounts")
    .set({ intake_owner: null, intake_until: null })
    .where("id", "=", account)
    .where("intake_owner", "=", replica)
    .execute();
}
