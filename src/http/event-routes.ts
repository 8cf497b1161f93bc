import { Type } from "typebox";
import type { AgentService, FollowItem, TalkSession } from "../talk/agent-service.ts";
import type { Sessions } from "../talk/sessions.ts";
import type { EventStreams } from "./event-streams.ts";
import type { HttpLimits } from "./http-limits.ts";
import type { Api } from "./api.ts";
import { stillMay } from "./authenticate.ts";
import type { KeyRing } from "./key-ring.ts";
import { toSentEvent } from "./sent-event.ts";
import { callerOf, SessionParams } from "./session-routes.ts";
import type { WebCookies } from "./web-cookies.ts";
import { type SentEvent, writeEvents } from "./write-events.ts";

/** Following a session: its history, what waits, and then everything that happens. */
export function eventRoutes(
  app: Api,
  service: AgentService,
  sessions: Sessions,
  streams: EventStreams,
  who: { keys: KeyRing; cookies: WebCookies | null },
  limits: HttpLimits,
): void {
  app.route({
    method: "GET",
    url: "/v1/sessions/:id/events",
    config: { scope: "sessions:read", stream: true },
    exposeHeadRoute: false,
    schema: {
      summary: "Follow a session as server-sent events",
      description:
        "Events `message` and `accepted` are messages, the others are named like what happens in a run; " +
        "`reasoning.delta` is what the model thinks before its `step`th answer in it, and is in no message. " +
        "The id of the last event continues after it, on any replica, without gap or double.",
      params: SessionParams,
      headers: Type.Object({ "last-event-id": Type.Optional(Type.String({ maxLength: 8_192 })) }),
      querystring: Type.Object(
        {
          after: Type.Optional(Type.String({ maxLength: 8_192, description: "like Last-Event-ID, which goes first" })),
        },
        { additionalProperties: false },
      ),
      response: { 200: { description: "Events", content: { "text/event-stream": { schema: Type.String() } } } },
    },
    handler: async (request, reply) => {
      const found = await sessions.find(callerOf(request), request.params.id);
      const user = found.user_id;
      const session = await service.getSession(user, found.id);
      const after = request.headers["last-event-id"] ?? request.query.after ?? "";
      const stream = streams.open(user);
      // Also when the reader has gone before a word was said.
      reply.raw.once("close", () => stream.end());
      if (reply.raw.destroyed) stream.end();
      // A key that is taken back, a browser that is signed out, or a session that goes to another agent, ends what was opened before, too.
      const mayRead = async () =>
        (await stillMay(request, who.keys, who.cookies)) && (await sessions.find(callerOf(request), session.id));
      const looking = setInterval(() => {
        mayRead().then(
          (may) => may || stream.end(),
          () => stream.end(),
        );
      }, limits.standingMs);
      try {
        const items = await service.getMessages(user, session.id, { after, follow: true, signal: stream.signal });
        reply.raw.setHeader("x-request-id", request.id);
        reply.hijack();
        await writeEvents(reply.raw, toEvents(session, items), limits, stream.signal);
      } catch (error) {
        if (!reply.sent) throw error;
        // The response has begun, so its end is all that can be said; the reader comes again and goes on.
        request.log.warn({ err: error }, "an event stream was cut off");
      } finally {
        clearInterval(looking);
        stream.release();
      }
    },
  });
}

async function* toEvents(session: TalkSession, items: AsyncIterable<FollowItem>): AsyncIterable<SentEvent> {
  for await (const item of items) yield toSentEvent(session, item);
}
