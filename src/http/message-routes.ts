import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import { readId } from "../ids.ts";
import { type AgentService, MAX_MESSAGE_CHARS } from "../talk/agent-service.ts";
import type { Sessions } from "../talk/sessions.ts";
import { operatorOf, principalOf, userOf } from "./authenticate.ts";
import type { Api } from "./api.ts";
import { HistoryJson, HistoryQuery, readHistory } from "./read-history.ts";
import { callerOf, SessionParams } from "./session-routes.ts";

/** Reading messages, adding one, and stopping what goes on. */
export function messageRoutes(app: Api, service: AgentService, sessions: Sessions): void {
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
            description: "The same key again returns the same message; with another text it is refused.",
          }),
        ),
      }),
      body: Type.Object(
        { text: Type.String({ description: `At most ${MAX_MESSAGE_CHARS} characters` }) },
        { additionalProperties: false },
      ),
      response: { 202: Type.Object({ message_id: Type.String(), session_id: Type.String() }) },
    },
    handler: async (request, reply) => {
      const { id } = request.params;
      const key = request.headers["idempotency-key"]?.trim() ?? "";
      const { keyId, browser } = principalOf(request);
      const { messageId } = await service.addMessage(userOf(request), await ownId(request, id), {
        text: request.body.text,
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
      response: { 202: Type.Object({ session_id: Type.String(), withdrawn: Type.Integer() }) },
    },
    handler: async (request, reply) => {
      const { id } = request.params;
      const session = await sessions.find(callerOf(request), id);
      const { withdrawn } = await service.stop(session.user_id, session.id, operatorOf(request));
      return reply.code(202).send({ session_id: id, withdrawn });
    },
  });

  /** The gateway's id; only one that somebody gave has to be looked up. */
  async function ownId(request: FastifyRequest, id: string): Promise<string> {
    if (readId("ses", id)) return id;
    const reach = { kind: "user", user: userOf(request) } as const;
    return (await sessions.find({ reach, user: reach.user }, id)).id;
  }
}
