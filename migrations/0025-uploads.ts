import { type Kysely, sql } from "kysely";

/** Files that people send from the web page. Their rows are of their session, as those of all files are. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  // No message names it yet.
  sql`alter table files add column unsent boolean not null default false`,
  sql`create index files_unsent on files (session_id) where unsent`,
];
