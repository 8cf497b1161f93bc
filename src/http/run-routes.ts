import { type Static, Type } from "typebox";
import { readId } from "../ids.ts";
import type { RunFilter, RunRow } from "../store/list-runs.ts";
import type { Sessions } from "../talk/sessions.ts";
import type { Api } from "./api.ts";
import { readTime, When } from "./read-time.ts";
import { readMicrosCursor, shownId, writeMicrosCursor } from "./session-json.ts";
import { callerOf, SessionParams } from "./session-routes.ts";

const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;

const MaybeText = Type.Union([Type.String(), Type.Null()]);
const Time = Type.String({ format: "date-time" });
const RunJson = Type.Object({
  run_id: Type.String(),
  session_id: Type.String(),
  user_id: Type.String({ description: "Whose session it is" }),
  agent: Type.String(),
  trace_id: Type.String(),
  status: Type.String({ description: "running, waiting (for a person), completed, failed or cancelled" }),
  attempt: Type.Integer(),
  end_reason: MaybeText,
  error_code: MaybeText,
  queued_at: Time,
  started_at: Time,
  ended_at: Type.Union([Time, Type.Null()]),
});
const RunsJson = Type.Object({
  runs: Type.Array(RunJson),
  next_cursor: Type.Union([Type.String(), Type.Null()], { description: "null = that is all" }),
});

const ReasoningJson = Type.Object({
  reasoning: Type.Array(
    Type.Object({
      run_id: Type.String(),
      step: Type.Integer({ description: "Before which assistant message of its run, from 1" }),
      text: Type.String({ description: "Cut where a run thinks at length" }),
      ms: Type.Integer({ description: "For how long" }),
    }),
  ),
});

const Status = Type.Union(
  (["running", "waiting", "completed", "failed", "cancelled"] as const).map((state) => Type.Literal(state)),
);
const RunsQuery = Type.Object(
  {
    agent_id: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    status: Type.Optional(Status),
    since: Type.Optional(When),
    until: Type.Optional(When),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE })),
    cursor: Type.Optional(Type.String({ maxLength: 100, description: "next_cursor of a page" })),
  },
  { additionalProperties: false },
);

/** Runs, of one session or of all that the caller reaches, and ending one of them. */
export function runRoutes(app: Api, sessions: Sessions): void {
  app.route({
    method: "GET",
    url: "/v1/runs",
    config: { scope: "sessions:read" },
    schema: { summary: "List runs, newest first", querystring: RunsQuery, response: { 200: RunsJson } },
    handler: async (request) => {
      const page = pageOf(request.query);
      return toRunsJson(await sessions.runs(callerOf(request), filterOf(request.query), page), page.limit, null);
    },
  });

  app.route({
    method: "GET",
    url: "/v1/sessions/:id/runs",
    config: { scope: "sessions:read" },
    schema: {
      summary: "List the runs of a session, newest first",
      params: SessionParams,
      querystring: RunsQuery,
      response: { 200: RunsJson },
    },
    handler: async (request) => {
      const caller = callerOf(request);
      const session = await sessions.find(caller, request.params.id);
      const page = pageOf(request.query);
      const found = await sessions.runs(caller, { ...filterOf(request.query), session: session.id }, page);
      return toRunsJson(found, page.limit, shownId(caller, session));
    },
  });

  app.route({
    method: "GET",
    url: "/v1/sessions/:id/reasoning",
    config: { scope: "sessions:read" },
    schema: {
      summary: "Read what the model thought in the newest runs of a session",
      description:
        "Events `reasoning.delta`, joined, for as long as they are kept: a day after their run, unless `retention` says otherwise.",
      params: SessionParams,
      response: { 200: ReasoningJson },
    },
    handler: async (request) => {
      const caller = callerOf(request);
      return { reasoning: await sessions.thoughts(caller, await sessions.find(caller, request.params.id)) };
    },
  });

  app.route({
    method: "POST",
    url: "/v1/sessions/:id/runs/:run/cancel",
    config: { scope: "sessions:write" },
    schema: {
      summary: "End one run, and no other; what it has said is kept",
      params: Type.Object({ id: Type.String(), run: Type.String() }),
      response: { 202: Type.Object({ run_id: Type.String() }) },
    },
    handler: async (request, reply) => {
      const { id, run } = request.params;
      await sessions.cancel(callerOf(request), id, readId("run", run));
      return reply.code(202).send({ run_id: run });
    },
  });
}

function filterOf({ agent_id: agent, status, since, until }: Static<typeof RunsQuery>): RunFilter {
  return {
    ...(agent !== undefined && { agent }),
    ...(status !== undefined && { state: status }),
    ...(since !== undefined && { since: readTime("since", since) }),
    ...(until !== undefined && { until: readTime("until", until) }),
  };
}

/** With one more than asked for, which tells whether there are more. */
function pageOf({ limit = DEFAULT_PAGE, cursor }: Static<typeof RunsQuery>) {
  return { limit: limit + 1, after: cursor === undefined ? null : readMicrosCursor("run", cursor) };
}

function toRunsJson(found: RunRow[], limit: number, session: string | null): Static<typeof RunsJson> {
  const page = found.slice(0, limit - 1);
  const last = found.length === limit ? page.at(-1) : undefined;
  return {
    runs: page.map((run) => ({
      run_id: run.id,
      session_id: session ?? run.session_id,
      user_id: run.user_id,
      agent: run.agent,
      trace_id: run.trace_id,
      status: run.state,
      attempt: run.attempt,
      end_reason: run.end_reason,
      error_code: run.error_code,
      queued_at: run.queued_at.toISOString(),
      started_at: run.started_at.toISOString(),
      ended_at: run.ended_at?.toISOString() ?? null,
    })),
    next_cursor: last ? writeMicrosCursor(last.started_micros, last.id) : null,
  };
}
