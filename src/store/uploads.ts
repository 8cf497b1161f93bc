import { sql } from "kysely";
import type { FileId, SessionId, UserId } from "../ids.ts";
import type { SessionFile } from "./files.ts";
import { cleanText } from "./json.ts";
import type { Trx } from "./schema.ts";

/** What one person has uploaded into all of their sessions and not sent. */
const UNSENT_FILES = 40;
const UNSENT_BYTES = 100_000_000;

/**
 * Keeps a file that a message is to name. What this person uploaded an hour ago and never sent makes room for it.
 * `full`: too much waits to be sent; `unknown`: they have no such session.
 */
export async function keepUpload(
  trx: Trx,
  { user, session }: { user: UserId; session: SessionId },
  { id, name, mediaType, bytes }: SessionFile,
): Promise<"kept" | "full" | "unknown"> {
  const { rows } = await sql`
    select from talk_sessions where id = ${session} and user_id = ${user} for share`.execute(trx);
  if (rows.length === 0) return "unknown";
  const theirs = sql`f.unsent and exists (select from talk_sessions s where s.id = f.session_id and s.user_id = ${user})`;
  await sql`delete from files f where ${theirs} and f.created_at < now() - interval '1 hour'`.execute(trx);
  const { numAffectedRows } = await sql`
    insert into files (id, session_id, name, media_type, size, content, unsent)
    select ${id}, ${session}, ${cleanText(name)}::text, ${mediaType}::text, ${bytes.length}::int, ${bytes}::bytea, true
    from (select count(*) as n, coalesce(sum(f.size), 0) as size from files f where ${theirs}) unsent
    where unsent.n < ${UNSENT_FILES} and unsent.size + ${bytes.length}::int <= ${UNSENT_BYTES}::bigint`.execute(trx);
  return numAffectedRows === 1n ? "kept" : "full";
}

/** Files of the person's session that a message names from now on, in no order; those that are not there are missing. */
export async function takeUploads(
  trx: Trx,
  { user, session }: { user: UserId; session: SessionId },
  ids: FileId[],
): Promise<(Omit<SessionFile, "bytes"> & { size: number })[]> {
  const { rows } = await sql<Omit<SessionFile, "bytes"> & { size: number }>`
    update files f set unsent = false from talk_sessions s
    where s.id = f.session_id and s.user_id = ${user} and f.session_id = ${session} and f.id = any (${ids}::text[])
    returning f.id, f.name, f.media_type as "mediaType", f.size`.execute(trx);
  return rows;
}
