import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import { readId, type SessionId } from "../ids.ts";
import { MAX_FILES } from "../run/prepare-turn.ts";
import type { Root } from "../store/schema.ts";
import { type AgentService, MAX_MESSAGE_CHARS } from "../talk/agent-service.ts";
import type { Sessions } from "../talk/sessions.ts";
import { sendUploads } from "../talk/uploads.ts";
import { operatorOf, principalOf, userOf } from "./authenticate.ts";
import type { Api } from "./api.ts";
import { HistoryJson, HistoryQuery, readHistory } from "./read-history.ts";
import { callerOf, SessionParams } from "./session-routes.ts";

/** Reading messages, adding one, and stopping what goes on. */
export function messageRoutes(
  app: Api,
  { db, service, sessions }: { db: Root; service: AgentService; sessions: Sessions },
): void {
  app.route({
    method: "GET",
    url: "/v1/sessions/:id/messages",
    config: { scope: "sessions:read" },
    schema: {
      summary: "Read a page of a session's messages",
      params: SessionParams,
      querystring: HistoryQuery,
      response: { 200: Type.Object({ session_id: Type.String(), ...HistoryJson.properties }) },
    },
    handler: async (request) => {
      const { id } = request.params;
      const session = await sessions.find(callerOf(request), id);
      return { session_id: id, ...(await readHistory(service, session.user_id, session.id, request.query)) };
    },
  });

  app.route({
    method: "POST",
    url: "/v1/sessions/:id/messages",
    config: { scope: "sessions:write" },
    schema: {
      summary: "Say something; it is stored when this answers, and its answer comes as events",
      params: SessionParams,
      headers: Type.Object({
        "idempotency-key": Type.Optional(
          Type.String({
            maxLength: 255,
            description: "The same key again returns the same message; with another text or other files it is refused.",
          }),
        ),
      }),
      body: Type.Object(
        {
          text: Type.String({
            description: `At most ${MAX_MESSAGE_CHARS} characters; may be empty where there are files`,
          }),
          files: Type.Optional(
            Type.Array(Type.String(), {
              maxItems: MAX_FILES,
              description: "Files of the session, as `POST …/files` answered",
            }),
          ),
        },
        { additionalProperties: false },
      ),
      response: { 202: Type.Object({ message_id: Type.String(), session_id: Type.String() }) },
    },
    handler: async (request, reply) => {
      const { id } = request.params;
      const key = request.headers["idempotency-key"]?.trim() ?? "";
      const { keyId, browser } = principalOf(request);
      const user = userOf(request);
      const session = await ownId(request, id);
      const before = await sendUploads(db, { user, session }, request.body.files ?? []);
      const { messageId } = await service.addMessage(user, session, {
        text: request.body.text,
        before,
        keyId,
        ...(browser?.choices.language ? { language: browser.choices.language } : {}),
        ...(key === "" ? {} : { idempotencyKey: key }),
      });
      return reply.code(202).send({ message_id: messageId, session_id: id });
    },
  });

  app.route({
    method: "POST",
    url: "/v1/sessions/:id/stop",
    config: { scope: "sessions:write" },
    schema: {
      summary: "End the running answer and withdraw what waits",
      params: SessionParams,
      response: {
        202: Type.Object({
          session_id: Type.String(),
          withdrawn: Type.Integer({ description: "How many messages" }),
          message_ids: Type.Array(Type.String(), { description: "Of those that were withdrawn" }),
        }),
      },
    },
    handler: async (request, reply) => {
      const { id } = request.params;
      const session = await sessions.find(callerOf(request), id);
      const { withdrawn } = await service.stop(session.user_id, session.id, operatorOf(request));
      return reply.code(202).send({ session_id: id, withdrawn: withdrawn.length, message_ids: withdrawn });
    },
  });

  /** The gateway's id; only one that somebody gave has to be looked up. */
  async function ownId(request: FastifyRequest, id: string): Promise<SessionId> {
    const own = readId("ses", id);
    if (own) return own;
    const reach = { kind: "user", user: userOf(request) } as const;
    return (await sessions.find({ reach, user: reach.user }, id)).id;
  }
}
