import { sql } from "kysely";
import type { SessionId, UserId } from "../ids.ts";
import { cleanText } from "./json.ts";
import type { Reach } from "./reach.ts";
import type { Db } from "./schema.ts";
import { sessionColumns, type SessionRow, within } from "./session-reach.ts";

export interface SessionFilter {
  user?: UserId;
  agent?: string;
  platform?: string;
  status?: "running" | "waiting" | "idle";
  /** Words as they stand in the title or in a message, in whatever case. */
  q?: string;
  since?: Date;
  until?: Date;
}

/** Where a page ended. */
export interface SessionPoint {
  micros: number;
  id: SessionId;
}

/** Sessions whose messages are looked into for words, and how many of each, its newest: one look costs 50 ms at most. */
const SEARCHED = 500;
const SEARCHED_MESSAGES = 100;

/** The sessions of a reach that a filter leaves, last used first. Words are looked for in the newest of them alone. */
export async function listSessionRows(
  db: Db,
  reach: Reach,
  filter: SessionFilter,
  page: { limit: number; after: SessionPoint | null },
): Promise<SessionRow[]> {
  const { user, agent, platform, status, q, since, until } = filter;
  const { after, limit } = page;
  const open = sql`exists (select from runs r where r.session_id = s.id and r.state in ('running', 'waiting'))`;
  const conditions = [
    within(reach),
    ...(user === undefined ? [] : [sql`s.user_id = ${user}`]),
    ...(agent === undefined ? [] : [sql`s.agent = ${agent}`]),
    ...(platform === undefined ? [] : [sql`s.platform = ${platform}`]),
    ...(since === undefined ? [] : [sql`s.updated_at >= ${since}`]),
    ...(until === undefined ? [] : [sql`s.updated_at < ${until}`]),
    ...(status === "idle" ? [sql`not ${open}`] : []),
    ...(status === "running" || status === "waiting"
      ? [sql`s.id in (select r.session_id from runs r where r.state = ${status} and r.state in ('running', 'waiting'))`]
      : []),
    ...(after === null
      ? []
      : [
          sql`(s.updated_at, s.id) < (timestamptz 'epoch' + ${after.micros}::bigint * interval '1 microsecond', ${after.id})`,
        ]),
  ];
  const found = sql`
    select s.* from talk_sessions s where ${sql.join(conditions, sql` and `)}
    order by s.updated_at desc, s.id desc limit ${q === undefined ? limit : SEARCHED}`;
  const said = sql`jsonb_path_query_array(m.parts, '$[*] ? (@.type == "text").text')::text`;
  const { rows } = await sql<SessionRow>`
    select ${sessionColumns} from (${found}) s
    where ${
      q === undefined
        ? sql`true`
        : sql`(s.title ilike ${like(q)} or exists (
      select from (select * from messages h where h.session_id = s.id and not h.hidden
                   order by h.seq desc limit ${SEARCHED_MESSAGES}) m
      where m.role <> 'tool' and ${said} ilike ${like(JSON.stringify(q).slice(1, -1))}))`
    }
    order by s.updated_at desc, s.id desc limit ${limit}`.execute(db);
  return rows;
}

function like(text: string): string {
  return `%${cleanText(text).replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
}
