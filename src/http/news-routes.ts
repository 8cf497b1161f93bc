import { type Static, Type } from "typebox";
import type { AgentService } from "../talk/agent-service.ts";
import type { Sessions } from "../talk/sessions.ts";
import type { Api } from "./api.ts";
import { stillMay } from "./authenticate.ts";
import type { EventStreams } from "./event-streams.ts";
import type { KeyRing } from "./key-ring.ts";
import { toSentEvent } from "./sent-event.ts";
import { callerOf, SessionParams } from "./session-routes.ts";
import type { WebCookies } from "./web-cookies.ts";

const MAX_WAIT_S = 20;
const MAX_EVENTS = 500;
/** What happens together is told together. */
const GATHER_MS = 50;

const NewsJson = Type.Object({
  events: Type.Array(
    Type.Object({ id: Type.String(), event: Type.String(), data: Type.Record(Type.String(), Type.Unknown()) }),
  ),
});

/** Following a session by asking again and again, for whom no stream reaches: a proxy may hold streams back. */
export function newsRoutes(
  app: Api,
  service: AgentService,
  sessions: Sessions,
  streams: EventStreams,
  who: { keys: KeyRing; cookies: WebCookies | null },
): void {
  app.route({
    method: "GET",
    url: "/v1/sessions/:id/news",
    config: { scope: "sessions:read" },
    schema: {
      summary: "Read what the event stream says after an event, as soon as there is something",
      params: SessionParams,
      querystring: Type.Object(
        {
          after: Type.Optional(Type.String({ maxLength: 8_192, description: "The id of the last event" })),
          wait: Type.Optional(
            Type.Integer({ minimum: 0, maximum: MAX_WAIT_S, default: 0, description: "Seconds to wait for something" }),
          ),
        },
        { additionalProperties: false },
      ),
      response: { 200: NewsJson },
    },
    handler: async (request, reply) => {
      const found = await sessions.find(callerOf(request), request.params.id);
      const user = found.user_id;
      const session = await service.getSession(user, found.id);
      const { after = "", wait = 0 } = request.query;
      const stream = streams.open(user);
      reply.raw.once("close", () => stream.end());
      let timer = setTimeout(() => stream.end(), Math.max(wait * 1_000, GATHER_MS));
      const events: Static<typeof NewsJson>["events"] = [];
      try {
        for await (const item of await service.getMessages(user, session.id, {
          after,
          follow: true,
          signal: stream.signal,
        })) {
          const { id, event, data } = toSentEvent(session, item);
          events.push({ id, event, data: data as Record<string, unknown> });
          if (events.length >= MAX_EVENTS) break;
          clearTimeout(timer);
          timer = setTimeout(() => stream.end(), GATHER_MS);
        }
      } finally {
        clearTimeout(timer);
        stream.end();
        stream.release();
      }
      // Who was signed out meanwhile, maybe at another replica, is told so when they ask again.
      return { events: (await stillMay(request, who.keys, who.cookies)) ? events : [] };
    },
  });
}
