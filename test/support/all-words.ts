import { sql } from "kysely";
import type { Db } from "../../src/store/schema.ts";

/** Every row of every table as text, as a dump would hold it; bytes as they are. */
export async function allWords(db: Db): Promise<string> {
  const { rows: tables } = await sql<{ name: string }>`
    select relname as name from pg_class
    where relkind in ('r', 'p', 'm') and relnamespace = 'public'::regnamespace order by 1`.execute(db);
  const found: string[] = [];
  for (const { name } of tables) {
    const { rows } = await sql<{ line: string }>`select t::text as line from ${sql.table(name)} t`.execute(db);
    found.push(...rows.map(({ line }) => `${name}: ${line}`));
  }
  return found.join("\n");
}
