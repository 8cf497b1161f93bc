import { randomUUID } from "node:crypto";
import fastifySwagger from "@fastify/swagger";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import { fastify, type FastifyBaseLogger, type FastifyInstance, LogController } from "fastify";
import type { RegisteredAgents } from "../agent/registered-agents.ts";
import { GatewayError } from "../errors.ts";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Accept, PlatformAdapter } from "../platform/platform-adapter.ts";
import type { UserId } from "../ids.ts";
import type { AccessPolicy } from "../platform/access-gate.ts";
import type { Root } from "../store/schema.ts";
import type { AgentService } from "../talk/agent-service.ts";
import { Sessions } from "../talk/sessions.ts";
import { editRoutes } from "./edit-routes.ts";
import { agentRoutes, type AgentRouteParts } from "./agent-routes.ts";
import { answerClientError, answerErrors, sendProblem } from "./answer-errors.ts";
import { auditRoutes } from "./audit-routes.ts";
import { AuthFailures } from "./auth-failures.ts";
import { actForUser, requireKey } from "./authenticate.ts";
import { budgetRoutes } from "./budget-routes.ts";
import { completionRoutes } from "./completion-routes.ts";
import { deliveryActionRoutes, deliveryRoutes } from "./delivery-routes.ts";
import { describeApi, openApiRoutes } from "./describe-api.ts";
import { eventRoutes } from "./event-routes.ts";
import { EventStreams } from "./event-streams.ts";
import { feedbackRoutes } from "./feedback-routes.ts";
import { fileRoutes } from "./file-routes.ts";
import { healthRoutes, metricsRoutes } from "./health-routes.ts";
import { DEFAULT_LIMITS, type HttpLimits } from "./http-limits.ts";
import { KeyRing } from "./key-ring.ts";
import { housekeepingRoutes } from "./housekeeping-routes.ts";
import { keyRoutes } from "./key-routes.ts";
import { logRequests } from "./log-requests.ts";
import { approvalRoutes } from "./approval-routes.ts";
import { mayBrowse } from "./may-browse.ts";
import { meRoutes } from "./me-routes.ts";
import { messageRoutes } from "./message-routes.ts";
import { modelRoutes } from "./model-routes.ts";
import { CallRates } from "./call-rates.ts";
import { overviewRoutes } from "./overview-routes.ts";
import type { PageFile } from "./load-page.ts";
import { NewGuests } from "./new-guests.ts";
import { pageRoutes } from "./page-routes.ts";
import { newsRoutes } from "./news-routes.ts";
import { type ApprovePairing, pairingRoutes } from "./pairing-routes.ts";
import type { Readiness } from "./readiness.ts";
import { runRoutes } from "./run-routes.ts";
import { serializeAnswer } from "./serialize-answer.ts";
import { sessionRoutes } from "./session-routes.ts";
import { operatorSignInRoutes, type SignInParts, signInRoutes } from "./sign-in-routes.ts";
import { traceRoutes } from "./trace-routes.ts";
import { uploadRoutes } from "./upload-routes.ts";
import { validateRequest } from "./validate-request.ts";
import { userRoutes } from "./user-routes.ts";
import { usageRoutes } from "./usage-routes.ts";
import { versionRoutes } from "./version-routes.ts";
import { WebCookies } from "./web-cookies.ts";
import { webhookRoutes } from "./webhook-routes.ts";

export interface HttpParts {
  db: Root;
  service: AgentService;
  agents: RegisteredAgents;
  /** What operators see of agents, and do about them. */
  agentDesk: Pick<AgentRouteParts, "lookup" | "healthOf" | "tryAgent">;
  /** Stores a platform's update. */
  accept: Accept;
  /** Those that are connected; asked at every call of a webhook. */
  adapters: () => readonly PlatformAdapter[];
  /** Where the platforms will call. */
  webhookPaths: readonly string[];
  readiness: () => Promise<Readiness>;
  approvePairing: ApprovePairing;
  metrics: Metrics;
  log: Logger;
  /** Asked at every request, so that it may change. */
  adminKey: () => string;
  /** Addresses and ranges whose X-Forwarded-For is believed. */
  trustedProxies: readonly string[];
  /** Of one key, and of one person, by all replicas. */
  callsPerMinute: number;
  /** Whom the chats let in, which holds for their browsers as well. */
  access: AccessPolicy;
  /** The web page; null = it is off. */
  web: {
    page: readonly PageFile[] | null;
    /** Whether whoever opens the page may use it. */
    guests: boolean;
    /** Where people open it; null = on this machine alone. */
    publicUrl: string | null;
    /** The same, or where this machine does. */
    url: () => string;
    oidc: SignInParts["oidc"];
  } | null;
  limits?: Partial<HttpLimits>;
}

/**
 * The one HTTP server of a gateway: API, webhooks, health. The caller listens and closes; a close ends event streams at
 * once and gives other requests `closeMs`.
 */
export function createHttpServer(parts: HttpParts): FastifyInstance {
  const limits: HttpLimits = { ...DEFAULT_LIMITS, ...parts.limits };
  const app = openServer(parts.log, limits);
  const streams = new EventStreams(limits);
  app.decorateRequest("principal", null);
  app.decorateRequest("user", "");
  acceptEmptyJson(app);
  logRequests(app, parts.trustedProxies);
  app.addHook("onRequest", async (request, reply) => {
    reply.headers({ "x-request-id": request.id, "x-content-type-options": "nosniff", "cache-control": "no-store" });
  });
  closeInTime(app, streams, limits.closeMs);
  answerErrors(app, parts.metrics);

  // Apart from each other: what probes a webhook must not lock the operator out.
  const { trustedProxies, service, web } = parts;
  const keyFailures = new AuthFailures({ trustedProxies });
  const webhookFailures = new AuthFailures({ trustedProxies });
  const cookies =
    web &&
    new WebCookies({
      ...parts,
      admits: (session) => mayBrowse({ ...web, access: parts.access }, session),
      // Browsers whose time was over must not lock out those who have keys.
      failures: new AuthFailures({ trustedProxies }),
      publicUrl: web.publicUrl,
    });
  const left = (user: UserId) => {
    cookies?.forgetUser(user);
    streams.endOf(user);
  };
  const ways = { guest: web?.guests ?? false, oidc: Boolean(web?.oidc) };
  const keys = new KeyRing(parts);
  const rates = new CallRates(parts.db, parts.callsPerMinute);

  app.register(fastifySwagger, describeApi());
  app.register(async (scope) => {
    const open = scope.withTypeProvider<TypeBoxTypeProvider>();
    healthRoutes(open, parts.readiness);
    openApiRoutes(open);
    versionRoutes(open);
    if (web && cookies) {
      const failures = new AuthFailures({ trustedProxies });
      const guests = new NewGuests({ trustedProxies });
      const signIn = { db: parts.db, cookies, streams, ways, failures, guests, oidc: web.oidc, url: web.url };
      open.register(async (inner) => signInRoutes(inner.withTypeProvider<TypeBoxTypeProvider>(), signIn));
    }
  });
  app.register(async (scope) => {
    requireKey(scope, keys, keyFailures, rates, cookies);
    const keyed = scope.withTypeProvider<TypeBoxTypeProvider>();
    metricsRoutes(keyed, parts.metrics);
    pairingRoutes(keyed, parts.approvePairing);
    deliveryRoutes(keyed, parts.db);
    deliveryActionRoutes(keyed, parts.db);
    budgetRoutes(keyed, parts.db, parts.agents);
    editRoutes(keyed, parts.db, parts.agents);
    agentRoutes(keyed, { db: parts.db, registered: parts.agents, ...parts.agentDesk });
    keyRoutes(keyed, parts.db, service, keys);
    if (web && cookies) operatorSignInRoutes(keyed, { db: parts.db, cookies, streams, service, url: web.url });
    auditRoutes(keyed, parts.db);
    keyed.register(async (inner) => modelRoutes(inner.withTypeProvider<TypeBoxTypeProvider>(), parts.agents));
    housekeepingRoutes(keyed, parts.db, parts.agents);
    overviewRoutes(keyed, parts.db, parts.readiness);
    userRoutes(keyed, parts.db, service, left);
    keyed.register(async (inner) => {
      actForUser(inner, service, rates);
      const personal = inner.withTypeProvider<TypeBoxTypeProvider>();
      const sessions = new Sessions(parts);
      meRoutes(personal, { db: parts.db, service, cookies, ways });
      sessionRoutes(personal, service, sessions);
      runRoutes(personal, sessions);
      messageRoutes(personal, { ...parts, sessions });
      fileRoutes(personal, service, sessions);
      personal.register(async (raw) => {
        uploadRoutes(raw.withTypeProvider<TypeBoxTypeProvider>(), { ...parts, sessions });
      });
      usageRoutes(personal, service, sessions);
      approvalRoutes(personal, service, sessions);
      traceRoutes(personal, parts.db);
      feedbackRoutes(personal, parts);
      eventRoutes(personal, service, sessions, streams, { keys, cookies }, limits);
      newsRoutes(personal, service, sessions, streams, { keys, cookies });
      personal.register(async (openai) => {
        completionRoutes(openai.withTypeProvider<TypeBoxTypeProvider>(), parts, streams, limits);
      });
    });
  });
  if (web) app.register(async (scope) => pageRoutes(scope, web.page));
  app.register(async (scope) => {
    webhookRoutes(scope, { ...parts, paths: parts.webhookPaths, failures: webhookFailures });
  });
  return app;
}

function openServer(loggerInstance: FastifyBaseLogger, limits: HttpLimits): FastifyInstance {
  const app: FastifyInstance = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "request_id" }),
    genReqId: () => randomUUID(),
    bodyLimit: limits.bodyBytes,
    http: { headersTimeout: limits.headersMs, connectionsCheckingInterval: limits.checkEveryMs },
    requestTimeout: limits.requestMs,
    connectionTimeout: limits.idleMs,
    keepAliveTimeout: limits.keepAliveMs,
    handlerTimeout: limits.answerMs,
    // Ours says it as a problem.
    return503OnClosing: false,
    // An id of any length is an id that is not there; headers are bounded before.
    routerOptions: { maxParamLength: 64 * 1024 },
    schemaController: {
      compilersFactory: { buildValidator: () => validateRequest as never, buildSerializer: serializeAnswer },
    },
    onProtoPoisoning: "error",
    onConstructorPoisoning: "error",
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => void sendProblem(error, request as never, reply as never),
  });
  app.server.maxConnections = limits.connections;
  return app;
}

/** Clients send the type also where they send no body. */
function acceptEmptyJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeContentTypeParser(["application/json", "text/plain"]);
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) =>
    body === "" ? done(null) : parse(request, body as string, done),
  );
}

function closeInTime(app: FastifyInstance, streams: EventStreams, closeMs: number): void {
  let closing = false;
  let late: NodeJS.Timeout | undefined;
  app.addHook("onRequest", async () => {
    if (closing) throw new GatewayError("unavailable", "The gateway is closing.");
  });
  // The server waits for its connections, also for those that would only be kept for a next request.
  app.addHook("onSend", async (_request, reply) => {
    if (closing) reply.header("connection", "close");
  });
  app.addHook("preClose", async () => {
    closing = true;
    streams.close();
    late = setTimeout(() => app.server.closeAllConnections(), closeMs);
  });
  app.addHook("onClose", async () => clearTimeout(late));
}
