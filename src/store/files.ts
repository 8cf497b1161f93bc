import { sql } from "kysely";
import type { Part } from "../agent/message.ts";
import type { FileId, MessageId, RunId, SessionId } from "../ids.ts";
import { cleanText, toJson } from "./json.ts";
import type { Db, Trx } from "./schema.ts";

export interface SessionFile {
  id: FileId;
  /** For people; no path. */
  name: string;
  mediaType: string;
  bytes: Uint8Array;
}

/** Who writes: an attempt that is over writes nothing. */
export interface WritingRun {
  session: SessionId;
  id: RunId;
  attempt: number;
}

/**
 * Keeps what came of the files of a run's messages: the files, and the messages' parts as they are now. Returns false,
 * and has written nothing, if the attempt is over. Locks the inbox before the run.
 */
export async function keepTurn(
  trx: Trx,
  run: WritingRun,
  messages: { messageId: MessageId; parts: Part[] }[],
  files: SessionFile[],
): Promise<boolean> {
  await sql`
    select from inbox where session_id = ${run.session} and run_id = ${run.id}
    order by arrival_no for update`.execute(trx);
  const { rows } = await sql`
    select 1 from runs
    where session_id = ${run.session} and id = ${run.id} and attempt = ${run.attempt} and state = 'running'
    for share`.execute(trx);
  if (rows.length === 0) return false;
  await sql`
    update inbox b set parts = m.parts
    from jsonb_to_recordset(${toJson(messages)}::jsonb) as m("messageId" text, parts jsonb)
    where b.session_id = ${run.session} and b.run_id = ${run.id} and b.message_id = m."messageId"`.execute(trx);
  for (const file of files) await insertFile(trx, run.session, file);
  return true;
}

/** Keeps a file that a run has made; the same id again changes nothing. False = the attempt is over. */
export async function keepMade(db: Db, run: WritingRun, file: SessionFile): Promise<boolean> {
  const { rows } = await sql<{ mine: boolean }>`
    with mine as (
      select r.session_id from runs r
      where r.session_id = ${run.session} and r.id = ${run.id} and r.attempt = ${run.attempt} and r.state = 'running'
      for share of r
    ), kept as (
      insert into files (id, session_id, name, media_type, size, content)
      select ${file.id}, session_id, ${cleanText(file.name)}::text, ${file.mediaType}::text, ${file.bytes.length}::int,
             ${file.bytes}::bytea
      from mine
      on conflict (id) do nothing
    )
    select exists (select from mine) as mine`.execute(db);
  return rows[0]!.mine;
}

export async function insertFile(
  trx: Trx,
  session: SessionId,
  { id, name, mediaType, bytes }: SessionFile,
): Promise<void> {
  const row = { id, session_id: session, name: cleanText(name), media_type: mediaType, size: bytes.length };
  await trx
    .insertInto("files")
    .values({ ...row, content: bytes })
    .execute();
}

/** Files of one session, in no order; those that are gone, or another session's, are missing. */
export async function readFiles(db: Db, session: SessionId, ids: FileId[]): Promise<SessionFile[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom("files")
    .select(["id", "name", "media_type", "content"])
    .where("session_id", "=", session)
    .where("id", "in", ids)
    .execute();
  return rows.map((row) => ({ id: row.id, name: row.name, mediaType: row.media_type, bytes: row.content }));
}
