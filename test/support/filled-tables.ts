import { type Kysely, sql } from "kysely";
import { newId } from "../../src/ids.ts";
import type { Schema } from "../../src/store/schema.ts";

/** Whose rows are put into every table. */
export interface Owner {
  user: string;
  agent: string;
  session: string;
  run: string;
}

export function newOwner(agent: string): Owner {
  return { user: newId("usr"), agent, session: newId("ses"), run: newId("run") };
}

interface Column {
  table: string;
  column: string;
  type: string;
  required: boolean;
}

/**
 * Empties every table there is, and puts one row of each owner into it, by what the catalog says of its columns.
 * Checks of values are dropped for it, so it is for a database that nothing else uses.
 */
export async function fillTables(db: Kysely<Schema>, owners: Owner[]): Promise<Map<string, Row[]>> {
  const { rows: columns } = await sql<Column>`
    select c.relname as table, a.attname as column, format_type(a.atttypid, null) as type,
           a.attnotnull and not a.atthasdef and a.attidentity = '' as required
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
      and c.relname not like 'kysely\_%'
    order by c.relname in ('talk_sessions', 'traces') desc, c.relname, a.attnum`.execute(db);
  const tables = Map.groupBy(columns, ({ table }) => table);
  await dropChecks(db);
  const all = sql.join([...tables.keys()].map((table) => sql.table(table)));
  await db.transaction().execute(async (trx) => {
    await sql`set local session_replication_role = replica`.execute(trx); // some tables refuse by triggers
    await sql`truncate ${all}`.execute(trx);
  });
  const filled = new Map<string, Row[]>();
  for (const [table, itsColumns] of tables) {
    const rows: Row[] = [];
    for (const owner of owners) {
      const made = await sql<{ row: Row }>`
        ${insertRow(table, rowOf(itsColumns, owner))} returning to_jsonb(${sql.table(table)}) as row`.execute(db);
      rows.push(made.rows[0]!.row);
    }
    filled.set(table, rows);
  }
  return filled;
}

export type Row = Record<string, unknown>;

async function dropChecks(db: Kysely<Schema>): Promise<void> {
  const { rows } = await sql<{ table: string; name: string }>`
    select conrelid::regclass::text as table, conname as name from pg_constraint
    where contype = 'c' and connamespace = current_schema()::regnamespace`.execute(db);
  for (const { table, name } of rows) {
    await sql`alter table ${sql.table(table)} drop constraint ${sql.ref(name)}`.execute(db);
  }
}

/** A row as JSON, so that the database itself reads each value as its column's type. */
export function insertRow(table: string, row: Row) {
  const columns = sql.join(Object.keys(row).map((name) => sql.ref(name)));
  return sql`
    insert into ${sql.table(table)} (${columns})
    select ${columns} from jsonb_populate_record(null::${sql.table(table)}, ${JSON.stringify(row)}::jsonb)`;
}

function rowOf(columns: Column[], owner: Owner): Row {
  const row: Row = {};
  for (const { table, column, type, required } of columns) {
    const value = ownValue(table, column, owner);
    if (value !== undefined) row[column] = value;
    else if (required) row[column] = valueOf(type);
  }
  return row;
}

function ownValue(table: string, column: string, owner: Owner): string | undefined {
  if (column === "id" && table === "talk_sessions") return owner.session;
  if (column === "id" && table === "runs") return owner.run;
  if (column === "id" && table === "users") return owner.user;
  if (column === "trace_id") return `trace of ${owner.session}`;
  if (column === "session_id") return owner.session;
  if (column === "run_id") return owner.run;
  if (column === "user_id") return owner.user;
  if (column === "agent") return owner.agent;
  return undefined;
}

let unique = 0;

function valueOf(type: string): unknown {
  unique += 1;
  if (type.endsWith("[]")) return [];
  if (type === "jsonb") return { value: unique };
  if (type === "boolean") return false;
  if (type === "bytea") return String.raw`\x${unique.toString(16).padStart(8, "0")}`;
  if (/^(date|timestamp)/.test(type)) return new Date(Date.UTC(2026, 0, 1, 0, 0, unique)).toISOString();
  if (/^(bigint|integer|smallint|double precision|numeric|real)/.test(type)) return unique;
  return `text ${unique}`;
}
