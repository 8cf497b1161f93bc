import { type RawBuilder, sql } from "kysely";
import type { Message } from "../agent/message.ts";
import { type MessageId, newId, type RunId, type SessionId } from "../ids.ts";
import { toJson } from "./json.ts";
import type { Db, Trx } from "./schema.ts";

export interface StoredMessage {
  seq: number;
  messageId: MessageId;
  runId: RunId;
  message: Message;
  /** Who answered, or was asked. */
  agent: string | null;
  traceId: string | null;
  /** As the agent that keeps the history wrote it; null = the gateway keeps it. */
  original: Record<string, unknown> | null;
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
  agent: string | null;
  trace_id: string | null;
  original: Record<string, unknown> | null;
  created_at: Date;
}

function fromRow(row: Omit<Row, "session_id">): StoredMessage {
  const message: Message = { role: row.role, parts: row.parts, status: row.status };
  if (row.author) message.author = row.author;
  const { agent, original, trace_id: traceId } = row;
  return {
    seq: row.seq,
    messageId: row.message_id,
    runId: row.run_id,
    message,
    agent,
    traceId,
    original,
    createdAt: row.created_at,
  };
}

/** What a run is given of its session's history. */
export interface StoredWindow {
  /** Stands for the messages before `firstKeptSeq`; "" = none does, and that is 1. */
  summary: string;
  firstKeptSeq: number;
  /** By model: how many tokens it counted for one of our estimate. */
  ratios: Record<string, number>;
  /** The newest messages from there on, oldest first; the first may be later than `firstKeptSeq`. */
  messages: StoredMessage[];
  /** Seqs of messages that were taken back, `from <= seq < before`; absent = there are none. */
  hidden?: { from: number; before: number }[];
}

/** Comes with the newest message of a session, or alone where there is none. */
interface Header {
  summary: string | null;
  first_kept: number | null;
  ratios: Record<string, number> | null;
  hidden: string | null;
}

/** A window holds no more than fits into any prompt several times over: it is read for many sessions at once. */
const WINDOW_BYTES = 2_000_000;
/** What a small message counts, so that small ones are bounded in number as well. */
const LEAST_BYTES = 2_000;

/**
 * The newest messages of `q.id` on one side of a seq, as many as are allowed; the newest is always there. With bounds on
 * both sides the planner thinks of so few rows that it reads and sorts them all.
 */
const newest = (bound: RawBuilder<unknown>, limit: number) => sql`
  select * from (
    select w.*, sum(w.bytes) over (order by w.seq desc rows unbounded preceding) - w.bytes as newer
    from (
      select *, case when pg_column_size(parts) < ${LEAST_BYTES} then ${LEAST_BYTES}::bigint
                     else octet_length(parts::text) end as bytes
      from messages where session_id = q.id and seq ${bound} and not hidden order by seq desc limit ${limit}
    ) w
  ) b where b.newer < ${WINDOW_BYTES}`;

/**
 * Of each session its newest summary and the newest `limit` messages that it does not stand for: one backward walk of
 * each primary key per session, however long it is. Only large values are unpacked to be measured.
 */
export async function windows(db: Db, sessions: SessionId[], limit: number): Promise<Map<SessionId, StoredWindow>> {
  const { rows } = await sql<Header & (Row | { session_id: SessionId; seq: null })>`
    select q.id as session_id, m.seq, m.message_id, m.run_id, m.role, m.parts, m.status, m.author, m.agent, m.trace_id,
           m.original,
           m.created_at,
           case when coalesce(m.newer, 0) = 0 then c.summary end as summary, c.first_kept_seq as first_kept,
           case when coalesce(m.newer, 0) = 0 then s.token_ratios end as ratios,
           case when coalesce(m.newer, 0) = 0 then nullif(s.hidden::text, '{}') end as hidden
    from jsonb_array_elements_text(${toJson(sessions)}::jsonb) as q(id)
    left join talk_sessions s on s.id = q.id
    left join lateral (
      select first_kept_seq, summary from compactions where session_id = q.id order by first_kept_seq desc limit 1
    ) c on true
    left join lateral (${newest(sql`>= coalesce(c.first_kept_seq, 1)`, limit)}) m on true
    order by q.id, m.seq`.execute(db);
  const found = new Map<SessionId, StoredWindow>();
  for (const row of rows) {
    const window = found.get(row.session_id) ?? { summary: "", firstKeptSeq: 1, ratios: {}, messages: [] };
    found.set(row.session_id, window);
    if (row.first_kept !== null) window.firstKeptSeq = row.first_kept;
    if (row.summary !== null) window.summary = row.summary;
    if (row.ratios !== null) window.ratios = row.ratios;
    if (row.hidden !== null) window.hidden = readRanges(row.hidden);
    if (row.seq !== null) window.messages.push(fromRow(row));
  }
  return found;
}

/** What Postgres writes for an int8multirange: https://www.postgresql.org/docs/current/rangetypes.html#RANGETYPES-IO */
function readRanges(text: string): { from: number; before: number }[] {
  return [...text.matchAll(/\[(\d+),(\d+)\)/g)].map(([, from, before]) => ({
    from: Number(from),
    before: Number(before),
  }));
}

/** The newest messages of a session with `from <= seq < before`, oldest first, as many as a window may hold. */
export async function messagesBetween(
  db: Db,
  session: SessionId,
  from: number,
  before: number,
  limit: number,
): Promise<StoredMessage[]> {
  const { rows } = await sql<Row>`
    select m.* from (select ${session}::text as id) q
    cross join lateral (${newest(sql`< ${before}::bigint`, limit)}) m
    where m.seq >= ${from}::bigint
    order by m.seq`.execute(db);
  return rows.map(fromRow);
}

/** What was said elsewhere, before this session began: the first messages of a session that is made in this transaction. */
export async function insertPast(trx: Trx, session: SessionId, messages: readonly Message[]): Promise<void> {
  if (messages.length === 0) return;
  const rows = messages.map(({ role, parts, status }) => ({ role, parts, status, id: newId("msg") }));
  await sql`
    insert into messages (session_id, seq, message_id, run_id, idx, role, parts, status)
    select ${session}, m.n, m.value->>'id', ${newId("run")}, m.n - 1, m.value->>'role', m.value->'parts',
           m.value->>'status'
    from jsonb_array_elements(${toJson(rows)}::jsonb) with ordinality as m(value, n)`.execute(trx);
  await trx.updateTable("talk_sessions").set({ head_seq: rows.length }).where("id", "=", session).execute();
}

/** Messages with `seq > after` that were not taken back, oldest first, at most `limit`. */
export async function messagesAfter(
  db: Db,
  session: SessionId,
  after: number,
  limit: number,
): Promise<StoredMessage[]> {
  const rows = await db
    .selectFrom("messages")
    .select([
      "seq",
      "message_id",
      "run_id",
      "role",
      "parts",
      "status",
      "author",
      "trace_id",
      "original",
      "created_at",
      // Of messages that are older than this column their run knows it.
      sql<string | null>`coalesce(agent, (
        select r.agent from runs r where r.session_id = messages.session_id and r.id = messages.run_id))`.as("agent"),
    ])
    .where("session_id", "=", session)
    .where("seq", ">", after)
    .where("hidden", "=", false)
    .orderBy("seq")
    .limit(limit)
    .execute();
  return rows.map(fromRow);
}
