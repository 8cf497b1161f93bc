import { type Kysely, sql } from "kysely";

/** What the operators' page asks of the tables: no new ones, so the owners of rows are as they were. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  // When the first words of the answer were seen; null = none were, or a replica of the version before wrote the row.
  sql`alter table traces add column first_shown_at timestamptz`,

  // How far operators are with it.
  sql`alter table feedback add column triage text not null default 'new' check (triage in ('new', 'seen', 'done'))`,

  // Rows come in the order of their time.
  sql`create index run_usage_time on run_usage using brin (at)`,
];
