import { type RawBuilder, sql } from "kysely";
import type { FileId, OutboxId, RunId, SessionId } from "../ids.ts";
import type { RenderedPage } from "../platform/platform-adapter.ts";
import { toJson } from "./json.ts";
import type { RunTarget } from "./schema.ts";

export interface MergedPage {
  id: OutboxId;
  /** Null = certainly not posted under this id: a post that may have been is listed under an id of its own. */
  messageId: string | null;
  page: number;
  content: RenderedPage | null;
  /** What is on the platform equals `content` already: nothing to do but `repeat`. */
  shown: boolean;
  /** Takes the message away instead. */
  remove: boolean;
  /** Shows it once more 15 s later: an older edit may still be on its way. */
  repeat: boolean;
  /** Instead of content: a file of the session. */
  file?: FileId;
}

/** Has the dispatcher show these pages of a run. Belongs into a statement whose `mine` has a row if the run may say so. */
export function showPages(
  { session, run, attempt }: { session: SessionId; run: RunId; attempt: number },
  target: RunTarget | null,
  pages: readonly MergedPage[],
): RawBuilder<unknown> {
  return sql`
      insert into outbox (id, session_id, run_id, attempt, page, kind, file_id, account_id, chat, thread, reply_to,
                          place_kind, content, state, message_id, remove, repeat, due_at, shown_at)
      select p.id, ${session}, ${run}, ${attempt}::int, p.page,
             case when p.file is null then 'answer' else 'file' end, p.file, ${target?.account ?? null},
             ${target?.chat ?? null}, ${target?.thread ?? null}, case when p.page = 0 then ${target?.replyTo ?? null} end,
             ${target?.placeKind ?? null}, nullif(p.content, 'null'::jsonb),
             case when p."messageId" is null then 'planned' else 'sent' end, p."messageId", p.remove, p.repeat,
             case when not p.shown then now() when p.repeat then now() + interval '15 seconds' end,
             case when p.shown then now() end
      from mine, jsonb_to_recordset(${toJson(pages)}::jsonb)
        as p(id text, "messageId" text, page int, content jsonb, shown boolean, remove boolean, repeat boolean,
             file text)
      on conflict (id) do update
        set content = excluded.content, remove = excluded.remove, repeat = excluded.repeat,
            due_at = excluded.due_at, message_id = coalesce(excluded.message_id, outbox.message_id),
            state = case when coalesce(excluded.message_id, outbox.message_id) is not null then 'sent' else 'planned' end,
            shown_at = excluded.shown_at, attempt = excluded.attempt, page = excluded.page`;
}
