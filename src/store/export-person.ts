import { type RawBuilder, sql } from "kysely";
import type { SessionId, UserId } from "../ids.ts";
import type { Root } from "./schema.ts";
import { retrying } from "./transaction.ts";

/** One thing that is somebody's, as a line of their export. */
export type ExportLine = { type: string } & Record<string, unknown>;

/** Rows of one statement; of files and traces fewer, because each may be large. */
const ROWS = 100;
const FEWER: Record<string, number> = { file: 1, trace: 5 };

/** Where a page ended: its last row's keys. */
interface Keyed {
  k1: string;
  k2: string;
  line: Record<string, unknown>;
}

/**
 * Everything that is somebody's, a page at a time: theirs alone as a whole, of groups what they wrote themselves. The
 * first line says what it is, the last one how much it was, so that one that was cut off is known.
 */
export async function* exportPerson(db: Root, user: UserId): AsyncGenerator<ExportLine[], void, undefined> {
  const counts: Record<string, number> = {};
  const count = (type: string, lines: readonly Record<string, unknown>[]): ExportLine[] => {
    counts[type] = (counts[type] ?? 0) + lines.length;
    return lines.map((line) => ({ type, ...line }));
  };
  yield [{ type: "manifest", format: "parley-export/1", user_id: user, exported_at: new Date().toISOString() }];
  for (const [type, source] of Object.entries(ofUser(user))) {
    for await (const page of pages(db, source, FEWER[type])) yield count(type, page);
  }
  const sessions = sql`select id from talk_sessions where user_id = ${user}`;
  for await (const page of pages(db, (after) => ofSession("talk_sessions", "id", sessions, after))) {
    yield count("session", page);
    for (const { id, head_seq: head } of page) {
      const session = id as SessionId;
      for await (const some of head === 0 ? [] : pages(db, messagesOf(session))) yield count("message", some);
    }
    const ids = page.map(({ id }) => id as SessionId);
    for (const [type, source] of Object.entries(ofSessions(ids))) {
      for await (const some of pages(db, source, FEWER[type])) yield count(type, some);
    }
  }
  const { rows: identities } = await retrying(() =>
    sql<{ platform: string; id: string }>`
      select platform, external_id as id from identities where user_id = ${user}`.execute(db),
  );
  for (const who of identities) {
    for await (const page of pages(db, writtenInGroups(who))) yield count("message", page);
    for await (const page of pages(db, waitedInGroups(who))) yield count("input", page);
  }
  yield [{ type: "end", counts }];
}

type Source = (after: { k1: string; k2: string }, limit: number) => RawBuilder<unknown>;

async function* pages(db: Root, source: Source, limit = ROWS): AsyncGenerator<Record<string, unknown>[]> {
  for (let after = { k1: "", k2: "" }; ;) {
    const { rows } = await retrying(() => sql<Keyed>`${source(after, limit)} limit ${limit}`.execute(db));
    if (rows.length > 0) yield rows.map(({ line }) => line);
    const last = rows.at(-1);
    if (!last || rows.length < limit) return;
    after = last;
  }
}

function ofSession(
  table: string,
  id: string,
  sessions: RawBuilder<unknown>,
  after: { k1: string },
): RawBuilder<unknown> {
  return sql`
    select t.${sql.ref(id)} as k1, '' as k2, to_jsonb(t) - 'hidden' as line from ${sql.table(table)} t
    where t.${sql.ref(id)} in (${sessions}) and t.${sql.ref(id)} > ${after.k1} order by 1`;
}

/** Few of each, and whole. */
function ofUser(user: UserId): Record<string, Source> {
  return {
    user: ({ k1 }) =>
      sql`select id as k1, '' as k2, to_jsonb(u) as line from users u where id = ${user} and id > ${k1}`,
    identity: ({ k1, k2 }) => sql`
      select platform as k1, external_id as k2, to_jsonb(i) as line from identities i
      where user_id = ${user} and (platform, external_id) > (${k1}, ${k2}) order by 1, 2`,
    place: ({ k1 }) => sql`
      select id as k1, '' as k2, to_jsonb(p) as line from places p where user_id = ${user} and id > ${k1} order by 1`,
    memory: ({ k1, k2 }) => sql`
      select agent as k1, id as k2, to_jsonb(m) as line from memories m
      where user_id = ${user} and (agent, id) > (${k1}, ${k2}) order by 1, 2`,
    feedback: ({ k1 }) => sql`
      select id as k1, '' as k2, to_jsonb(f) as line from feedback f where user_id = ${user} and id > ${k1} order by 1`,
    // Those that were made before a link are this user's too.
    key: ({ k1 }) => sql`
      select id as k1, '' as k2, to_jsonb(k) - 'hash' - 'previous_hash' as line from api_keys k
      where (user_id = ${user} or user_id in (select own_user_id from identities where user_id = ${user}))
        and id > ${k1} order by 1`,
    trace: ({ k1, k2 }) => sql`
      select started_at::text as k1, trace_id as k2, to_jsonb(t) || jsonb_build_object('spans', (
        select jsonb_agg(to_jsonb(s) order by s.start_time) from spans s where s.trace_id = t.trace_id)) as line
      from traces t
      where user_id = ${user} and (started_at, trace_id) > (${k1 === "" ? "-infinity" : k1}::timestamptz, ${k2})
      order by started_at, trace_id`,
    browser: ({ k1 }) => sql`
      select id as k1, '' as k2, to_jsonb(w) - 'hash' as line from web_sessions w
      where (user_id = ${user} or user_id in (select own_user_id from identities where user_id = ${user}))
        and id > ${k1} order by 1`,
  };
}

/** A session's order is that of its primary key, however long it is. */
function messagesOf(session: SessionId): Source {
  return ({ k2 }) => sql`
    select session_id as k1, seq::text as k2, to_jsonb(m) as line from messages m
    where session_id = ${session} and seq > ${k2 === "" ? "0" : k2}::bigint order by seq`;
}

function ofSessions(sessions: SessionId[]): Record<string, Source> {
  const these = sql`session_id = any (${sessions}::text[])`;
  const keyed = (table: string, id: RawBuilder<unknown>, line: RawBuilder<unknown>, which = sql`true`): Source => {
    return ({ k1, k2 }) => sql`
      select t.session_id as k1, ${id} as k2, ${line} as line from ${sql.table(table)} t
      where ${these} and ${which} and (t.session_id, ${id}) > (${k1}, ${k2}) order by 1, 2`;
  };
  const whole = sql`to_jsonb(t)`;
  return {
    input: keyed("inbox", sql`t.update_key`, whole, sql`state <> 'taken'`),
    run: keyed("runs", sql`t.id`, whole),
    approval: keyed("approvals", sql`t.id`, whole),
    usage: usageOf(sessions),
    summary: keyed("compactions", sql`lpad(t.first_kept_seq::text, 20, '0')`, whole),
    file: keyed(
      "files",
      sql`t.id`,
      sql`(to_jsonb(t) - 'content') || jsonb_build_object('base64', translate(encode(t.content, 'base64'), E'\n', ''))`,
    ),
  };
}

/** By its primary key, so that no page reads those before it again. */
function usageOf(sessions: SessionId[]): Source {
  return ({ k1, k2 }) => {
    const [run, agent, model] = k2 === "" ? ["", "", ""] : (JSON.parse(k2) as string[]);
    return sql`
      select session_id as k1, jsonb_build_array(run_id, agent, model)::text as k2, to_jsonb(u) as line from run_usage u
      where session_id = any (${sessions}::text[]) and (session_id, run_id, agent, model) > (${k1}, ${run}, ${agent}, ${model})
      order by session_id, run_id, agent, model`;
  };
}

/** Without what came with their words: that was said by others. */
const OWN_WORDS = sql`
  to_jsonb(x) || jsonb_build_object('parts', (
    select coalesce(jsonb_agg(p order by o), '[]') from jsonb_array_elements(x.parts) with ordinality as e(p, o)
    where p->>'type' <> 'context'))`;

function writtenInGroups({ platform, id }: { platform: string; id: string }): Source {
  return ({ k1, k2 }) => sql`
    select x.session_id as k1, x.seq::text as k2, ${OWN_WORDS} as line
    from messages x join talk_sessions s on s.id = x.session_id left join places p on p.id = s.place_id
    where x.author->>'id' = ${id}
      -- What was forked of a group's talk is at no place.
      and (p.account_id like ${platform}::text || ':%' or (s.place_id is null and s.parent_id is not null))
      and (x.session_id, x.seq) > (${k1}, ${k2 === "" ? "0" : k2}::bigint)
    order by x.session_id, x.seq`;
}

function waitedInGroups({ platform, id }: { platform: string; id: string }): Source {
  return ({ k1, k2 }) => sql`
    select x.account_id as k1, x.update_key as k2, ${OWN_WORDS} as line from inbox x
    where x.author->>'id' = ${id} and x.account_id like ${platform}::text || ':%' and x.state <> 'taken'
      and (x.account_id, x.update_key) > (${k1}, ${k2})
    order by x.account_id, x.update_key`;
}
