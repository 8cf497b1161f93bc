import { type RawBuilder, sql } from "kysely";
import type { AccountId, RunId, SessionId, TraceId, UserId } from "../ids.ts";
import type { Span } from "../observe/span.ts";
import { cleanText, toJson } from "./json.ts";
import type { Reach } from "./reach.ts";
import type { Db, Trx } from "./schema.ts";

/** What is known of a run's trace as a whole. Times in ms since the epoch. */
export interface TraceRow {
  traceId: TraceId;
  session: SessionId;
  run: RunId;
  agent: string;
  account: AccountId | null;
  platform: string;
  startedMs: number;
  endedMs: number | null;
  status: "running" | "ok" | "error" | "cancelled";
  model: string | null;
  inputTokens: number;
  outputTokens: number;
  toolCalls: number;
  /** When the first words of the answer were seen; null = none were. */
  firstShownMs: number | null;
}

/**
 * Stores traces of runs and spans of these, by statements that may be repeated, in any order: what has ended is not
 * opened again. They belong to whoever has the session then. They begin at whole milliseconds, which is all that a
 * cursor of their list tells.
 */
export async function writeTraces(db: Db, rows: TraceRow[], spans: Span[]): Promise<void> {
  const input = rows.map((row) => ({
    trace_id: row.traceId,
    session_id: row.session,
    run_id: row.run,
    agent: cleanText(row.agent),
    platform: row.platform,
    account_id: row.account,
    started_ms: row.startedMs,
    ended_ms: row.endedMs,
    status: row.status,
    model: row.model,
    input_tokens: row.inputTokens,
    output_tokens: row.outputTokens,
    tool_calls: row.toolCalls,
    first_shown_ms: row.firstShownMs,
  }));
  await sql`
    with told as (
      insert into traces as t (trace_id, session_id, run_id, agent, user_id, platform, account_id, started_at, ended_at,
                               status, model, input_tokens, output_tokens, tool_calls, first_shown_at)
      select r.trace_id, r.session_id, r.run_id, r.agent, s.user_id, r.platform, r.account_id,
             date_trunc('milliseconds', to_timestamp(r.started_ms / 1000)), to_timestamp(r.ended_ms / 1000), r.status, r.model, r.input_tokens,
             r.output_tokens, r.tool_calls, to_timestamp(r.first_shown_ms / 1000)
      from jsonb_to_recordset(${toJson(input)}::jsonb)
        as r(trace_id text, session_id text, run_id text, agent text, platform text, account_id text,
             started_ms float8, ended_ms float8, status text, model text, input_tokens bigint, output_tokens bigint,
             tool_calls int, first_shown_ms float8)
      join talk_sessions s on s.id = r.session_id
      order by r.trace_id
      on conflict (trace_id) do update
        set session_id = excluded.session_id, run_id = excluded.run_id, agent = excluded.agent,
            user_id = excluded.user_id, platform = excluded.platform, account_id = excluded.account_id,
            started_at = excluded.started_at, ended_at = excluded.ended_at, status = excluded.status,
            model = excluded.model, input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens,
            tool_calls = excluded.tool_calls, reported = false,
            first_shown_at = coalesce(t.first_shown_at, excluded.first_shown_at)
        where t.reported or t.ended_at is null or excluded.ended_at is not null
      returning trace_id
    )
    ${insertSpans(spans.map(toStored), OF_KNOWN)}`.execute(db);
  // A session that was deleted meanwhile was still there for this statement, which then waited for its traces to go.
  await sql`
    delete from traces t
    where t.trace_id = any (${rows.map(({ traceId }) => traceId)}::text[]) and not t.reported
      and not exists (select from talk_sessions s where s.id = t.session_id)`.execute(db);
}

/** Those of a session that is gone are of no trace. */
const OF_KNOWN = sql`
  cross join lateral (
    select from told where told.trace_id = p.trace_id
    union all select from traces k where k.trace_id = p.trace_id
    limit 1) known`;

/** Times in seconds, of any clock. */
export interface StoredSpan {
  trace_id: string;
  span_id: string;
  parent_span_id: string | null;
  name: string;
  kind: string;
  start_time: number;
  end_time: number | null;
  status: string;
  attributes: Record<string, unknown>;
  events: Record<string, unknown>[];
  reported: boolean;
}

function toStored(span: Span): StoredSpan {
  return {
    trace_id: span.traceId,
    span_id: span.spanId,
    parent_span_id: span.parentId,
    name: span.name,
    kind: span.kind,
    start_time: span.startMs / 1000,
    end_time: span.endMs === null ? null : span.endMs / 1000,
    status: span.status,
    attributes: span.attributes,
    events: span.events.map(({ name, atMs, attributes }) => ({ name, time: atMs / 1000, attributes })),
    reported: false,
  };
}

/** Of a span that comes twice the last counts. What agents tell takes no span of the gateway's away. */
function insertSpans(spans: StoredSpan[], only: RawBuilder<unknown>): RawBuilder<unknown> {
  const last = [...new Map(spans.map((span) => [`${span.trace_id} ${span.span_id}`, span])).values()];
  return sql`
    insert into spans as s (trace_id, span_id, parent_span_id, name, kind, start_time, end_time, status, attributes,
                            events, reported)
    select p.trace_id, p.span_id, p.parent_span_id, p.name, p.kind, p.start_time, p.end_time, p.status, p.attributes,
           p.events, p.reported
    from jsonb_to_recordset(${toJson(last)}::jsonb)
      as p(trace_id text, span_id text, parent_span_id text, name text, kind text, start_time float8, end_time float8,
           status text, attributes jsonb, events jsonb, reported boolean)
    ${only}
    order by p.trace_id, p.span_id
    on conflict (trace_id, span_id) do update
      set parent_span_id = excluded.parent_span_id, name = excluded.name, kind = excluded.kind,
          start_time = excluded.start_time, end_time = excluded.end_time, status = excluded.status,
          attributes = excluded.attributes, events = excluded.events, reported = excluded.reported
      where (excluded.reported and s.reported)
        or (not excluded.reported and (s.reported or s.end_time is null or excluded.end_time is not null))`;
}

/** A trace as an agent tells it. */
export interface ReportedTrace {
  traceId: string;
  agent: string | null;
  /** As the agent knows it. */
  session: string | null;
  startedAt: Date;
  endedAt: Date | null;
  status: string;
  model: string | null;
  inputTokens: number | null;
  outputTokens: number | null;
  toolCalls: number;
  spans: Omit<StoredSpan, "reported">[];
}

/**
 * Stores what an agent tells of a trace, which must be its own: false = it is another's. Of a run's trace it adds its
 * spans and changes nothing else. A session that it names by its own id is that of this service, so that the trace goes
 * where its session goes.
 */
export async function reportTrace(db: Db, trace: ReportedTrace): Promise<boolean> {
  const { agent } = trace;
  const { rows } = await sql`
    with known as (
      select s.id, s.user_id from talk_sessions s
      where s.agent = ${agent} and (s.id = ${trace.session}
        or (s.id_space = 'agent:' || ${agent}::text and s.external_id = ${trace.session}))
    )
    insert into traces as t (trace_id, session_id, agent, user_id, started_at, ended_at, status, model, input_tokens,
                             output_tokens, tool_calls, reported)
    select ${trace.traceId}, coalesce((select id from known), ${trace.session}), ${agent}::text,
           (select user_id from known),
           ${trace.startedAt.toISOString()}::timestamptz, ${trace.endedAt?.toISOString() ?? null}::timestamptz, ${trace.status}, ${trace.model},
           ${trace.inputTokens}::bigint, ${trace.outputTokens}::bigint, ${trace.toolCalls}::int, true
    on conflict (trace_id) do update
      set session_id = case when t.reported then excluded.session_id else t.session_id end,
          user_id = case when t.reported then excluded.user_id else t.user_id end,
          started_at = case when t.reported then excluded.started_at else t.started_at end,
          ended_at = case when t.reported then excluded.ended_at else t.ended_at end,
          status = case when t.reported then excluded.status else t.status end,
          model = case when t.reported then excluded.model else t.model end,
          input_tokens = case when t.reported then excluded.input_tokens else t.input_tokens end,
          output_tokens = case when t.reported then excluded.output_tokens else t.output_tokens end,
          tool_calls = case when t.reported then excluded.tool_calls else t.tool_calls end
      where t.agent is not distinct from excluded.agent
    returning trace_id`.execute(db);
  if (rows.length === 0) return false;
  const spans = trace.spans.map((span) => ({ ...span, reported: true }));
  if (spans.length > 0) await insertSpans(spans, sql``).execute(db);
  return true;
}

/** What an agent told of a session before there was one is the session's from now on. */
export async function adoptTraces(
  trx: Trx,
  session: { id: SessionId; userId: UserId; agent: string },
  told: string,
): Promise<void> {
  await sql`
    update traces set session_id = ${session.id}, user_id = ${session.userId}
    where session_id = ${told} and agent = ${session.agent} and reported`.execute(trx);
}

/** A trace in a list. */
export interface TraceSummary {
  trace_id: string;
  session_id: string | null;
  run_id: string | null;
  agent: string | null;
  user_id: string | null;
  platform: string | null;
  started_at: Date;
  ended_at: Date | null;
  duration_ms: number | null;
  status: string;
  model: string | null;
  input_tokens: number | null;
  output_tokens: number | null;
  tool_calls: number;
  span_count: number;
}

export interface TraceFilter {
  session?: string;
  agent?: string;
  user?: string;
  status?: string;
  model?: string;
  minDurationMs?: number;
  hasFeedback?: boolean;
  since?: Date;
  until?: Date;
  /** Where the page before ended. */
  before?: { at: Date; id: string };
  limit: number;
  offset: number;
}

const DURATION = sql`(extract(epoch from t.ended_at - t.started_at) * 1000)::float8`;

/** An agent reads of its sessions by its own ids, as it told of them. */
const sessionShown = (reach: Reach) =>
  reach.kind === "agent"
    ? sql`coalesce((select s.external_id from talk_sessions s
                    where s.id = t.session_id and s.id_space = ${`agent:${reach.agent}`}), t.session_id)`
    : sql`t.session_id`;

const summary = (reach: Reach) => sql`
  t.trace_id, ${sessionShown(reach)} as session_id, t.run_id, t.agent, t.user_id, t.platform, t.started_at, t.ended_at, ${DURATION} as duration_ms, t.status,
  t.model, t.input_tokens, t.output_tokens, t.tool_calls,
  (select count(*) from spans s where s.trace_id = t.trace_id) as span_count`;

/** The newest that fit, by when they started. */
export async function listTraces(db: Db, reach: Reach, filter: TraceFilter): Promise<TraceSummary[]> {
  const { session, agent, user, status, model, minDurationMs, hasFeedback, since, until, before, limit, offset } =
    filter;
  const wanted = [
    sql`true`,
    ...(session === undefined ? [] : [sql`t.session_id = ${session}`]),
    ...(agent === undefined ? [] : [sql`t.agent = ${agent}`]),
    ...(user === undefined ? [] : [sql`t.user_id = ${user}`]),
    ...(status === undefined ? [] : [sql`t.status = ${status}`]),
    ...(model === undefined ? [] : [sql`t.model = ${model}`]),
    ...(minDurationMs === undefined ? [] : [sql`${DURATION} >= ${minDurationMs}::float8`]),
    ...(hasFeedback === undefined ? [] : [sql`${hasFeedback ? sql`` : sql`not`} exists (${feedbackOn(reach)})`]),
    ...(since === undefined ? [] : [sql`t.started_at >= ${since.toISOString()}::timestamptz`]),
    ...(until === undefined ? [] : [sql`t.started_at < ${until.toISOString()}::timestamptz`]),
    ...(before === undefined
      ? []
      : [sql`(t.started_at, t.trace_id) < (${before.at.toISOString()}::timestamptz, ${before.id})`]),
  ];
  const { rows } = await sql<TraceSummary>`
    select ${summary(reach)} from traces t
    where ${withinReach(reach)} and ${sql.join(wanted, sql` and `)}
    order by t.started_at desc, t.trace_id desc limit ${limit} offset ${offset}`.execute(db);
  return rows;
}

function feedbackOn(reach: Reach) {
  const within =
    reach.kind === "user"
      ? sql`f.user_id = ${reach.user}`
      : reach.kind === "agent"
        ? sql`f.agent = ${reach.agent}`
        : sql`true`;
  return sql`select from feedback f where f.trace_id = t.trace_id and ${within}`;
}

/** A trace with the spans it has, in order; null = there is none within reach. */
export async function findTrace(
  db: Db,
  reach: Reach,
  traceId: string,
  maxSpans: number,
): Promise<{ trace: TraceSummary; spans: StoredSpan[] } | null> {
  const found = await sql<TraceSummary>`
    select ${summary(reach)} from traces t where t.trace_id = ${traceId} and ${withinReach(reach)}`.execute(db);
  const [trace] = found.rows;
  if (!trace) return null;
  const { rows } = await sql<StoredSpan>`
    select trace_id, span_id, parent_span_id, name, kind, start_time, end_time, status, attributes, events, reported
    from spans where trace_id = ${traceId} order by start_time, end_time, name, span_id limit ${maxSpans}`.execute(db);
  return { trace, spans: rows };
}

function withinReach(reach: Reach) {
  if (reach.kind === "all") return sql`true`;
  return reach.kind === "user" ? sql`t.user_id = ${reach.user}` : sql`t.agent = ${reach.agent}`;
}
