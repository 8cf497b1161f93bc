import type { ColumnType } from "kysely";
import type { ErasureId, KeyId, ReplicaId, UserId, WebSessionId } from "../ids.ts";

/** Who somebody was, while what they have left is still being erased. */
export interface ErasedIdentity {
  platform: string;
  externalId: string;
  name: string;
}

type Time = ColumnType<Date, undefined, Date>;
type MaybeTime = ColumnType<Date | null, Date | null | undefined, Date | null>;

type Role = "owner" | "operator" | "viewer";

/** Tables of what operators do with people's data, of the upkeep, and of who is signed in. */
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
  api_keys: {
    id: KeyId;
    name: string;
    hash: Uint8Array;
    previous_hash: Uint8Array | null;
    previous_until: MaybeTime;
    role: Role | null;
    agent: string | null;
    user_id: UserId | null;
    scopes: string[];
    created_by: string;
    created_at: ColumnType<Date, Date | undefined, Date>;
    expires_at: MaybeTime;
    revoked_at: MaybeTime;
    last_used_at: MaybeTime;
  };
  web_sessions: {
    id: WebSessionId;
    hash: Uint8Array;
    user_id: UserId;
    role: Role | null;
    guest: boolean;
    rule: string | null;
    created_at: Time;
    last_used_at: Time;
    expires_at: ColumnType<Date, Date, Date>;
  };
  web_links: {
    hash: Uint8Array;
    user_id: UserId;
    role: Role | null;
    created_at: Time;
    expires_at: ColumnType<Date, Date, Date>;
  };
}
