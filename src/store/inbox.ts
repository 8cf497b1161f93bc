import { type RawBuilder, sql } from "kysely";
import type { AccountId, MessageId, ReplicaId, RunId, SessionId, UserId } from "../ids.ts";
import type { Part } from "../agent/message.ts";
import type { BurstHint } from "../platform/incoming-update.ts";
import { toJson } from "./json.ts";
import { withWords } from "./change-waiting.ts";
import { withdrawing } from "./receipts.ts";
import type { Db, InboxState } from "./schema.ts";
import type { Asker } from "./talk-sessions.ts";

/** A message to accept: for a session of the API (`session` with its user), or for a place that may be known. */
export interface ArrivingMessage {
  account: AccountId;
  updateKey: string;
  messageId: MessageId;
  parts: Part[];
  /** The agent it names; left out: none. */
  asks?: string | null;
  /** The stored key that it came with; left out: none. */
  keyId?: string | null;
  /** Of the person who wrote it; "" = unknown. */
  language: string;
  writtenAt: Date;
  session: { id: SessionId; userId: UserId } | null;
  place: {
    chat: string;
    thread: string;
    platform: string;
    senderId: string;
    senderName: string;
    /** Group places: the author goes with the message. */
    authored: boolean;
    /** The gate lets the sender in as they are; false = only if the operator has approved their identity. */
    open: boolean;
    chatMessageId: string;
    burst: BurstHint | null;
  } | null;
}

/** `unknown`: the session, place or identity is not there (or not allowed): the slow path decides. */
export interface Arrival {
  outcome: "stored" | "repeat" | "unknown";
  messageId: MessageId;
  sessionId: SessionId | null;
}

/**
 * Accepts messages whose sessions exist: dedupe, arrival number, inbox row, lane and hint, in one statement. The keys
 * of `messages` differ from each other. What somebody says in a chat right behind a message that names an agent, the
 * rest of a long text or what they forward with it, names that agent too.
 */
export async function acceptKnown(db: Db, messages: ArrivingMessage[], replica: ReplicaId): Promise<Arrival[]> {
  const input = toJson(
    messages.map(({ session, place, ...message }, idx) => ({
      idx,
      account_id: message.account,
      update_key: message.updateKey,
      message_id: message.messageId,
      parts: message.parts,
      asks: message.asks ?? null,
      key_id: message.keyId ?? null,
      language: message.language,
      written_at: message.writtenAt,
      session_id: session?.id ?? null,
      user_id: session?.userId ?? null,
      chat: place?.chat ?? null,
      thread: place?.thread ?? null,
      platform: place?.platform ?? null,
      sender: place?.senderId ?? null,
      author: place?.authored ? { id: place.senderId, name: place.senderName } : null,
      open: place?.open ?? false,
      chat_message_id: place?.chatMessageId ?? null,
      burst: place?.burst ?? null,
    })),
  );
  const { rows } = await sql<{
    idx: number;
    session_id: SessionId | null;
    message_id: MessageId | null;
    stored: boolean;
    hint: string;
  }>`
    with input as (
      select * from jsonb_to_recordset(${input}::jsonb) as i(
        idx int, account_id text, update_key text, message_id text, parts jsonb, written_at timestamptz,
        session_id text, user_id text, chat text, thread text, platform text, sender text, author jsonb,
        open boolean, chat_message_id text, burst text, language text, asks text, key_id text)
    ), known as (
      select i.*, s.id as sid, s.user_id as uid
      from input i
      left join places p
        on i.session_id is null and p.account_id = i.account_id and p.chat = i.chat and p.thread = i.thread
      join talk_sessions s on s.id = coalesce(i.session_id, p.session_id)
      left join identities d on d.platform = i.platform and d.external_id = i.sender
      where case when i.session_id is not null then s.user_id = i.user_id and not exists (
                   select from identities o where o.user_id = s.user_id and o.blocked_at is not null)
                 else d.user_id is not null and d.blocked_at is null and (i.open or d.approved_at is not null) end
    ), old as (
      select k.idx, b.session_id, b.message_id from known k join inbox b using (account_id, update_key)
    ), fresh as (
      select k.*, row_number() over (partition by k.sid order by k.idx) as rank,
             array_agg(k.asks) filter (where k.asks is not null and k.chat_message_id is not null)
               over (partition by k.sid, k.author order by k.idx) as named
      from known k where not exists (select from old where old.idx = k.idx)
    ), locked as (
      select id from talk_sessions where id in (select sid from fresh) order by id for update
    ), counted as (
      update talk_sessions s set arrival_no = s.arrival_no + c.n, updated_at = now()
      from (select sid, count(*) as n from fresh group by sid) c, locked
      where s.id = c.sid and locked.id = c.sid
      returning s.id, s.arrival_no - c.n as base
    ), stored as (
      insert into inbox (account_id, update_key, session_id, arrival_no, message_id, state, author, parts,
                         chat_message_id, burst, language, asks, key_id, written_at)
      select f.account_id, f.update_key, f.sid, c.base + f.rank, f.message_id,
             case when e.chat is not null and e.parts is null then 'withdrawn' else 'waiting' end, f.author,
             case when e.parts is null then f.parts else ${withWords(sql`f.parts`, sql`e.parts`)} end,
             f.chat_message_id, f.burst, f.language,
             coalesce(f.asks, case when f.chat_message_id is not null
                              then coalesce(f.named[cardinality(f.named)], b.asks) end), f.key_id, f.written_at
      from fresh f join counted c on c.id = f.sid
      left join inbox b
        on b.session_id = f.sid and b.arrival_no = c.base and b.author is not distinct from f.author
        and b.chat_message_id is not null and b.received_at > now() - interval '1500 milliseconds'
      left join early_edits e
        on e.account_id = f.account_id and e.chat = f.chat and e.chat_message_id = f.chat_message_id
      order by f.account_id, f.update_key
      on conflict (account_id, update_key) do nothing
      returning account_id, update_key, session_id
    ), laned as (
      insert into lanes (session_id, lane, user_id, arrivals)
      select s.session_id, 0, min(f.uid), count(*)
      from stored s join fresh f using (account_id, update_key)
      group by s.session_id order by s.session_id
      on conflict (session_id, lane) do update
        set arrivals = lanes.arrivals + excluded.arrivals, ready_at = least(lanes.ready_at, now())
      returning session_id
    ), hinted as (
      select pg_notify('parley', ${replica}::text || ' ' || string_agg(session_id, ',')) from laned
      having count(*) > 0
    )
    select i.idx, coalesce(s.session_id, o.session_id, k.sid) as session_id,
           coalesce(o.message_id, case when s.session_id is not null then i.message_id end) as message_id,
           s.session_id is not null as stored, (select count(*) from hinted) as hint
    from input i
    left join known k using (idx)
    left join old o using (idx)
    left join stored s on s.account_id = i.account_id and s.update_key = i.update_key
    order by i.idx`.execute(db);
  // What another connection was committing meanwhile, which this statement's snapshot could not show: the same message,
  // or that its session is gone.
  const raced = rows.filter((row) => row.session_id !== null && row.message_id === null);
  const known = raced.length === 0 ? new Map<number, MessageId>() : await findStored(db, messages);
  return rows.map((row) => {
    const messageId = row.message_id ?? (row.session_id === null ? undefined : known.get(row.idx));
    if (messageId === undefined) {
      return { outcome: "unknown", messageId: messages[row.idx]!.messageId, sessionId: null };
    }
    return { outcome: row.stored ? "stored" : "repeat", messageId, sessionId: row.session_id };
  });
}

/** The ids under which messages are stored, by their index. */
async function findStored(db: Db, messages: ArrivingMessage[]): Promise<Map<number, MessageId>> {
  const keys = messages.map(({ account, updateKey }, idx) => ({ idx, account_id: account, update_key: updateKey }));
  const { rows } = await sql<{ idx: number; message_id: MessageId }>`
    select k.idx, b.message_id
    from jsonb_to_recordset(${toJson(keys)}::jsonb) as k(idx int, account_id text, update_key text)
    join inbox b using (account_id, update_key)`.execute(db);
  return new Map(rows.map((row) => [row.idx, row.message_id]));
}

/** The parts of what was accepted under a key; null = nothing was. */
export async function acceptedParts(db: Db, account: AccountId, updateKey: string): Promise<Part[] | null> {
  const row = await db
    .selectFrom("inbox")
    .select("parts")
    .where("account_id", "=", account)
    .where("update_key", "=", updateKey)
    .executeTakeFirst();
  return row?.parts ?? null;
}

/** Records an update that has its effect in this transaction (or none). False = it was here before: do nothing. */
export async function recordUpdate(
  db: Db,
  update: { account: AccountId; key: string; messageId: MessageId; state: "handled" | "failed" | "refused" },
): Promise<boolean> {
  const result = await db
    .insertInto("inbox")
    .values({
      account_id: update.account,
      update_key: update.key,
      message_id: update.messageId,
      state: update.state,
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
}

/** Withdraws everything that waits in a session, and returns it. */
export async function withdrawWaiting(db: Db, session: SessionId): Promise<MessageId[]> {
  return withdraw(db, sql`${session}`, sql`true`);
}

/** Withdraws what this person wrote in a chat and what still waits; returns how much that was. */
export async function withdrawOwn(
  db: Db,
  at: { account: AccountId; chat: string },
  { senderId, userId }: Asker,
): Promise<number> {
  const places = (own = sql`true`) => sql`
    select p.session_id from places p where p.account_id = ${at.account} and p.chat = ${at.chat} and ${own}`;
  const own = sql`case p.kind when 'group' then b.author->>'id' = ${senderId} else p.user_id = ${userId}::text end`;
  const withdrawn = await withdraw(db, places(), sql`b.session_id in (${places(own)})`);
  return withdrawn.length;
}

/** Withdraws single messages that still wait. */
export async function withdrawArrivals(db: Db, session: SessionId, arrivals: number[]): Promise<void> {
  await withdraw(db, sql`${session}`, sql`b.arrival_no = any (${arrivals}::bigint[])`);
}

async function withdraw(db: Db, sessions: RawBuilder<unknown>, which: RawBuilder<unknown>): Promise<MessageId[]> {
  const { rows } = await sql<{ message_id: MessageId }>`
    with ${withdrawing(sessions, which)}
    update inbox b set state = 'withdrawn' from these
    where b.account_id = these.account_id and b.update_key = these.update_key
    returning b.message_id`.execute(db);
  return rows.map(({ message_id: id }) => id);
}

/** What became of a message that was accepted lately; null = it is not there. */
export async function fateOfMessage(
  db: Db,
  session: SessionId,
  message: MessageId,
): Promise<{ state: InboxState; run: RunId | null } | null> {
  const { rows } = await sql<{ state: InboxState; run: RunId | null }>`
    select b.state, b.run_id as run from (
      select message_id, state, run_id from inbox where session_id = ${session} order by arrival_no desc limit 1000
    ) b where b.message_id = ${message}`.execute(db);
  return rows[0] ?? null;
}

export interface ArrivedRow {
  arrivalNo: number;
  messageId: MessageId;
  author: { id: string; name: string } | null;
  parts: Part[];
  receivedAt: Date;
}

/** What was accepted for a session after an arrival and not withdrawn, whatever else became of it, in order; at most 200. */
export async function arrivalsAfter(db: Db, session: SessionId, after: number): Promise<ArrivedRow[]> {
  const rows = await db
    .selectFrom("inbox")
    .select(["arrival_no", "message_id", "author", "parts", "received_at"])
    .where("session_id", "=", session)
    .where("arrival_no", ">", after)
    .where("state", "<>", "withdrawn")
    .orderBy("arrival_no")
    .limit(200)
    .execute();
  return rows.map((row) => ({
    arrivalNo: row.arrival_no!,
    messageId: row.message_id,
    author: row.author,
    parts: row.parts ?? [],
    receivedAt: row.received_at,
  }));
}
