import type { FastifyReply, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { GatewayError } from "../errors.ts";
import { isRowRefusal, withReach } from "../store/reach.ts";
import type { Root } from "../store/schema.ts";
import { namedSession } from "../store/session-reach.ts";
import { findTrace, listTraces, reportTrace, type ReportedTrace } from "../store/traces.ts";
import type { Api } from "./api.ts";
import { principalOf, reachOf } from "./authenticate.ts";
import { cutPage, readTime, readTimeCursor } from "./read-time.ts";
import { callerOf } from "./session-routes.ts";
import { SpanJson, toSpanJson, toTraceSummaryJson, toTree, TraceSummaryJson } from "./trace-json.ts";

const MAX_PAGE = 1_000;
const DEFAULT_PAGE = 50;
/** Of one trace, told at once or read. */
const MAX_SPANS = 5_000;
/** Agents may have ids of their own; those of runs are W3C's 32 digits. */
const Id = Type.String({ pattern: "^[A-Za-z0-9_-]{1,128}$" });
const Word = Type.String({ minLength: 1, maxLength: 200 });
const Maybe = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) =>
  Type.Optional(Type.Union([type, Type.Null()]));
const Fields = Type.Record(Type.String({ maxLength: 200 }), Type.Unknown());

const ToldSpan = Type.Object(
  {
    trace_id: Type.Optional(Id),
    span_id: Id,
    parent_span_id: Maybe(Id),
    name: Type.Optional(Type.String({ maxLength: 500 })),
    kind: Type.Optional(Word),
    start_time: Type.Optional(Type.Number({ description: "Seconds, of any clock" })),
    end_time: Maybe(Type.Number()),
    status: Type.Optional(Word),
    attributes: Type.Optional(Fields),
    events: Type.Optional(Type.Array(Fields, { maxItems: 200 })),
  },
  { additionalProperties: false },
);

const ToldTrace = Type.Object(
  {
    trace_id: Id,
    started_at: Type.String({ maxLength: 40, description: "ISO 8601" }),
    ended_at: Maybe(Type.String({ maxLength: 40 })),
    model: Maybe(Word),
    session_id: Maybe(Id),
    status: Type.Optional(Word),
    agent_id: Maybe(
      Type.String({ minLength: 1, maxLength: 200, description: "For operators; an agent's key says whose it is" }),
    ),
    spans: Type.Optional(Type.Array(ToldSpan, { maxItems: MAX_SPANS })),
  },
  { additionalProperties: false },
);

const Filters = Type.Object(
  {
    session_id: Type.Optional(Word),
    agent_id: Type.Optional(Word),
    user_id: Type.Optional(Word),
    status: Type.Optional(Word),
    model: Type.Optional(Word),
    min_duration_ms: Type.Optional(Type.Integer({ minimum: 0 })),
    has_feedback: Type.Optional(
      Type.Union([Type.Literal("true"), Type.Literal("false")], { description: "Within the key's reach" }),
    ),
    since: Type.Optional(Type.String({ maxLength: 40, description: "ISO 8601, or how long ago: 12h, 7d" })),
    until: Type.Optional(Type.String({ maxLength: 40 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE })),
    offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 100_000 })),
    cursor: Type.Optional(Type.String({ maxLength: 400, description: "X-Next-Cursor of a page" })),
  },
  { additionalProperties: false },
);

/** What runs, and agents elsewhere, have done, step by step. */
export function traceRoutes(app: Api, db: Root): void {
  app.route({
    method: "POST",
    url: "/v1/traces",
    config: { scope: "traces:write" },
    preValidation: async ({ body }) => {
      if (typeof body === "object" && body !== null && "resourceSpans" in body) {
        throw new GatewayError(
          "invalid",
          "This is OTLP, which is not taken here: send it to your collector, or send a trace with trace_id and spans.",
        );
      }
    },
    schema: {
      summary: "Tell of a trace; what is told again is brought up to date",
      body: ToldTrace,
      response: { 201: Type.Object({ trace_id: Type.String(), saved: Type.Literal(true) }) },
    },
    handler: async (request, reply) => {
      const trace = readTold(request.body, tellerOf(request));
      const stored = await withReach(db, reachOf(request), (trx) => reportTrace(trx, trace)).catch((error: unknown) => {
        if (isRowRefusal(error)) return false;
        throw error;
      });
      if (!stored) throw new GatewayError("forbidden", "This trace is another agent's.");
      return reply.code(201).send({ trace_id: trace.traceId, saved: true });
    },
  });

  app.route({
    method: "GET",
    url: "/v1/traces",
    config: { scope: "traces:read" },
    schema: {
      summary: "List traces, newest first; the header X-Next-Cursor leads to the next page",
      querystring: Filters,
      response: { 200: Type.Array(TraceSummaryJson) },
    },
    handler: async (request, reply) => {
      const { limit = DEFAULT_PAGE } = request.query;
      const { session_id: session } = request.query;
      const named = session === undefined ? undefined : await namedSession(db, callerOf(request), session);
      const filter = { ...readFilter(request.query), ...(named && { session: named }), limit: limit + 1 };
      const found = await withReach(db, reachOf(request), (trx) => listTraces(trx, reachOf(request), filter));
      const { page, next } = cutPage(found, limit, ({ started_at: at, trace_id: id }) => ({ at, id }));
      if (next !== null) leadOn(request, reply, next);
      return page.map(toTraceSummaryJson);
    },
  });

  app.route({
    method: "GET",
    url: "/v1/traces/:id",
    config: { scope: "traces:read" },
    schema: {
      summary: "Read a trace: its spans in order, and as a tree",
      params: Type.Object({ id: Type.String() }),
      response: {
        200: Type.Object({
          ...TraceSummaryJson.properties,
          spans: Type.Array(SpanJson),
          tree: Type.Array(Type.Unknown(), { description: "The spans, each with its children" }),
        }),
      },
    },
    handler: async (request) => {
      const { id } = request.params;
      const found = await withReach(db, reachOf(request), (trx) => findTrace(trx, reachOf(request), id, MAX_SPANS));
      if (!found) throw new GatewayError("not_found", "There is no such trace.");
      const spans = found.spans.map(toSpanJson);
      return { ...toTraceSummaryJson(found.trace), spans, tree: toTree(spans) };
    },
  });
}

/** Whose the trace is: an agent's key says it, an operator may. */
function tellerOf(request: FastifyRequest<{ Body: Static<typeof ToldTrace> }>): string | null {
  const { bound } = principalOf(request);
  const named = request.body.agent_id ?? null;
  if (bound.kind === "person") throw new GatewayError("forbidden", "People tell of no traces. Use an agent's key.");
  if (bound.kind === "operator") return named;
  if (named !== null && named !== bound.agent) throw new GatewayError("forbidden", "This key is another agent's.");
  return bound.agent;
}

function readTold(told: Static<typeof ToldTrace>, agent: string | null): ReportedTrace {
  const foreign = told.spans?.find((span) => span.trace_id !== undefined && span.trace_id !== told.trace_id);
  if (foreign) throw new GatewayError("invalid", "spans: one names another trace_id.");
  const spans = (told.spans ?? []).map((span) => ({
    trace_id: told.trace_id,
    span_id: span.span_id,
    parent_span_id: span.parent_span_id ?? null,
    name: span.name ?? "",
    kind: span.kind ?? "internal",
    start_time: span.start_time ?? 0,
    end_time: span.end_time ?? null,
    status: span.status ?? "ok",
    attributes: span.attributes ?? {},
    events: span.events ?? [],
  }));
  const sum = (...names: string[]) => {
    const found = spans.flatMap(({ attributes }) => names.map((name) => attributes[name])).filter(isCount);
    return found.length === 0
      ? null
      : Math.min(
          found.reduce((total, count) => total + count, 0),
          Number.MAX_SAFE_INTEGER,
        );
  };
  return {
    traceId: told.trace_id,
    agent,
    session: told.session_id ?? null,
    startedAt: readTime("started_at", told.started_at),
    endedAt: told.ended_at == null ? null : readTime("ended_at", told.ended_at),
    status: told.status ?? "ok",
    model: told.model ?? null,
    inputTokens: sum("prompt_tokens", "gen_ai.usage.input_tokens"),
    outputTokens: sum("completion_tokens", "gen_ai.usage.output_tokens"),
    toolCalls: spans.filter(({ name }) => /^(tool:|execute_tool )/.test(name)).length,
    spans,
  };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function readFilter(query: Static<typeof Filters>) {
  const { session_id, agent_id, user_id, status, model, min_duration_ms, has_feedback, since, until } = query;
  const { offset = 0, cursor } = query;
  return {
    ...(session_id !== undefined && { session: session_id }),
    ...(agent_id !== undefined && { agent: agent_id }),
    ...(user_id !== undefined && { user: user_id }),
    ...(status !== undefined && { status }),
    ...(model !== undefined && { model }),
    ...(min_duration_ms !== undefined && { minDurationMs: min_duration_ms }),
    ...(has_feedback !== undefined && { hasFeedback: has_feedback === "true" }),
    ...(since !== undefined && { since: readTime("since", since) }),
    ...(until !== undefined && { until: readTime("until", until) }),
    ...(cursor !== undefined && { before: readTimeCursor(cursor) }),
    offset,
  };
}

/** The body is a list and nothing else, so the next page is told beside it: https://www.rfc-editor.org/rfc/rfc8288 */
function leadOn(request: FastifyRequest, reply: FastifyReply, cursor: string): void {
  const url = new URL(request.url, "http://here");
  url.searchParams.set("cursor", cursor);
  url.searchParams.delete("offset");
  void reply.headers({ "x-next-cursor": cursor, link: `<${url.pathname}${url.search}>; rel="next"` });
}
