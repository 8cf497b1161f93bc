import { type RawBuilder, sql } from "kysely";
import { readId, type SessionId, type UserId } from "../ids.ts";
import { type Reach, withReach } from "./reach.ts";
import type { Db, Root, Trx } from "./schema.ts";

/** Whoever calls: whose rows they reach, and for whom they make new ones. */
export interface Caller {
  reach: Reach;
  /** Null = an agent, which acts for its own people. */
  user: UserId | null;
}

/** A session as the API shows it. */
export interface SessionRow {
  id: SessionId;
  user_id: UserId;
  agent: string;
  platform: string;
  title: string;
  /** Who keeps the history. */
  history: "gateway" | "agent";
  /** The id that whoever made it gave it, among those of `id_space`. */
  external_id: string | null;
  id_space: string | null;
  parent_id: SessionId | null;
  status: "running" | "waiting" | "idle";
  head_seq: number;
  /** Grows with every change, that of the history included. */
  version: number;
  metadata: Record<string, unknown>;
  cost_data: Record<string, unknown>;
  created_at: Date;
  updated_at: Date;
  /** `updated_at` as exactly as the database knows it. */
  updated_micros: number;
}

/** Whose names an id that a caller gives is one of. */
export function idSpace(caller: Caller): string {
  return caller.reach.kind === "agent" ? `agent:${caller.reach.agent}` : `user:${caller.user}`;
}

export const sessionColumns = sql`
  s.id, s.user_id, s.agent, s.platform, s.title, s.history, s.external_id, s.id_space, s.parent_id,
  coalesce((select r.state from runs r where r.session_id = s.id and r.state in ('running', 'waiting')
            order by r.state limit 1), 'idle') as status,
  s.head_seq, s.version + s.head_seq as version, s.metadata, s.cost_data, s.created_at, s.updated_at,
  (extract(epoch from s.updated_at) * 1000000)::bigint as updated_micros`;

/** The sessions `s` that a reach holds. */
export function within(reach: Reach): RawBuilder<boolean> {
  switch (reach.kind) {
    case "all":
      return sql`true`;
    case "user":
      return sql`s.user_id = ${reach.user}`;
    case "agent":
      return sql`s.agent = ${reach.agent}`;
    default:
      return reach satisfies never;
  }
}

/**
 * The session with this id, its own or the one that the caller gave it, if the caller reaches it; else null.
 */
export async function reachSession(db: Db, caller: Caller, id: string): Promise<SessionRow | null> {
  if (!/^[a-zA-Z0-9_-]{1,128}$/.test(id)) return null;
  const given =
    caller.reach.kind === "agent"
      ? sql`s.id_space = ${idSpace(caller)}`
      : sql`s.user_id = ${caller.user} and s.id_space like 'user:%'`;
  const { rows } = await sql<SessionRow>`
    select * from (
      (select 1 as rank, ${sessionColumns} from talk_sessions s
       where s.external_id = ${id} and ${given} and ${within(caller.reach)} order by s.created_at limit 1)
      union all
      select 2 as rank, ${sessionColumns} from talk_sessions s where s.id = ${id} and ${within(caller.reach)}
    ) found order by rank limit 1`.execute(db);
  return rows[0] ?? null;
}

/** The gateway's id of a session that a caller names by an id of any kind; null = the caller reaches none of that name. */
export async function namedSession(db: Root, caller: Caller, id: string): Promise<SessionId | null> {
  const own = readId("ses", id);
  if (own) return own;
  return (await withReach(db, caller.reach, (trx) => reachSession(trx, caller, id)))?.id ?? null;
}

/** The session as `reachSession` finds it; nothing else changes it, or begins to answer in it, meanwhile. */
export async function lockSession(trx: Trx, caller: Caller, id: string): Promise<SessionRow | null> {
  const found = await reachSession(trx, caller, id);
  if (!found) return null;
  const { rows } = await sql`select 1 from talk_sessions s where s.id = ${found.id} for update`.execute(trx);
  if (rows.length === 0) return null;
  await sql`select 1 from lanes where session_id = ${found.id} order by lane for update`.execute(trx);
  // Again: what was waited for may have changed it.
  return reachSession(trx, caller, found.id);
}
