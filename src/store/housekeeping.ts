import { type RawBuilder, sql } from "kysely";
import type { Retention } from "../agent/retention.ts";
import { deleteOldTurns } from "./old-turns.ts";
import type { Root } from "./schema.ts";

/** Rows of one table deleted in one statement; the next round goes on. */
const BATCH = 5_000;
/** Each of these has up to a thousand rows below it, which go with it. */
const TRACES = 500;
/** Rows of one table in one go; what is left then waits for the next. */
const MAX_ROWS = 1_000_000;
const MAX_TURN_BATCHES = 200;

/** Of browsers that nobody uses: as long as the longest of them is signed in. */
const SIGNED_IN_DAYS = 7;

/**
 * One table's old rows, a batch at a time. In the order of their age, where an index has it: else the server may read
 * the whole table to find that there are none.
 */
interface Sweep {
  table: string;
  statement: RawBuilder<unknown>;
  /** So many at once; left out: BATCH. */
  batch?: number;
}

const age = (days: number) => sql`now() - ${days} * interval '1 day'`;

/** None where it is kept for ever. */
function of(table: string, days: number, statement: RawBuilder<unknown>, batch = BATCH): Sweep[] {
  return days === 0 ? [] : [{ table, statement, batch }];
}

function sweeps(keep: Retention): Sweep[] {
  return [
    // Readers resume within a day; after that they have the messages. By the events' own age, because runs are kept.
    ...of(
      "run_events",
      keep.run_events,
      sql`delete from run_events where ctid = any (array(
        select e.ctid from run_events e
        where e.created_at < ${age(keep.run_events)} and (
          select r.ended_at from runs r where r.session_id = e.session_id and r.id = e.run_id) < ${age(keep.run_events)}
        limit ${BATCH}))`,
    ),
    // What was shown is in the chat; what is in doubt stays for the operator's eyes.
    ...of(
      "outbox",
      keep.outbox,
      sql`delete from outbox where ctid = any (array(
        select ctid from outbox
        where due_at is null and created_at < ${age(keep.outbox)}
          and (state not in ('uncertain', 'failed') or created_at < ${age(Math.max(90, keep.outbox))})
        order by created_at limit ${BATCH}))`,
    ),
    // Platforms repeat an update for a day at most; those of sessions stay with their session.
    ...of(
      "inbox",
      keep.inbox,
      sql`delete from inbox where ctid = any (array(
        select ctid from inbox
        where session_id is null and received_at < ${age(keep.inbox)} order by received_at limit ${BATCH}))`,
    ),
    // The words of a conversation stay; what came with them is kept for a while, and while it is still to be sent.
    ...of(
      "files",
      keep.files,
      sql`delete from files where ctid = any (array(
        select f.ctid from files f
        where f.created_at < ${age(keep.files)}
          and not exists (select from outbox o where o.due_at is not null and o.file_id = f.id)
        order by f.created_at limit ${BATCH}))`,
    ),
    {
      table: "files",
      statement: sql`delete from files where ctid = any (array(
        select ctid from files where unsent and created_at < ${age(1)} limit ${BATCH}))`,
    },
    ...of(
      "approvals",
      keep.approvals,
      sql`delete from approvals where ctid = any (array(
        select ctid from approvals
        where created_at < ${age(keep.approvals)} and decision is not null order by created_at limit ${BATCH}))`,
    ),
    ...of(
      "memories",
      keep.memories,
      sql`delete from memories where ctid = any (array(
        select ctid from memories where created_at < ${age(keep.memories)} limit ${BATCH}))`,
    ),
    ...of(
      "run_usage",
      keep.usage,
      sql`delete from run_usage where ctid = any (array(
        select ctid from run_usage where at < ${age(keep.usage)} order by at limit ${BATCH}))`,
    ),
    // Their spans go with them.
    ...of(
      "traces",
      keep.traces,
      sql`delete from traces where trace_id = any (array(
        select trace_id from traces where started_at < ${age(keep.traces)} order by started_at limit ${TRACES}))`,
      TRACES,
    ),
    ...of(
      "feedback",
      keep.feedback,
      sql`delete from feedback where ctid = any (array(
        select ctid from feedback where created_at < ${age(keep.feedback)} order by created_at limit ${BATCH}))`,
    ),
    // The database keeps a month of it, whoever asks.
    ...of(
      "audit_log",
      keep.audit,
      sql`delete from audit_log where ctid = any (array(
        select ctid from audit_log where at < ${age(Math.max(31, keep.audit))} order by at limit ${BATCH}))`,
    ),
    // Whoever comes back later begins a session of what they send.
    {
      table: "chat_threads",
      statement: sql`delete from chat_threads where ctid = any (array(
        select ctid from chat_threads where created_at < ${age(90)} order by created_at limit ${BATCH}))`,
    },
    {
      table: "budget_counters",
      statement: sql`delete from budget_counters where day < (now() at time zone 'utc')::date - 1`,
    },
    { table: "api_rates", statement: sql`delete from api_rates where paid_at < ${age(1)}` },
    { table: "early_edits", statement: sql`delete from early_edits where created_at < ${age(1)}` },
    { table: "link_codes", statement: sql`delete from link_codes where expires_at < ${age(1)}` },
    { table: "link_tries", statement: sql`delete from link_tries where since < ${age(1)}` },
    { table: "pairings", statement: sql`delete from pairings where expires_at < ${age(1)}` },
    {
      table: "web_sessions",
      statement: sql`delete from web_sessions
        where expires_at < now() or last_used_at < now() - ${SIGNED_IN_DAYS} * interval '1 day'`,
    },
    { table: "web_links", statement: sql`delete from web_links where expires_at < ${age(1)}` },
    // Guests who never said a word, and whose browser is no longer signed in.
    {
      table: "users",
      statement: sql`with gone as (
        delete from identities i
        where i.platform = 'web' and i.external_id like 'guest:%' and i.created_at < ${age(1)} and i.blocked_at is null
          and not exists (select from web_sessions w where w.user_id = i.user_id)
          and not exists (select from talk_sessions s where s.user_id = i.user_id)
        returning i.user_id)
        delete from users u using gone where u.id = gone.user_id`,
    },
    { table: "replicas", statement: sql`delete from replicas where seen_at < ${age(1)}` },
  ];
}

export interface StaleOptions {
  /** Asked before every batch; false ends it. */
  goOn?: () => Promise<boolean>;
  onDeleted?: (table: string, rows: number) => void;
}

/**
 * Deletes what nobody needs any more, batch by batch. Returns the number of rows. What cannot be deleted of one table
 * keeps none of the others: it rejects when all have been tried.
 */
export async function deleteStale(db: Root, retention: Retention, options: StaleOptions = {}): Promise<number> {
  const { goOn = async () => true, onDeleted } = options;
  let deleted = 0;
  let failure: Error | null = null;
  const count = (table: string, rows: number): void => {
    deleted += rows;
    if (rows > 0) onDeleted?.(table, rows);
  };
  const each = async (table: string, batches: number, work: () => Promise<"more" | "done">): Promise<void> => {
    try {
      for (let batch = 0; batch < batches; batch++) {
        if (!(await goOn()) || (await work()) === "done") return;
      }
    } catch (error) {
      failure ??= new Error(`stale rows of ${table} could not be deleted`, { cause: error });
    }
  };
  for (const { table, statement, batch = BATCH } of sweeps(retention)) {
    await each(table, MAX_ROWS / batch, async () => {
      const rows = Number((await statement.execute(db)).numAffectedRows ?? 0n);
      count(table, rows);
      return rows < batch ? "done" : "more";
    });
  }
  if (retention.messages > 0) {
    await each("messages", MAX_TURN_BATCHES, async () => {
      const old = await deleteOldTurns(db, retention.messages);
      count("messages", old.messages);
      return old.runs === 0 ? "done" : "more";
    });
  }
  if (failure) throw failure;
  return deleted;
}
