import { type RawBuilder, sql } from "kysely";
import type { AccountId, SessionId } from "../ids.ts";
import { toJson } from "./json.ts";
import { withdrawing } from "./receipts.ts";
import type { Db } from "./schema.ts";

/** A message's parts with other words of its author's; what came with it stays. */
export function withWords(parts: RawBuilder<unknown>, words: RawBuilder<unknown>): RawBuilder<unknown> {
  const some = (type: string) => sql`
    coalesce((select jsonb_agg(p) from jsonb_array_elements(${parts}) p where p->>'type' = ${type}::text), '[]')`;
  return sql`(${some("context")} || ${words} || ${some("file")})`;
}

/**
 * Gives a message that still waits other words, or takes it back (null). One that has not come yet is changed when it
 * does, if it is `awaited`: platforms promise no order, but what people say to each other is not kept. `session` null =
 * nobody has talked there yet. What was taken already stays as it was.
 */
export async function changeWaiting(
  db: Db,
  message: { account: AccountId; chat: string; session: SessionId | null; chatMessageId: string; awaited: boolean },
  text: string | null,
): Promise<void> {
  const { account, chat, session, chatMessageId, awaited } = message;
  const words = text === null ? null : toJson(text === "" ? [] : [{ type: "text", text }]);
  const change =
    words === null ? sql`state = 'withdrawn'` : sql`parts = ${withWords(sql`b.parts`, sql`${words}::jsonb`)}`;
  const written = sql`b.chat_message_id = ${chatMessageId}`;
  const these =
    words === null
      ? withdrawing(sql`${session}::text`, written)
      : sql`these as (
          select b.account_id, b.update_key from inbox b
          where b.session_id = ${session}::text and ${written} and b.state = 'waiting'
          order by b.arrival_no for update)`;
  await sql`
    with ${these}, changed as (
      update inbox b set ${change} from these
      where b.account_id = these.account_id and b.update_key = these.update_key
    )
    insert into early_edits (account_id, chat, chat_message_id, parts)
    select ${account}::text, ${chat}::text, ${chatMessageId}::text, ${words}::jsonb
    where ${awaited}::boolean
      and not exists (select from inbox where session_id = ${session}::text and chat_message_id = ${chatMessageId})
    on conflict (account_id, chat, chat_message_id) do update set parts = excluded.parts`.execute(db);
}
