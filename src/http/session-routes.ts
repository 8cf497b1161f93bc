import { Type } from "typebox";
import type { AgentService } from "../talk/agent-service.ts";
import { userOf } from "./authenticate.ts";
import type { Api } from "./api.ts";
import { HistoryJson, HistoryQuery, readHistory } from "./read-history.ts";
import { readSessionCursor, SessionJson, toSessionJson, writeSessionCursor } from "./session-json.ts";

const MAX_PAGE = 100;
const DEFAULT_PAGE = 50;
/** Sessions that may have changed in the same ms, which is all a cursor tells of a time. */
const SAME_MS = 50;

export const SessionParams = Type.Object({ id: Type.String() });

/** Making, listing and reading sessions. */
export function sessionRoutes(app: Api, service: AgentService): void {
  app.route({
    method: "POST",
    url: "/v1/sessions",
    config: { scope: "sessions:write" },
    // The body may be left out.
    preValidation: async (request) => void (request.body ??= {}),
    schema: {
      summary: "Start a talk with an agent",
      body: Type.Object(
        {
          agent: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
          title: Type.Optional(Type.String({ maxLength: 200 })),
        },
        { additionalProperties: false },
      ),
      response: { 201: SessionJson },
    },
    handler: async (request, reply) => {
      const session = await service.createTalkSession(userOf(request), request.body);
      return reply.code(201).send(toSessionJson(session));
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
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE })),
          before: Type.Optional(Type.String({ maxLength: 100, description: "next_cursor of a page" })),
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
      const { limit = DEFAULT_PAGE, before } = request.query;
      const cursor = before === undefined ? null : readSessionCursor(before);
      const found = await service.listSessions(userOf(request), {
        limit: limit + 1 + (cursor ? SAME_MS : 0),
        ...(cursor ? { before: new Date(cursor.updatedAt.getTime() + 1) } : {}),
      });
      const left = cursor ? found.slice(found.findIndex(({ id }) => id === cursor.id) + 1) : found;
      const page = left.slice(0, limit);
      const last = page.at(-1);
      return {
        sessions: page.map(toSessionJson),
        next_cursor: last && left.length > limit ? writeSessionCursor(last) : null,
      };
    },
  });

  app.route({
    method: "GET",
    url: "/v1/sessions/:id",
    config: { scope: "sessions:read" },
    schema: {
      summary: "Read a session with a page of its messages",
      params: SessionParams,
      querystring: HistoryQuery,
      response: { 200: Type.Object({ ...SessionJson.properties, ...HistoryJson.properties }) },
    },
    handler: async (request) => {
      const user = userOf(request);
      const session = await service.getSession(user, request.params.id);
      return { ...toSessionJson(session), ...(await readHistory(service, user, session.id, request.query)) };
    },
  });
}
