import { sql } from "kysely";
import type { Db } from "./schema.ts";

/** Rows of one table deleted in one statement; the next round goes on. */
const BATCH = 5_000;

const stale = [
  // Readers resume within a day; after that they have the messages. By the events' own age, because runs are kept.
  sql`delete from run_events where ctid = any (array(
    select e.ctid from run_events e
    where e.created_at < now() - interval '1 day' and (
      select r.ended_at from runs r where r.session_id = e.session_id and r.id = e.run_id) < now() - interval '1 day'
    limit ${BATCH}))`,
  // What was shown is in the chat; what is in doubt stays for the operator's eyes.
  sql`delete from outbox where ctid = any (array(
    select ctid from outbox
    where due_at is null and created_at < now() - interval '7 days'
      and (state not in ('uncertain', 'failed') or created_at < now() - interval '90 days')
    limit ${BATCH}))`,
  // Platforms repeat an update for a day at most; those of sessions stay with their session.
  sql`delete from inbox where ctid = any (array(
    select ctid from inbox where session_id is null and received_at < now() - interval '7 days' limit ${BATCH}))`,
  // The words of a conversation stay; what came with them is kept for a while.
  sql`delete from files where ctid = any (array(
    select ctid from files where created_at < now() - interval '30 days' limit ${BATCH}))`,
  sql`delete from budget_counters where day < (now() at time zone 'utc')::date - 1`,
  sql`delete from approvals where ctid = any (array(
    select ctid from approvals
    where created_at < now() - interval '90 days' and decision is not null limit ${BATCH}))`,
  sql`delete from early_edits where created_at < now() - interval '1 day'`,
  // Whoever comes back later begins a session of what they send.
  sql`delete from chat_threads where ctid = any (array(
    select ctid from chat_threads where created_at < now() - interval '90 days' limit ${BATCH}))`,
  sql`delete from link_codes where expires_at < now() - interval '1 day'`,
  sql`delete from link_tries where since < now() - interval '1 day'`,
  sql`delete from pairings where expires_at < now() - interval '1 day'`,
  sql`delete from replicas where seen_at < now() - interval '1 day'`,
];

/** Batches of one table in one go; what is left then waits for the next. */
const MAX_BATCHES = 200;

/** Deletes what nobody needs any more, batch by batch, until the abort. Returns the number of rows. */
export async function deleteStale(db: Db, signal?: AbortSignal): Promise<number> {
  let deleted = 0;
  for (const statement of stale) {
    for (let batch = 0; batch < MAX_BATCHES; batch++) {
      if (signal?.aborted) return deleted;
      const rows = Number((await statement.execute(db)).numAffectedRows ?? 0n);
      deleted += rows;
      if (rows < BATCH) break;
    }
  }
  return deleted;
}
