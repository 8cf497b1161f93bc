import { sql, type ColumnType } from "kysely";
import { toJson } from "./json.ts";
import type { Db } from "./schema.ts";

/** jsonb as in schema.ts. */
type Fields = Record<string, unknown>;

export interface AgentsTable {
  name: string;
  enabled: ColumnType<boolean, boolean | undefined, boolean>;
  description: ColumnType<string, string | undefined, string>;
  remote: ColumnType<Fields | null, string | null | undefined, string | null>;
  limits: ColumnType<Fields, string | undefined, string>;
  created_at: ColumnType<Date, never, never>;
  updated_at: ColumnType<Date, Date | undefined, Date>;
}

/** What operators have set of an agent over the API. */
export interface AgentRecord {
  name: string;
  enabled: boolean;
  description: string;
  /** As parley.yaml would write it, without any secret; null = the agent stands in a file. */
  remote: Fields | null;
  limits: Fields;
}

export async function listAgentRecords(db: Db): Promise<AgentRecord[]> {
  return db
    .selectFrom("agents")
    .select(["name", "enabled", "description", "remote", "limits"])
    .orderBy("name")
    .execute();
}

/** False = the name is taken. */
export async function insertAgentRecord(db: Db, { remote, limits, ...record }: AgentRecord): Promise<boolean> {
  const result = await db
    .insertInto("agents")
    .values({ ...record, remote: remote && toJson(remote), limits: toJson(limits) })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
}

/** Writes it whole, also of an agent of which nothing was set before. */
export async function putAgentRecord(db: Db, { remote, limits, ...record }: AgentRecord): Promise<void> {
  const row = { ...record, remote: remote && toJson(remote), limits: toJson(limits), updated_at: new Date() };
  await db
    .insertInto("agents")
    .values(row)
    .onConflict((conflict) => conflict.column("name").doUpdateSet(row))
    .execute();
}

/** False = it is not registered. */
export async function deleteAgentRecord(db: Db, name: string): Promise<boolean> {
  const result = await db
    .deleteFrom("agents")
    .where("name", "=", name)
    .where("remote", "is not", null)
    .executeTakeFirst();
  return result.numDeletedRows === 1n;
}

/** What an agent's runs of the last day have come to, and the newest that failed. */
export interface AgentActivity {
  agent: string;
  running: number;
  completed: number;
  failed: number;
  cancelled: number;
  lastError: { code: string; at: string } | null;
}

export async function agentActivity(db: Db): Promise<AgentActivity[]> {
  const { rows } = await sql<AgentActivity>`
    select agent,
           count(*) filter (where state in ('running', 'waiting'))::int as running,
           count(*) filter (where state = 'completed')::int as completed,
           count(*) filter (where state = 'failed')::int as failed,
           count(*) filter (where state = 'cancelled')::int as cancelled,
           (array_agg(jsonb_build_object('code', error_code, 'at', ended_at) order by ended_at desc)
              filter (where state = 'failed' and error_code is not null))[1] as "lastError"
    from runs where started_at > now() - interval '1 day'
    group by agent`.execute(db);
  return rows;
}
