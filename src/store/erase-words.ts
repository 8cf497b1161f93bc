import { type RawBuilder, sql } from "kysely";
import type { RunId, SessionId } from "../ids.ts";
import type { Erasure } from "./erasures.ts";
import { toJson } from "./json.ts";
import { beginAtFirst } from "./old-turns.ts";
import type { ErasedIdentity } from "./operator-schema.ts";
import type { Root, Trx } from "./schema.ts";
import { retrying, withTransaction } from "./transaction.ts";

/** Runs, inputs and sessions of one transaction, and how many messages those sessions may have. */
const RUNS = 200;
const INPUTS = 1_000;
const SESSIONS = 500;
const MESSAGES = 20_000;
/** A page of a group that is still to be shown is waited for, but not for ever. */
const PATIENCE = sql`interval '2 minutes'`;

/** Stands where the words were. */
const ERASED = "[erased]";
const NOBODY = toJson({ id: "erased", name: "" });

interface OfRun {
  session: SessionId;
  run: RunId;
}

/** A message's parts without a word of them; calls keep their results, so that the history stays valid. */
const erased = (parts: RawBuilder<unknown>) => sql`
  (select coalesce(jsonb_agg(case p->>'type'
     when 'tool_call' then (p - 'extra') || '{"args": "{}"}'
     when 'tool_result' then (p - 'file') || jsonb_build_object('text', ${ERASED}::text)
     when 'file' then jsonb_build_object('type', 'file', 'kind', p->'kind', 'name', '', 'mediaType', '', 'size', null,
                                         'problem', ${ERASED}::text)
     when 'context' then p || jsonb_build_object('author', '', 'text', ${ERASED}::text)
     else jsonb_build_object('type', 'text', 'text', ${ERASED}::text) end order by o), '[]')
   from jsonb_array_elements(${parts}) with ordinality as e(p, o))`;

/**
 * Takes somebody's words out of groups: what they wrote there, and what was answered, because it is about that. Others'
 * words stay, their votes count. True = there is nothing left.
 */
export async function eraseWords(db: Root, erasure: Erasure, goOn: () => Promise<boolean>): Promise<boolean> {
  let clear = true;
  for (const who of erasure.identities) {
    for (let runs = RUNS; runs === RUNS;) {
      if (!(await goOn())) return false;
      runs = await withTransaction(db, (trx) => eraseTurns(trx, erasure, who));
    }
    for (let inputs = INPUTS; inputs === INPUTS;) {
      if (!(await goOn())) return false;
      inputs = await retrying(() => eraseInputs(db, who));
    }
    clear &&= await retrying(() => isGone(db, who));
    if (!(await goOn())) return false;
    clear = (await retrying(() => eraseReplies(db, erasure, who))) && clear;
    await retrying(() => eraseDecisions(db, who));
  }
  if (!clear) return false;
  // Last, and once: they may be anywhere.
  for (const who of erasure.identities) {
    if (who.name !== "" && !(await eraseQuotes(db, who, goOn))) return false;
  }
  return true;
}

/**
 * Where a session `s` at the place `p` may have words of a platform's people: what was forked of a group's talk is at no
 * place, and ids of two platforms never look the same.
 */
const inReach = ({ platform }: Pick<ErasedIdentity, "platform">) =>
  sql`(p.account_id like ${platform}::text || ':%' or (s.place_id is null and s.parent_id is not null))`;

/** Written by them; an author's id is a platform's own. */
const inputBy = ({ platform, externalId }: ErasedIdentity) =>
  sql`b.author->>'id' = ${externalId} and b.account_id like ${platform}::text || ':%'`;
const messagesBy = (who: ErasedIdentity) => sql`
  messages m join talk_sessions s on s.id = m.session_id left join places p on p.id = s.place_id
  where m.author->>'id' = ${who.externalId} and ${inReach(who)}`;

/** A batch of runs that they have asked for; returns how many. */
async function eraseTurns(trx: Trx, erasure: Erasure, who: ErasedIdentity): Promise<number> {
  const { rows } = await sql<OfRun>`
    with theirs as (
      (select m.session_id, m.run_id from ${messagesBy(who)} limit ${INPUTS})
      union
      (select b.session_id, b.run_id from inbox b
       where ${inputBy(who)} and b.run_id is not null limit ${INPUTS})
    )
    select t.session_id as session, t.run_id as run from theirs t
    where not exists (
        select from runs r where r.session_id = t.session_id and r.id = t.run_id and r.state in ('running', 'waiting'))
      and (${erasure.begunAt}::timestamptz < now() - ${PATIENCE} or not exists (
        select from outbox o where o.session_id = t.session_id and o.run_id = t.run_id and o.due_at is not null))
    order by 1, 2 limit ${RUNS}`.execute(trx);
  if (rows.length === 0) return 0;
  const these = sql`jsonb_to_recordset(${toJson(rows)}::jsonb) as t(session text, run text)`;
  const ofRun = sql`x.session_id = t.session and x.run_id = t.run`;
  const { externalId } = who;
  const theirs = sql`(x.role <> 'user' or x.author->>'id' = ${externalId})`;
  await sql`
    delete from files f using (
      select x.session_id, p->>'file' as id from messages x join ${these} on ${ofRun},
        jsonb_array_elements(x.parts) p where ${theirs} and p ? 'file'
      union all
      select x.session_id, p->>'file' from inbox x join ${these} on ${ofRun},
        jsonb_array_elements(x.parts) p where x.author->>'id' = ${externalId} and p ? 'file'
      union all
      select x.session_id, x.file_id from outbox x join ${these} on ${ofRun} where x.file_id is not null
    ) w where f.id = w.id and f.session_id = w.session_id`.execute(trx);
  await sql`
    delete from memories m using (
      select s.user_id, r.agent, r.started_at, r.ended_at
      from ${these} join runs r on r.session_id = t.session and r.id = t.run join talk_sessions s on s.id = r.session_id
    ) r where m.user_id = r.user_id and m.agent = r.agent and m.created_at between r.started_at and r.ended_at`.execute(
    trx,
  );
  await sql`
    update messages x set parts = ${erased(sql`x.parts`)}, original = null, author = case when x.role = 'user' then ${NOBODY}::jsonb end
    from ${these} where ${ofRun} and ${theirs}`.execute(trx);
  await sql`
    update inbox x set parts = ${erased(sql`x.parts`)}, author = ${NOBODY}::jsonb, chat_message_id = null
    from ${these} where ${ofRun} and x.author->>'id' = ${externalId}`.execute(trx);
  for (const table of ["run_events", "approvals", "outbox", "traces"] as const) {
    await sql`delete from ${sql.table(table)} x using ${these} where ${ofRun}`.execute(trx);
  }
  await sql`
    update runs x set authors = array_remove(x.authors, ${externalId}) from ${these}
    where x.session_id = t.session and x.id = t.run`.execute(trx);
  await eraseAround(trx, [...new Set(rows.map(({ session }) => session))]);
  return rows.length;
}

/** What stands in their talks besides, and may be about them: it is made anew, or is not needed any more. */
async function eraseAround(trx: Trx, sessions: SessionId[]): Promise<void> {
  await sql`delete from compactions where session_id = any (${sessions}::text[])`.execute(trx);
  await beginAtFirst(trx, sessions);
  await sql`
    delete from outbox where session_id = any (${sessions}::text[]) and run_id is null and due_at is null`.execute(trx);
  await sql`
    delete from early_edits e using talk_sessions s, places p
    where s.id = any (${sessions}::text[]) and p.id = s.place_id
      and e.account_id = p.account_id and e.chat = p.chat`.execute(trx);
}

/** What they wrote and no run answered. */
async function eraseInputs(db: Root, who: ErasedIdentity): Promise<number> {
  const { numAffectedRows } = await sql`
    update inbox x set parts = ${erased(sql`x.parts`)}, author = ${NOBODY}::jsonb, chat_message_id = null
    where ctid = any (array(
      select b.ctid from inbox b
      where ${inputBy(who)} and b.run_id is null and b.state <> 'waiting'
      limit ${INPUTS}))`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

async function isGone(db: Root, who: ErasedIdentity): Promise<boolean> {
  const { rows } = await sql`
    select from inbox b where ${inputBy(who)}
    union all
    select from ${messagesBy(who)} limit 1`.execute(db);
  return rows.length === 0;
}

/**
 * What the gateway itself has said in a private chat that has its person's id, of no session; not what whoever comes back
 * is told. False = the last of it is still to be shown.
 */
async function eraseReplies(db: Root, erasure: Erasure, { platform, externalId }: ErasedIdentity): Promise<boolean> {
  const there = sql`
    session_id is null and place_kind = 'private' and chat = ${externalId} and account_id like ${platform}::text || ':%'
    and created_at < ${erasure.begunAt}::timestamptz + interval '1 minute'`;
  await sql`
    delete from outbox
    where ${there} and (due_at is null or ${erasure.begunAt}::timestamptz < now() - ${PATIENCE})`.execute(db);
  const { rows } = await sql`select from outbox where ${there} limit 1`.execute(db);
  return rows.length === 0;
}

/** Where others have asked, and they were named to decide or did. */
async function eraseDecisions(db: Root, { platform, externalId }: ErasedIdentity): Promise<void> {
  const them = `${platform}:${externalId}`;
  await sql`
    update approvals
    set approvers = array_remove(approvers, ${them}),
        decided_by = case when decided_by = ${them} then 'erased' else decided_by end
    where decided_by = ${them} or ${them} = any (approvers)`.execute(db);
}

/** What others quoted of them, by the name it came with. False = there is more. */
async function eraseQuotes(db: Root, who: ErasedIdentity, goOn: () => Promise<boolean>): Promise<boolean> {
  const quoted = toJson([{ type: "context", author: who.name }]);
  for (let after = ""; ;) {
    if (!(await goOn())) return false;
    const { rows } = await retrying(() =>
      sql<{ id: SessionId }>`
        select id from (
          select s.id, sum(s.head_seq) over (order by s.id) - s.head_seq as before from (
            select s.id, s.head_seq from talk_sessions s left join places p on p.id = s.place_id
            where ${inReach(who)} and s.id > ${after} order by s.id limit ${SESSIONS}
          ) s
        ) n where before < ${MESSAGES} order by id`.execute(db),
    );
    if (rows.length === 0) return true;
    after = rows.at(-1)!.id;
    const ids = rows.map(({ id }) => id);
    for (const table of ["messages", "inbox"] as const) {
      await retrying(() =>
        sql`
          update ${sql.table(table)} x set parts = (
            select jsonb_agg(case when p->>'type' = 'context' and p->>'author' = ${who.name}
                             then p || jsonb_build_object('author', '', 'text', ${ERASED}::text) else p end order by o)
            from jsonb_array_elements(x.parts) with ordinality as e(p, o))
          where x.session_id = any (${ids}::text[]) and x.parts @> ${quoted}::jsonb`.execute(db),
      );
    }
  }
}
