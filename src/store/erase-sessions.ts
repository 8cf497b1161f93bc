import { type RawBuilder, sql } from "kysely";
import type { SessionId } from "../ids.ts";
import type { Erasure } from "./erasures.ts";
import type { Root, Trx } from "./schema.ts";
import { stopPerson } from "./stop-person.ts";
import { retrying, withTransaction } from "./transaction.ts";

/** Sessions at once, and rows of one statement; a trace takes up to thousands of spans along. */
const SESSIONS = 100;
const ROWS = 5_000;
const TRACES = 500;

/** What is a session's, and nothing but a session's. What its runs have used is a number without a name, and stays. */
const TABLES = ["messages", "compactions", "run_events", "approvals", "files", "outbox", "runs"] as const;

/**
 * Deletes the sessions of somebody who is erased, a batch at a time, once their runs have ended. True = there is none
 * left.
 */
export async function eraseSessions(db: Root, erasure: Erasure, goOn: () => Promise<boolean>): Promise<boolean> {
  let after = "";
  for (;;) {
    if (!(await goOn())) return false;
    const { ids, quiet } = await withTransaction(db, (trx) => quietSessions(trx, erasure, after));
    if (ids.length === 0) break;
    after = ids.at(-1)!;
    if (!(await eraseTraces(db, sql`session_id = any (${quiet}::text[])`, goOn))) return false;
    for (const deleteSome of quiet.length > 0 ? steps(db, quiet) : []) {
      for (let rows = ROWS; rows === ROWS;) {
        if (!(await goOn())) return false;
        rows = await retrying(deleteSome);
      }
    }
    await withTransaction(db, (trx) => dropSessions(trx, quiet));
  }
  // Those that an agent tells of name its own sessions; and a replica writes a run's last spans when the run is long over.
  if (!(await eraseTraces(db, sql`user_id = any (${erasure.users}::text[])`, goOn))) return false;
  const { rows } = await retrying(() =>
    sql`select from talk_sessions where user_id = any (${erasure.users}::text[]) limit 1`.execute(db),
  );
  return rows.length === 0;
}

/** The next sessions, and those of them at which nothing is under way; the others are stopped once more. */
async function quietSessions(
  trx: Trx,
  erasure: Erasure,
  after: string,
): Promise<{ ids: SessionId[]; quiet: SessionId[] }> {
  const { rows } = await sql<{ id: SessionId; busy: boolean }>`
    select s.id, exists (
      select from runs r where r.session_id = s.id and r.state in ('running', 'waiting')) as busy
    from talk_sessions s where s.user_id = any (${erasure.users}::text[]) and s.id > ${after}
    order by s.id limit ${SESSIONS}`.execute(trx);
  if (rows.some(({ busy }) => busy)) await stopPerson(trx, { users: erasure.users, identities: [] });
  return { ids: rows.map(({ id }) => id), quiet: rows.flatMap(({ id, busy }) => (busy ? [] : [id])) };
}

/** With their spans. False = there may be more. */
async function eraseTraces(db: Root, which: RawBuilder<unknown>, goOn: () => Promise<boolean>): Promise<boolean> {
  for (let rows = TRACES; rows === TRACES;) {
    if (!(await goOn())) return false;
    const { numAffectedRows } = await retrying(() =>
      sql`
        delete from traces where trace_id = any (array(
          select trace_id from traces where ${which} limit ${TRACES}))`.execute(db),
    );
    rows = Number(numAffectedRows ?? 0n);
  }
  return true;
}

/** Each deletes up to a batch and says how many that were. */
function steps(db: Root, sessions: SessionId[]): (() => Promise<number>)[] {
  const count = async (statement: RawBuilder<unknown>): Promise<number> =>
    Number((await statement.execute(db)).numAffectedRows ?? 0n);
  const some = (table: string, which = sql`true`) => sql`array(
    select ctid from ${sql.table(table)} where session_id = any (${sessions}::text[]) and ${which} limit ${ROWS})`;
  return [
    ...TABLES.map((table) => () => count(sql`delete from ${sql.table(table)} where ctid = any (${some(table)})`)),
    // Votes count on; what was said with them is said of these sessions.
    () =>
      count(sql`
        update feedback set comment = null, correction = null, tags = '{}'
        where ctid = any (${some("feedback", sql`(comment is not null or correction is not null or tags <> '{}')`)})`),
    // Keys of the API name their session and are of no use without it.
    () => count(sql`delete from inbox where ctid = any (${some("inbox", sql`account_id like 'api:%'`)})`),
    // By the other keys platforms' repeats are known, which must not be taken for something new: they stay as long as
    // those of updates without a session.
    () =>
      count(sql`
        update inbox
        set session_id = null, arrival_no = null, run_id = null, author = null, parts = null, chat_message_id = null,
            state = 'handled', burst = null, receipt = null, asks = null, language = '', key_id = null
        where ctid = any (${some("inbox")})`),
  ];
}

/** Last of all, under their locks: an input that was being accepted finds none of them any more. */
async function dropSessions(trx: Trx, sessions: SessionId[]): Promise<void> {
  if (sessions.length === 0) return;
  const locked = await trx
    .selectFrom("talk_sessions")
    .select("id")
    .where("id", "in", sessions)
    .orderBy("id")
    .forUpdate()
    .execute();
  const ids = locked.map(({ id }) => id);
  const { rows: left } = await sql<{ id: SessionId }>`
    with idle as (
      delete from lanes where session_id = any (${ids}::text[]) and session_id not in (
        select session_id from runs where state in ('running', 'waiting') and session_id = any (${ids}::text[]))
    )
    select s.id from unnest(${ids}::text[]) as s(id)
    where ${sql.join(
      // What came after its turn, as the last that a run tells of itself, is for the next round.
      [...TABLES, "traces", "inbox"].map(
        (table) => sql`not exists (select from ${sql.table(table)} x where x.session_id = s.id)`,
      ),
      sql` and `,
    )}`.execute(trx);
  if (left.length === 0) return;
  await trx
    .deleteFrom("talk_sessions")
    .where(
      "id",
      "in",
      left.map(({ id }) => id),
    )
    .execute();
}
