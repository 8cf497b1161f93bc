import type { FastifyInstance } from "fastify";
import { clientOf } from "./authenticate.ts";
import { createClientAddress } from "./client-address.ts";

const MAX_PATH = 200;

/** One line per request when it is over: never a body, a header, the values of a query or of a path. */
export function logRequests(app: FastifyInstance, trustedProxies: readonly string[]): void {
  const addressOf = createClientAddress(trustedProxies);
  app.addHook("onRequest", async (request, reply) => {
    const startedAt = performance.now();
    reply.raw.once("close", () => {
      const fields = {
        method: request.method,
        ...(request.is404 ? { path: headOf(request.url) } : { route: request.routeOptions.url }),
        // Null = the client left before it was answered.
        status: reply.raw.headersSent ? reply.raw.statusCode : null,
        ms: Math.round(performance.now() - startedAt),
        remote: addressOf(clientOf(request)),
      };
      request.log.info(fields, "request");
    });
  });
}

/** What stands further in may be a code, also where the method or a later word is wrong. */
function headOf(url: string): string {
  const [path = ""] = url.split("?");
  return path.split("/", 3).join("/").slice(0, MAX_PATH);
}
