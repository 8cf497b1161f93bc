import { sql } from "kysely";
import type { ReplicaId, SessionId } from "../ids.ts";
import type { Db } from "./schema.ts";

/** Tells the other replicas that sessions changed: a hint only, heard after the commit; the payload holds ids. */
export async function notifySessions(db: Db, replica: ReplicaId, sessions: SessionId[]): Promise<void> {
  await sql`select pg_notify('parley', ${`${replica} ${sessions.slice(0, 200).join(",")}`})`.execute(db);
}

/** The sessions of another replica's hint; empty for this replica's own, which it heard in process already. */
export function readHint(payload: string, self: ReplicaId): SessionId[] {
  const [replica, sessions = ""] = payload.split(" ");
  return replica === self || sessions === "" ? [] : (sessions.split(",") as SessionId[]);
}
