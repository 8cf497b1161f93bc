import { sql } from "kysely";
import { newId, type SessionId, type UserId } from "../ids.ts";
import { cleanText, toJson } from "./json.ts";
import type { Trx } from "./schema.ts";
import { adoptTraces } from "./traces.ts";

export interface NewSession {
  userId: UserId;
  agent: string;
  history: "gateway" | "agent";
  platform: "api" | "web";
  title: string;
  metadata: Record<string, unknown>;
  /** Whose names `externalId` and `createKey` are some of. */
  idSpace: string;
  externalId: string | null;
  /** The same key again finds what it made; `createDigest` says for which request it was. */
  createKey: string | null;
  createDigest: string | null;
  parentId: SessionId | null;
}

/**
 * Makes a session that nobody talks in at a place. `repeat`: its key has made it before. `taken`: its id is in use, or its
 * key was used for something else.
 */
export async function makeSession(
  trx: Trx,
  made: NewSession,
): Promise<{ kind: "made" | "repeat"; id: SessionId } | { kind: "taken"; by: "id" | "key" }> {
  const id = newId("ses");
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto("talk_sessions")
    .values({
      id,
      user_id: made.userId,
      agent: cleanText(made.agent),
      place_id: null,
      title: cleanText(made.title),
      history: made.history,
      platform: made.platform,
      metadata: toJson(made.metadata),
      id_space: made.idSpace,
      external_id: made.externalId,
      create_key: made.createKey === null ? null : cleanText(made.createKey),
      create_digest: made.createDigest,
      parent_id: made.parentId,
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if (numInsertedOrUpdatedRows === 1n) {
    if (made.history === "agent" && made.externalId !== null) await adoptTraces(trx, { id, ...made }, made.externalId);
    return { kind: "made", id };
  }
  const known = await trx
    .selectFrom("talk_sessions")
    .select(["id", "create_digest"])
    .where("id_space", "=", made.idSpace)
    .where("create_key", "=", made.createKey)
    .executeTakeFirst();
  if (!known) return { kind: "taken", by: "id" };
  return known.create_digest === made.createDigest ? { kind: "repeat", id: known.id } : { kind: "taken", by: "key" };
}

/**
 * Copies the first `count` messages of a history into another session that has none, with the newest summary that stands
 * for no more than these. Returns how many there were, which may be fewer.
 */
export async function copyHistory(trx: Trx, from: SessionId, to: SessionId, count: number | null): Promise<number> {
  const { rows } = await sql<{ copied: number }>`
    with copied as (
      insert into messages (session_id, seq, message_id, run_id, idx, role, parts, status, author, agent, trace_id,
                            original, created_at)
      select ${to}, row_number() over (order by seq), message_id, run_id, idx, role, parts, status, author, agent,
             trace_id, original, created_at
      from (select * from messages where session_id = ${from} and not hidden order by seq limit ${count}::bigint) m
      returning 1
    ), whole as (select count(*) as n from copied), summary as (
      select c.*, (
        select count(*) + 1 from messages m
        where m.session_id = c.session_id and not m.hidden and m.seq < c.first_kept_seq
      ) as first_kept
      from compactions c where c.session_id = ${from} order by c.first_kept_seq desc
    ), summed as (
      insert into compactions (session_id, first_kept_seq, summary, tokens_before, tokens_after, model, run_id)
      select ${to}, first_kept, summary, tokens_before, tokens_after, model, run_id
      from summary, whole where first_kept <= n + 1 order by first_kept desc limit 1
    )
    update talk_sessions s set head_seq = whole.n from whole where s.id = ${to} returning whole.n as copied`.execute(
    trx,
  );
  await copyFiles(trx, from, to);
  return rows[0]!.copied;
}

/** Files are of one session, and go with it: those that copied messages name are copied, and named anew. */
async function copyFiles(trx: Trx, from: SessionId, to: SessionId): Promise<void> {
  await sql`
    with named as materialized (
      select id, 'fil_' || replace(gen_random_uuid()::text, '-', '') as fresh from (
        select distinct f.id from messages m cross join lateral jsonb_array_elements(m.parts) part
        join files f on f.id = part->>'file'
        where m.session_id = ${to} and f.session_id = ${from}) used
    ), kept as (
      insert into files (id, session_id, name, media_type, size, content)
      select n.fresh, ${to}, f.name, f.media_type, f.size, f.content from named n join files f on f.id = n.id
    )
    update messages m set parts = (
      select jsonb_agg(case when n.id is null then p.part else p.part || jsonb_build_object('file', n.fresh) end
                       order by p.at)
      from jsonb_array_elements(m.parts) with ordinality p(part, at) left join named n on n.id = p.part->>'file')
    where m.session_id = ${to}
      and exists (select from jsonb_array_elements(m.parts) part join named n on n.id = part->>'file')`.execute(trx);
}
