import { type Kysely, sql } from "kysely";

/** What agents remember of people, and messages that name who is to answer them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await statement.execute(db);
}

const statements = [
  // user_id: a person, or a group place. own_user_id as of places: whose it is again without the link.
  sql`create table memories (
    user_id text not null,
    agent text not null,
    id text not null,
    fact text not null,
    own_user_id text,
    created_at timestamptz not null default now(),
    primary key (user_id, agent, id)
  )`,

  // The agent that the message names, or the run's messages do; null = whoever answers in its session.
  sql`alter table inbox add column asks text`,
  sql`alter table runs add column asked text`,
];
