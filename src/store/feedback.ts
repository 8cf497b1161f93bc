import { type RawBuilder, sql } from "kysely";
import type { FeedbackId, MessageId, RunId, SessionId, UserId } from "../ids.ts";
import { cleanText } from "./json.ts";
import type { Reach } from "./reach.ts";
import type { Db, FeedbackSource, Triage } from "./schema.ts";

/** What was rated, and who answered there: from the store, never from whoever rates. */
export interface Rated {
  sessionId: SessionId | null;
  runId: RunId | null;
  messageId: MessageId | null;
  traceId: string | null;
  /** Whose session it is; null = it belongs to none. */
  userId: UserId | null;
  agent: string | null;
  model: string | null;
  cardVersion: string | null;
}

/** An opinion as its author gives it; what is left out stays as it was said before. */
export interface Opinion {
  rating: 1 | -1;
  key: string;
  source: FeedbackSource;
  agentType?: string;
  model?: string;
  score?: number;
  tags?: readonly string[];
  comment?: string;
  correction?: string;
  latencyMs?: number;
  turnIndex?: number;
}

export interface Feedback extends Rated {
  id: FeedbackId;
  key: string;
  /** Who may change it: a user's id, or `agent:<name>`. */
  author: string;
  agentType: string | null;
  source: FeedbackSource;
  rating: 1 | -1;
  score: number | null;
  tags: string[];
  comment: string | null;
  correction: string | null;
  latencyMs: number | null;
  turnIndex: number | null;
  triage: Triage;
  createdAt: Date;
  updatedAt: Date;
}

const columns = sql`f.id, f.session_id as "sessionId", f.run_id as "runId", f.message_id as "messageId",
  f.trace_id as "traceId", f.user_id as "userId", f.agent, f.model, f.card_version as "cardVersion", f.key, f.author,
  f.agent_type as "agentType", f.source, f.rating, f.score, f.tags, f.comment, f.correction,
  f.latency_ms as "latencyMs", f.turn_index as "turnIndex", f.triage, f.created_at as "createdAt", f.updated_at as "updatedAt"`;

/** The rows that a caller may see. */
function within(reach: Reach): RawBuilder<unknown> {
  if (reach.kind === "user") return sql`f.user_id = ${reach.user}`;
  return reach.kind === "agent" ? sql`f.agent = ${reach.agent}` : sql`true`;
}

/**
 * Says what somebody thinks of something, once per author, thing and key: again changes what was said. `id` is that of
 * a new row.
 */
export async function saveFeedback(
  db: Db,
  id: FeedbackId,
  by: { author: string; userId: UserId | null },
  about: Rated,
  opinion: Opinion,
): Promise<{ id: FeedbackId; created: boolean }> {
  const { rows } = await sql<{ id: FeedbackId }>`
    insert into feedback as f (id, session_id, run_id, message_id, trace_id, target, key, author, user_id, agent,
      agent_type, model, card_version, source, rating, score, tags, comment, correction, latency_ms, turn_index)
    values (${id}, ${about.sessionId}, ${about.runId}, ${about.messageId}, ${about.traceId},
      ${targetKey(about, opinion.turnIndex) ?? id}, ${opinion.key}, ${by.author}, ${by.userId}, ${about.agent},
      ${text(opinion.agentType) ?? about.agent}, ${about.model ?? text(opinion.model)}, ${about.cardVersion},
      ${opinion.source}, ${opinion.rating}, ${opinion.score ?? null}, ${(opinion.tags ?? []).map(cleanText)}::text[],
      ${text(opinion.comment)}, ${text(opinion.correction)}, ${opinion.latencyMs ?? null}, ${opinion.turnIndex ?? null})
    on conflict (author, target, key) do update set
      rating = excluded.rating, source = excluded.source, updated_at = now(),
      triage = case when f.rating <> excluded.rating or excluded.comment is not null then 'new' else f.triage end,
      score = coalesce(excluded.score, f.score),
      tags = case when ${opinion.tags === undefined}::boolean then f.tags else excluded.tags end,
      comment = coalesce(excluded.comment, f.comment), correction = coalesce(excluded.correction, f.correction),
      latency_ms = coalesce(excluded.latency_ms, f.latency_ms)
    returning f.id`.execute(db);
  const saved = rows[0]!.id;
  return { id: saved, created: saved === id };
}

function text(value: string | undefined): string | null {
  return value === undefined ? null : cleanText(value);
}

/** What a row is about, as far as it is unique; null = about nothing that has a name. */
function targetKey({ messageId, runId, traceId, sessionId }: Rated, turn: number | undefined): string | null {
  const exact = messageId ?? runId;
  if (exact !== null) return exact;
  if (traceId !== null) return `trace ${traceId}`;
  return sessionId === null ? null : `${sessionId} ${turn ?? ""}`.trim();
}

export async function findFeedback(db: Db, reach: Reach, id: FeedbackId): Promise<Feedback | null> {
  const { rows } = await sql<Feedback>`
    select ${columns} from feedback f where f.id = ${id} and ${within(reach)}`.execute(db);
  return rows[0] ?? null;
}

/** Changes what is given; an empty text takes the one away that is there. Null = there is no such row. */
export async function changeFeedback(
  db: Db,
  reach: Reach,
  id: FeedbackId,
  change: { rating?: 1 | -1; comment?: string; correction?: string; triage?: Triage },
): Promise<Feedback | null> {
  const { rows } = await sql<Feedback>`
    update feedback f set rating = coalesce(${change.rating ?? null}::smallint, f.rating),
      comment = ${changed(sql`f.comment`, change.comment)},
      correction = ${changed(sql`f.correction`, change.correction)},
      triage = coalesce(${change.triage ?? null}::text, f.triage), updated_at = now()
    where f.id = ${id} and ${within(reach)} returning ${columns}`.execute(db);
  return rows[0] ?? null;
}

function changed(field: RawBuilder<unknown>, wanted: string | undefined): RawBuilder<unknown> {
  return wanted === undefined ? field : sql`nullif(${cleanText(wanted)}::text, '')`;
}

export async function deleteFeedback(db: Db, reach: Reach, id: FeedbackId): Promise<boolean> {
  const { numAffectedRows } = await sql`delete from feedback f where f.id = ${id} and ${within(reach)}`.execute(db);
  return numAffectedRows === 1n;
}

/** What a list or its sums are narrowed to. */
export interface FeedbackFilter {
  rating?: 1 | -1;
  agent?: string;
  agentType?: string;
  source?: FeedbackSource;
  user?: string;
  session?: string;
  run?: string;
  trace?: string;
  model?: string;
  hasComment?: boolean;
  triage?: Triage;
  /** Words of a comment or a correction. */
  q?: string;
  since?: Date;
  until?: Date;
}

function matching(filter: FeedbackFilter, reach: Reach): RawBuilder<unknown> {
  const { rating, agent, agentType, source, user, session, run, trace, model, hasComment, triage, q, since, until } =
    filter;
  const likely = q === undefined ? "" : `%${cleanText(q).replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
  const conditions = [
    within(reach),
    ...(rating === undefined ? [] : [sql`f.rating = ${rating}`]),
    ...(agent === undefined ? [] : [sql`f.agent = ${agent}`]),
    ...(agentType === undefined ? [] : [sql`f.agent_type = ${agentType}`]),
    ...(source === undefined ? [] : [sql`f.source = ${source}`]),
    ...(user === undefined ? [] : [sql`f.user_id = ${user}`]),
    ...(session === undefined ? [] : [sql`f.session_id = ${session}`]),
    ...(run === undefined ? [] : [sql`f.run_id = ${run}`]),
    ...(trace === undefined ? [] : [sql`f.trace_id = ${trace}`]),
    ...(model === undefined ? [] : [sql`f.model = ${model}`]),
    ...(hasComment === undefined ? [] : [hasComment ? sql`f.comment is not null` : sql`f.comment is null`]),
    ...(triage === undefined ? [] : [sql`f.triage = ${triage}`]),
    ...(q === undefined ? [] : [sql`(f.comment ilike ${likely} or f.correction ilike ${likely})`]),
    ...(since === undefined ? [] : [sql`f.created_at >= ${since}`]),
    ...(until === undefined ? [] : [sql`f.created_at < ${until}`]),
  ];
  return sql.join(conditions, sql` and `);
}

/** Newest first; `before`: the last one of the page before. */
export async function listFeedback(
  db: Db,
  reach: Reach,
  filter: FeedbackFilter,
  page: { limit: number; offset?: number; before?: { at: Date; id: string } | undefined },
): Promise<Feedback[]> {
  const { limit, offset = 0, before } = page;
  const from = before ? sql`and (f.created_at, f.id) < (${before.at}::timestamptz, ${before.id}::text)` : sql``;
  const { rows } = await sql<Feedback>`
    select ${columns} from feedback f where ${matching(filter, reach)} ${from}
    order by f.created_at desc, f.id desc limit ${limit} offset ${offset}`.execute(db);
  return rows;
}

export interface FeedbackSums {
  windowStart: Date;
  windowEnd: Date;
  agent: string | null;
  agentType: string | null;
  up: number;
  down: number;
}

/** Per agent and window (in UTC; weeks begin on Mondays), oldest first; of the newest windows if there are too many. */
export async function sumFeedback(
  db: Db,
  reach: Reach,
  filter: FeedbackFilter,
  { window, limit }: { window: "hour" | "day" | "week"; limit: number },
): Promise<FeedbackSums[]> {
  const { rows } = await sql<FeedbackSums>`
    select date_trunc(${window}::text, f.created_at, 'UTC') as "windowStart",
           date_trunc(${window}::text, f.created_at, 'UTC') + ${`1 ${window}`}::interval as "windowEnd",
           f.agent, f.agent_type as "agentType",
           count(*) filter (where f.rating = 1) as up, count(*) filter (where f.rating = -1) as down
    from feedback f where ${matching(filter, reach)}
    group by 1, 2, f.agent, f.agent_type order by 1 desc, f.agent, f.agent_type limit ${limit}`.execute(db);
  return rows.toReversed();
}
