import { sql } from "kysely";
import type { Message } from "../agent/message.ts";
import type { MessageId, RunId, SessionId } from "../ids.ts";
import { toJson } from "./json.ts";
import type { Db } from "./schema.ts";

export interface StoredMessage {
  seq: number;
  messageId: MessageId;
  runId: RunId;
  message: Message;
  createdAt: Date;
}

interface Row {
  session_id: SessionId;
  seq: number;
  message_id: MessageId;
  run_id: RunId;
  role: Message["role"];
  parts: Message["parts"];
  status: Message["status"];
  author: Message["author"] | null;
  created_at: Date;
}

function fromRow(row: Omit<Row, "session_id">): StoredMessage {
  const message: Message = { role: row.role, parts: row.parts, status: row.status };
  if (row.author) message.author = row.author;
  return { seq: row.seq, messageId: row.message_id, runId: row.run_id, message, createdAt: row.created_at };
}

/** A window holds no more than fits into any prompt several times over: it is read for many sessions at once. */
const WINDOW_BYTES = 2_000_000;

/**
 * The newest `limit` messages of each session, oldest first: one backward walk of the primary key per session. Fewer
 * where they are large; the newest is always there. Only large values are unpacked to be measured.
 */
export async function windows(db: Db, sessions: SessionId[], limit: number): Promise<Map<SessionId, StoredMessage[]>> {
  const { rows } = await sql<Row>`
    select m.session_id, m.seq, m.message_id, m.run_id, m.role, m.parts, m.status, m.author, m.created_at
    from jsonb_array_elements_text(${toJson(sessions)}::jsonb) as q(id)
    cross join lateral (
      select w.*, sum(w.bytes) over (order by w.seq desc rows unbounded preceding) - w.bytes as newer
      from (
        select *, case when pg_column_size(parts) < 2000 then 2000 else octet_length(parts::text) end as bytes
        from messages where session_id = q.id order by seq desc limit ${limit}
      ) w
    ) m
    where m.newer < ${WINDOW_BYTES}
    order by m.session_id, m.seq`.execute(db);
  const found = new Map<SessionId, StoredMessage[]>(sessions.map((session) => [session, []]));
  for (const row of rows) found.get(row.session_id)?.push(fromRow(row));
  return found;
}

/** Messages with `seq > after`, oldest first, at most `limit`. */
export async function messagesAfter(
  db: Db,
  session: SessionId,
  after: number,
  limit: number,
): Promise<StoredMessage[]> {
  const rows = await db
    .selectFrom("messages")
    .select(["seq", "message_id", "run_id", "role", "parts", "status", "author", "created_at"])
    .where("session_id", "=", session)
    .where("seq", ">", after)
    .orderBy("seq")
    .limit(limit)
    .execute();
  return rows.map(fromRow);
}
