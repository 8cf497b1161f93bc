import { type RawBuilder, sql } from "kysely";
import type { MessageId, RunId, SessionId } from "../ids.ts";
import type { Rated } from "./feedback.ts";
import type { Db } from "./schema.ts";

/** What an opinion is about, by whichever names are known of it; at least one. They have to fit together. */
export interface RatedNames {
  session: SessionId | null;
  run: RunId | null;
  /** Together with its session. */
  message: MessageId | null;
  trace: string | null;
}

const model = sql`(select u.model from run_usage u where u.session_id = r.session_id and u.run_id = r.id
  and u.agent = r.agent order by u.output_tokens desc limit 1)`;

/** The run, message, session or trace as the store knows it, whosever it is: the caller looks whether it may be touched. */
export async function findRated(db: Db, { session, run, message, trace }: RatedNames): Promise<Rated | null> {
  if (run === null && message === null && trace === null) return session === null ? null : findSession(db, session);
  const named = [
    ...(session === null ? [] : [sql`r.session_id = ${session}`]),
    ...(run === null ? [] : [sql`r.id = ${run}`]),
    ...(trace === null ? [] : [sql`r.trace_id = ${trace}`]),
    ...(message === null
      ? []
      : [sql`r.id = (select m.run_id from messages m where m.session_id = ${session} and m.message_id = ${message})`]),
  ];
  const found = await findRun(db, sql.join(named, sql` and `), message);
  return found === null && trace !== null && named.length === 1 ? findTraced(db, trace) : found;
}

/** What an agent has told of itself, or a run whose row is gone. */
async function findTraced(db: Db, trace: string): Promise<Rated | null> {
  const { rows } = await sql<Rated>`
    select case when t.user_id is not null then t.session_id end as "sessionId", null as "runId", null as "messageId",
           t.trace_id as "traceId", t.user_id as "userId", t.agent, t.model, null as "cardVersion"
    from traces t where t.trace_id = ${trace}`.execute(db);
  return rows[0] ?? null;
}

async function findRun(db: Db, where: RawBuilder<unknown>, message: MessageId | null): Promise<Rated | null> {
  const { rows } = await sql<Rated>`
    select r.session_id as "sessionId", r.id as "runId", ${message}::text as "messageId", r.trace_id as "traceId",
           s.user_id as "userId", r.agent, r.card_version as "cardVersion", ${model} as model
    from runs r join talk_sessions s on s.id = r.session_id where ${where} limit 1`.execute(db);
  return rows[0] ?? null;
}

async function findSession(db: Db, session: SessionId): Promise<Rated | null> {
  const row = await db
    .selectFrom("talk_sessions")
    .select(["user_id", "agent"])
    .where("id", "=", session)
    .executeTakeFirst();
  const none = { runId: null, messageId: null, traceId: null, model: null, cardVersion: null };
  return row ? { ...none, sessionId: session, userId: row.user_id, agent: row.agent } : null;
}
/** The run whose answer has buttons that bring this back. */
export async function findVoted(db: Db, hash: string, at: { account: string; chat: string }): Promise<Rated | null> {
  const here = sql`r.reply_target @> jsonb_build_object('account', ${at.account}::text, 'chat', ${at.chat}::text)`;
  return findRun(db, sql`r.vote_hash = ${hash} and ${here}`, null);
}
