import type { ColumnType } from "kysely";
import type { ErasureId, ReplicaId, UserId } from "../ids.ts";

/** Who somebody was, while what they have left is still being erased. */
export interface ErasedIdentity {
  platform: string;
  externalId: string;
  name: string;
}

type Time = ColumnType<Date, undefined, Date>;
type MaybeTime = ColumnType<Date | null, Date | null | undefined, Date | null>;

/** Tables of what operators do with people's data, and of the upkeep. */
export interface OperatorSchema {
  housekeeping: {
    name: "all";
    owner: ReplicaId | null;
    held_since: MaybeTime;
    lease_until: MaybeTime;
    succeeded_at: MaybeTime;
  };
  erasures: {
    id: ErasureId;
    user_id: UserId;
    users: UserId[];
    identities: ColumnType<ErasedIdentity[] | null, string, string | null>;
    begun_at: Time;
    ended_at: MaybeTime;
  };
}
