import { type Kysely, sql } from "kysely";

/** What operators have edited of agents' cards. `card_versions` is the operators', as `agents` is. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  // Of a card's file the newest version counts. text: what goes before the file's; null = back to the file. author: as in
  // the audit log.
  sql`create table card_versions (
    file text not null,
    no integer not null check (no > 0),
    text text,
    author text not null,
    note text not null default '',
    at timestamptz not null default now(),
    primary key (file, no)
  )`,
  sql`alter table card_versions enable row level security, force row level security`,
  sql`create policy gateway on card_versions to parley_gateway using (true) with check (true)`,
];
