import { type RawBuilder, sql } from "kysely";
import type { SessionId } from "../ids.ts";
import type { Erasure } from "./erasures.ts";
import type { Root, Trx } from "./schema.ts";
import { stopPerson } from "./stop-person.ts";
import { retrying, withTransaction } from "./transaction.ts";

/** Sessions at once, and rows of one statement. */
const SESSIONS = 100;
const ROWS = 5_000;
/** Their spans go with them. */
const TRACES = 500;

/** What is a session's, and nothing but a session's. What its runs have used is a number without a name, and stays. */
const TABLES = ["messages", "compactions", "run_events", "approvals", "files", "outbox", "traces", "runs"] as const;

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
    for (const deleteSome of quiet.length > 0 ? steps(db, quiet) : []) {
      for (let more = true; more;) {
        if (!(await goOn())) return false;
        more = await retrying(deleteSome);
      }
    }
    await withTransaction(db, (trx) => dropSessions(trx, quiet));
  }
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

/** Each deletes up to a batch and says whether there may be more. */
function steps(db: Root, sessions: SessionId[]): (() => Promise<boolean>)[] {
  const batchOf = async (statement: RawBuilder<unknown>, batch = ROWS): Promise<boolean> =>
    Number((await statement.execute(db)).numAffectedRows ?? 0n) === batch;
  const some = (table: string, which = sql`true`, batch = ROWS) => sql`array(
    select ctid from ${sql.table(table)} where session_id = any (${sessions}::text[]) and ${which} limit ${batch})`;
  return [
    ...TABLES.map((table) => () => {
      const batch = table === "traces" ? TRACES : ROWS;
      return batchOf(sql`delete from ${sql.table(table)} where ctid = any (${some(table, sql`true`, batch)})`, batch);
    }),
    // Votes count on; what was said with them is said of these sessions.
    () =>
      batchOf(sql`
        update feedback set comment = null, correction = null, tags = '{}'
        where ctid = any (${some("feedback", sql`(comment is not null or correction is not null or tags <> '{}')`)})`),
    // Keys of the API name their session and are of no use without it.
    () => batchOf(sql`delete from inbox where ctid = any (${some("inbox", sql`account_id like 'api:%'`)})`),
    // By the other keys platforms' repeats are known, which must not be taken for something new: they stay as long as
    // those of updates without a session.
    () =>
      batchOf(sql`
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
      [...TABLES, "inbox"].map(
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
