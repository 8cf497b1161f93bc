import { sql } from "kysely";
import { newId, type AccountId, type FeedbackId, type OutboxId, type UserId } from "../ids.ts";
import type { RenderedPage } from "../platform/platform-adapter.ts";
import { type Rated, saveFeedback } from "./feedback.ts";
import { cleanText, toJson } from "./json.ts";
import type { FeedbackSource, Trx } from "./schema.ts";

/** The votes of chats, beside other opinions of the same answer. */
const KEY = "user_feedback";

export interface Voted {
  /** Null = the vote was taken back. */
  id: FeedbackId | null;
  /** The question for a reason that is open, or was until now. */
  asked: OutboxId | null;
}

/** Votes for an answer; the same vote again takes it back, the other one changes it, and what was said of the one before goes. */
export async function vote(
  trx: Trx,
  user: UserId,
  about: Rated,
  { rating, source }: { rating: 1 | -1; source: FeedbackSource },
): Promise<Voted> {
  const { rows } = await sql<{ id: FeedbackId; ask_page: OutboxId | null; rating: number }>`
    select id, ask_page, rating from feedback
    where author = ${user} and target = ${about.runId} and key = ${KEY} for update`.execute(trx);
  const before = rows[0];
  const asked = before?.ask_page ?? null;
  if (before?.rating === rating) {
    await trx.deleteFrom("feedback").where("id", "=", before.id).execute();
    return { id: null, asked };
  }
  const { id } = await saveFeedback(trx, newId("fb"), { author: user, userId: user }, about, {
    rating,
    source,
    key: KEY,
  });
  if (before) {
    await sql`update feedback set comment = null, ask_page = null, ask_until = null where id = ${id}`.execute(trx);
  }
  return { id, asked };
}

/** The last page of an answer in the chat; null = it is not kept any more. */
export async function lastPageOf(
  trx: Trx,
  { sessionId, runId }: Rated,
): Promise<{ id: OutboxId; content: RenderedPage } | null> {
  const { rows } = await sql<{ id: OutboxId; content: RenderedPage }>`
    select id, content from outbox
    where session_id = ${sessionId} and run_id = ${runId} and kind = 'answer' and not remove and content is not null
    order by page desc limit 1 for update`.execute(trx);
  return rows[0] ?? null;
}

/** Shows another content where a page of an answer stands. `messageId`: of its message, which has just been pressed. */
export async function showAnew(trx: Trx, page: OutboxId, content: RenderedPage, messageId: string): Promise<void> {
  await sql`
    update outbox set content = ${toJson(content)}::jsonb, message_id = coalesce(message_id, ${messageId}::text),
      state = case when owner is null then 'sent' else state end,
      -- An edit that is under way shows what was there before; what is due only later is due again when it is done.
      repeat = repeat or owner is not null,
      due_at = case when owner is null then now() else now() + interval '6 seconds' end
    where id = ${page}`.execute(trx);
}

/** A question for a reason is over, and goes away. */
export async function removeQuestion(trx: Trx, page: OutboxId): Promise<void> {
  await sql`
    update outbox set remove = true, due_at = case when state = 'sending' then due_at else now() end
    where id = ${page} and state in ('planned', 'sending', 'sent')`.execute(trx);
}

/** The vote is asked for its reason in a message of ours, for an hour. */
export async function askReason(trx: Trx, id: FeedbackId, page: OutboxId): Promise<void> {
  await sql`
    update feedback set ask_page = ${page}, ask_until = now() + interval '1 hour' where id = ${id}`.execute(trx);
}

/** The open question for a reason that somebody's message answers; null = it is none, or was answered, or is over. */
export async function findAsked(
  trx: Trx,
  user: UserId,
  at: { account: AccountId; chat: string; messageId: string },
): Promise<FeedbackId | null> {
  const { rows } = await sql<{ id: FeedbackId }>`
    select f.id from outbox o join feedback f on f.ask_page = o.id
    where o.account_id = ${at.account} and o.chat = ${at.chat}
      -- Whoever answers at once may be quicker than the receipt of its post.
      and (o.message_id = ${at.messageId} or (o.message_id is null and o.state = 'sending'))
      and f.author = ${user} and f.ask_until > now() for update of f`.execute(trx);
  return rows[0]?.id ?? null;
}

/** Keeps why somebody did not like an answer. */
export async function keepReason(trx: Trx, id: FeedbackId, reason: string): Promise<void> {
  await sql`
    update feedback set comment = ${cleanText(reason)}, ask_until = null, updated_at = now()
    where id = ${id}`.execute(trx);
}

/** The vote of a person for a run; null = they have none any more. */
export async function findVote(trx: Trx, user: UserId, { runId }: Rated): Promise<FeedbackId | null> {
  const row = await trx
    .selectFrom("feedback")
    .select("id")
    .where("author", "=", user)
    .where("target", "=", runId ?? "")
    .where("key", "=", KEY)
    .executeTakeFirst();
  return row?.id ?? null;
}
