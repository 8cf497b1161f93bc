import type { FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { GatewayError } from "../errors.ts";
import type { SessionFilter } from "../store/list-sessions.ts";
import type { SessionRow } from "../store/session-reach.ts";
import type { AgentService } from "../talk/agent-service.ts";
import type { SessionCaller, Sessions } from "../talk/sessions.ts";
import type { Api } from "./api.ts";
import { operatorOf, principalOf, reachOf } from "./authenticate.ts";
import { HistoryJson, HistoryQuery, readHistory } from "./read-history.ts";
import { readTime, When } from "./read-time.ts";
import {
  etagOf,
  readIfMatch,
  readMicrosCursor,
  SessionJson,
  shownId,
  toSessionJson,
  writeMicrosCursor,
} from "./session-json.ts";

const MAX_PAGE = 100;
const DEFAULT_PAGE = 50;
/** Of a history that an agent keeps; it is read as it was written, all at once. */
const MAX_SAVED = 10_000;
const SAVED_BYTES = 16 * 1024 * 1024;
/** Of JSON that somebody keeps with a session. */
const MAX_DATA = 16_384;

export const SessionParams = Type.Object({ id: Type.String() });
const Word = Type.String({ minLength: 1, maxLength: 200 });
const Data = Type.Record(Type.String(), Type.Unknown());
const Index = Type.Integer({ minimum: 0, maximum: 1_000_000_000 });
const WholeJson = Type.Object({ ...SessionJson.properties, ...HistoryJson.properties });

const IdempotencyKey = Type.Object({
  "idempotency-key": Type.Optional(
    Type.String({ minLength: 1, maxLength: 255, description: "The same key again returns what it made." }),
  ),
});
const IfMatch = Type.Object({
  "if-match": Type.Optional(Type.String({ maxLength: 100, description: "An ETag: 412 if it has changed since" })),
});

/** Whoever makes a request in the scope of `actForUser`, as sessions see it. */
export function callerOf(request: FastifyRequest): SessionCaller {
  return {
    reach: reachOf(request),
    user: request.user === "" ? null : request.user,
    operator: operatorOf(request),
    platform: principalOf(request).browser ? "web" : "api",
  };
}

/** Making, listing, reading and changing sessions. */
export function sessionRoutes(app: Api, service: AgentService, sessions: Sessions): void {
  app.route({
    method: "POST",
    url: "/v1/sessions",
    config: { scope: "sessions:write" },
    // The body may be left out.
    preValidation: async (request) => void (request.body ??= {}),
    schema: {
      summary: "Start a talk with an agent",
      headers: IdempotencyKey,
      body: Type.Object(
        {
          session_id: Type.Optional(Type.String({ pattern: "^[a-zA-Z0-9_-]{1,128}$" })),
          agent: Type.Optional(Word),
          agent_id: Type.Optional(Word),
          title: Type.Optional(Type.String({ maxLength: 200 })),
          user: Type.Optional(
            Type.String({ minLength: 1, maxLength: 120, description: "With an agent's key: one of its own people" }),
          ),
          metadata: Type.Optional(Data),
        },
        { additionalProperties: false },
      ),
      response: { 201: SessionJson },
    },
    handler: async (request, reply) => {
      const chosen = principalOf(request).browser?.choices.agent ?? undefined;
      const { session_id: id, agent_id: agentId, agent = agentId ?? service.ifThere(chosen), ...rest } = request.body;
      if (agentId !== undefined && agent !== agentId) {
        throw new GatewayError("invalid", "agent and agent_id name two agents.");
      }
      const key = request.headers["idempotency-key"];
      checkData("metadata", rest.metadata);
      const caller = callerOf(request);
      const made = await sessions.create(caller, {
        ...rest,
        ...(id !== undefined && { id }),
        ...(agent !== undefined && { agent }),
        ...(key !== undefined && { idempotencyKey: key }),
      });
      return reply.code(201).header("etag", etagOf(made)).send(toSessionJson(caller, made));
    },
  });

  app.route({
    method: "GET",
    url: "/v1/sessions",
    config: { scope: "sessions:read" },
    schema: {
      summary: "List sessions, last used first",
      querystring: Type.Object(
        {
          user_id: Type.Optional(Word),
          agent_id: Type.Optional(Word),
          platform: Type.Optional(Word),
          channel: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: "The same as platform" })),
          status: Type.Optional(Type.Union([Type.Literal("running"), Type.Literal("waiting"), Type.Literal("idle")])),
          q: Type.Optional(
            Type.String({
              minLength: 1,
              maxLength: 200,
              description:
                "Words in the title or in what was said, of the newest 500 sessions that the rest leaves: in the newest 100 messages of each",
            }),
          ),
          since: Type.Optional(When),
          until: Type.Optional(When),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE })),
          cursor: Type.Optional(Type.String({ maxLength: 100, description: "next_cursor of a page" })),
        },
        { additionalProperties: false },
      ),
      response: {
        200: Type.Object({
          sessions: Type.Array(SessionJson),
          next_cursor: Type.Union([Type.String(), Type.Null()], { description: "null = that is all" }),
        }),
      },
    },
    handler: async (request) => {
      const {
        limit = DEFAULT_PAGE,
        cursor,
        user_id: user,
        agent_id: agent,
        channel,
        since,
        until,
        ...rest
      } = request.query;
      const { platform = channel, status, q } = rest;
      const filter: SessionFilter = {
        ...(user !== undefined && { user: user as SessionRow["user_id"] }),
        ...(agent !== undefined && { agent }),
        ...(platform !== undefined && { platform }),
        ...(status !== undefined && { status }),
        ...(q !== undefined && { q }),
        ...(since !== undefined && { since: readTime("since", since) }),
        ...(until !== undefined && { until: readTime("until", until) }),
      };
      const caller = callerOf(request);
      const after = cursor === undefined ? null : readMicrosCursor("ses", cursor);
      const found = await sessions.list(caller, filter, { limit: limit + 1, after });
      const page = found.slice(0, limit);
      const last = found.length > limit ? page.at(-1) : undefined;
      return {
        sessions: page.map((session) => toSessionJson(caller, session)),
        next_cursor: last ? writeMicrosCursor(last.updated_micros, last.id) : null,
      };
    },
  });

  app.route({
    method: "GET",
    url: "/v1/sessions/:id",
    config: { scope: "sessions:read" },
    schema: {
      summary: "Read a session with a page of its messages; all of them where an agent keeps the history",
      params: SessionParams,
      querystring: HistoryQuery,
      response: { 200: WholeJson },
    },
    handler: async (request, reply) => {
      const caller = callerOf(request);
      const session = await sessions.find(caller, request.params.id);
      reply.header("etag", etagOf(session));
      return read(caller, session, request.query);
    },
  });

  app.route({
    method: "PUT",
    url: "/v1/sessions/:id",
    config: { scope: "sessions:write" },
    bodyLimit: SAVED_BYTES,
    schema: {
      summary: "Save the history that an agent keeps itself, with its key; makes the session if there is none",
      params: SessionParams,
      headers: IfMatch,
      body: Type.Object(
        {
          messages: Type.Array(Type.Object({ role: Word }, { additionalProperties: true }), {
            maxItems: MAX_SAVED,
            description: "In the form of OpenAI's chat completions",
          }),
        },
        { additionalProperties: false },
      ),
      response: { 200: Type.Object({ session_id: Type.String(), saved: Type.Boolean(), version: Type.Integer() }) },
    },
    handler: async (request, reply) => {
      const caller = callerOf(request);
      const wanted = readIfMatch(request.headers["if-match"]);
      const saved = await sessions.save(caller, request.params.id, request.body.messages, wanted);
      reply.header("etag", etagOf(saved));
      return { session_id: shownId(caller, saved), saved: true, version: saved.version };
    },
  });

  app.route({
    method: "PATCH",
    url: "/v1/sessions/:id",
    config: { scope: "sessions:write" },
    schema: {
      summary: "Rename a session, or change what is kept with it, field by field; null takes a field away",
      params: SessionParams,
      headers: IfMatch,
      body: Type.Object(
        {
          title: Type.Optional(Type.String({ maxLength: 200 })),
          metadata: Type.Optional(Data),
          cost_data: Type.Optional(Data),
        },
        { additionalProperties: false },
      ),
      response: { 200: WholeJson },
    },
    handler: async (request, reply) => {
      const caller = callerOf(request);
      const { metadata, cost_data: costs } = request.body;
      checkData("metadata", metadata);
      checkData("cost_data", costs);
      const wanted = readIfMatch(request.headers["if-match"]);
      const session = await sessions.patch(caller, request.params.id, request.body, wanted);
      reply.header("etag", etagOf(session));
      return read(caller, session, {});
    },
  });

  app.route({
    method: "DELETE",
    url: "/v1/sessions/:id",
    config: { scope: "sessions:write" },
    schema: {
      summary: "Delete a session with all that is in it; what answers just now is stopped before",
      params: SessionParams,
      response: { 200: Type.Object({ deleted: Type.Boolean() }) },
    },
    handler: async (request) => {
      await sessions.delete(callerOf(request), request.params.id);
      return { deleted: true };
    },
  });

  app.route({
    method: "GET",
    url: "/v1/sessions/:id/cost_data",
    config: { scope: "sessions:read" },
    schema: {
      summary: "Read what an agent says its part of a session costs",
      params: SessionParams,
      response: { 200: Type.Object({ session_id: Type.String(), cost_data: Data }) },
    },
    handler: async (request) => {
      const caller = callerOf(request);
      const session = await sessions.find(caller, request.params.id);
      return { session_id: shownId(caller, session), cost_data: session.cost_data };
    },
  });

  app.route({
    method: "POST",
    url: "/v1/sessions/:id/fork",
    config: { scope: "sessions:write" },
    preValidation: async (request) => void (request.body ??= {}),
    schema: {
      summary: "Begin another session with the first messages of this one",
      params: SessionParams,
      headers: IdempotencyKey,
      body: Type.Object(
        {
          from_message_index: Type.Optional(
            Type.Union([Index, Type.Null()], { description: "How many; left out: all" }),
          ),
        },
        { additionalProperties: false },
      ),
      response: {
        201: Type.Object({
          session_id: Type.String(),
          parent_session_id: Type.String(),
          message_count: Type.Integer(),
        }),
      },
    },
    handler: async (request, reply) => {
      const caller = callerOf(request);
      const count = request.body.from_message_index ?? null;
      const made = await sessions.fork(caller, request.params.id, count, request.headers["idempotency-key"]);
      return reply.code(201).send({
        session_id: shownId(caller, made.session),
        parent_session_id: shownId(caller, made.parent),
        message_count: made.messages,
      });
    },
  });

  app.route({
    method: "POST",
    url: "/v1/sessions/:id/revert",
    config: { scope: "sessions:write" },
    schema: {
      summary: "Take back all messages but the first ones; what answers just now is stopped before",
      params: SessionParams,
      body: Type.Object({ to_message_index: Index }, { additionalProperties: false }),
      response: { 204: Type.Null({ description: "Done" }) },
    },
    handler: async (request, reply) => {
      await sessions.revert(callerOf(request), request.params.id, request.body.to_message_index);
      return reply.code(204).send(null);
    },
  });

  async function read(
    caller: SessionCaller,
    session: SessionRow,
    query: Static<typeof HistoryQuery>,
  ): Promise<Static<typeof WholeJson>> {
    const whole = session.history === "agent" && query.limit === undefined;
    const asked = whole ? { ...query, limit: MAX_SAVED } : query;
    return {
      ...toSessionJson(caller, session),
      ...(await readHistory(service, session.user_id, session.id, asked)),
    };
  }
}

function checkData(field: string, data: Record<string, unknown> | undefined): void {
  if (data === undefined || JSON.stringify(data).length <= MAX_DATA) return;
  throw new GatewayError("too_large", `${field} has at most ${MAX_DATA} characters of JSON.`);
}
