import type { FastifyInstance, FastifyRequest } from "fastify";
import { GatewayError } from "../errors.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Accept, PlatformAdapter, RawRequest, RawResponse } from "../platform/platform-adapter.ts";
import type { AuthFailures } from "./auth-failures.ts";
import { clientOf } from "./authenticate.ts";
import { readBody } from "./read-body.ts";

export interface WebhookParts {
  paths: readonly string[];
  adapters: () => readonly PlatformAdapter[];
  accept: Accept;
  failures: AuthFailures;
  metrics: Metrics;
}

/** What a refusal is called in the metrics; other answers are no refusals. */
const REFUSED: Record<number, string> = { 401: "bad_secret", 413: "too_large", 400: "unreadable", 503: "overload" };

/**
 * The platforms' way in. The adapter checks secret or signature from the headers and asks for the bytes itself, so
 * nothing is read, let alone parsed, of a call that is refused. Until the adapter of a path is connected, the platform
 * is told to come again.
 */
export function webhookRoutes(app: FastifyInstance, parts: WebhookParts): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  for (const path of parts.paths) {
    app.route({
      method: "POST",
      url: path,
      schema: { hide: true },
      handler: async (request, reply) => {
        const answer = await call(path, request, parts);
        return reply
          .code(answer.status)
          .headers(answer.headers ?? {})
          .send(answer.body ?? "");
      },
    });
  }
}

async function call(path: string, request: FastifyRequest, parts: WebhookParts): Promise<RawResponse> {
  const startedAt = performance.now();
  const client = clientOf(request);
  parts.failures.check(client);
  const adapter = parts.adapters().find(({ webhook }) => webhook?.path === path);
  if (!adapter?.webhook) throw new GatewayError("unavailable", "This platform is not connected yet.");
  const { platform, webhook } = adapter;
  const answer = await webhook.handle(toRawRequest(request, webhook.maxBytes), parts.accept);
  if (answer.status === 401) parts.failures.failed(client);
  const why = REFUSED[answer.status];
  if (why !== undefined) parts.metrics.updatesRefused.inc({ platform, why });
  parts.metrics.webhookAck.observe({ platform }, (performance.now() - startedAt) / 1000);
  return answer;
}

function toRawRequest(request: FastifyRequest, maxBytes: number): RawRequest {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(request.raw.headers)) {
    headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return { headers, body: () => readBody(request.raw, maxBytes) };
}
