import type { FastifyInstance } from "fastify";
import { clientOf } from "./authenticate.ts";
import { createClientAddress } from "./client-address.ts";

const MAX_PATH = 200;

/**
 * One line per request when it is over: never a body, a header or the values of a query, and no path that a route
 * knows by a pattern, since codes stand in paths.
 */
export function logRequests(app: FastifyInstance, trustedProxies: readonly string[]): void {
  const addressOf = createClientAddress(trustedProxies);
  app.addHook("onRequest", async (request, reply) => {
    const startedAt = performance.now();
    reply.raw.once("close", () => {
      const fields = {
        method: request.method,
        ...(request.is404
          ? { path: request.url.split("?")[0]?.slice(0, MAX_PATH) }
          : { route: request.routeOptions.url }),
        // Null = the client left before it was answered.
        status: reply.raw.headersSent ? reply.raw.statusCode : null,
        ms: Math.round(performance.now() - startedAt),
        remote: addressOf(clientOf(request)),
      };
      request.log.info(fields, "request");
    });
  });
}
