import { setTimeout as sleep } from "node:timers/promises";
import { Type } from "typebox";
import type { Metrics } from "../observe/metrics.ts";
import type { Api } from "./api.ts";
import type { Readiness } from "./readiness.ts";

/** A check that takes longer is a failed one. */
const CHECK_MS = 5_000;
const UNKNOWN: Readiness = { ready: false, checks: { gateway: "cannot be checked" } };

/** For those who watch over the process: no key, hence no word that is not public. */
export function healthRoutes(app: Api, readiness: () => Promise<Readiness>): void {
  app.route({
    method: "GET",
    url: "/healthz",
    logLevel: "warn",
    schema: { summary: "Does the process live?", response: { 200: Type.Object({ status: Type.String() }) } },
    handler: async () => ({ status: "ok" }),
  });

  const ReadyJson = Type.Object({ status: Type.String(), checks: Type.Record(Type.String(), Type.String()) });
  // Anybody may ask as often as they like; the database is asked once at a time.
  let running: Promise<Readiness> | null = null;
  app.route({
    method: "GET",
    url: "/readyz",
    logLevel: "warn",
    schema: {
      summary: "Should requests be sent here? Trouble of a platform is told without changing the verdict.",
      response: { 200: ReadyJson, 503: ReadyJson },
    },
    handler: async (_request, reply) => {
      running ??= checkInTime(readiness).finally(() => (running = null));
      const { ready, checks } = await running;
      return reply.code(ready ? 200 : 503).send({ status: ready ? "ready" : "not ready", checks });
    },
  });
}

/** For scrapers with a key. */
export function metricsRoutes(app: Api, metrics: Metrics): void {
  app.route({
    method: "GET",
    url: "/metrics",
    config: { scope: "metrics:read" },
    logLevel: "warn",
    schema: { summary: "Metrics for Prometheus" },
    handler: async (_request, reply) => reply.type(metrics.contentType).send(await metrics.render()),
  });
}

async function checkInTime(readiness: () => Promise<Readiness>): Promise<Readiness> {
  const late = sleep(CHECK_MS, { ready: false, checks: { gateway: "does not answer" } }, { ref: false });
  return Promise.race([readiness().catch(() => UNKNOWN), late]);
}
