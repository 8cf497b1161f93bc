import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from "fastify";
import { createHttpServer, type HttpParts } from "../../src/http/http-server.ts";
import { newKeyText, sha256 } from "../../src/http/key-text.ts";
import { type Scope, scopesFor } from "../../src/http/principal.ts";
import { createLog } from "../../src/observe/log.ts";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import { insertKey, type KeyBinding } from "../../src/store/api-keys.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { freePort } from "../support/free-port.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { openTestPglite } from "../support/store-engines.ts";
import { startTestGateway, type TestGateway, type TestGatewayOptions } from "../support/test-gateway.ts";

export const KEY = "parley_admin_KEY-of-the-tests-0123456789abcdefghijklmn";

export interface TestHttp {
  readonly app: FastifyInstance;
  gateway: TestGateway["gateway"];
  database: TestGateway["database"];
  /** The log, one parsed line each. */
  lines: Record<string, unknown>[];
  /** What webhooks accepted. */
  accepted: IncomingUpdate[];
  /** A request with the key, as `user`. */
  call(method: InjectOptions["method"] & string, url: string, options?: CallOptions): Promise<LightMyRequestResponse>;
  /** Makes a key and returns it; good for all that its kind may do, unless scopes are given. */
  key(bound: KeyBinding, options?: { scopes?: readonly Scope[]; expiresAt?: Date }): Promise<string>;
  /** Makes a session and returns its id. */
  session(user?: string): Promise<string>;
  /** Listens on the loopback, always on the same free port, and returns the URL. */
  listen(): Promise<string>;
  /** Closes the server, until the next `listen`; the gateway behind it goes on. */
  goAway(): Promise<void>;
  stop(): Promise<void>;
}

export interface CallOptions {
  user?: string;
  /** Another key than the admin's, in whose name no user is sent unless one is given. */
  key?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

export type TestHttpOptions = Partial<Omit<HttpParts, "db" | "service" | "agents" | "agentDesk" | "log">> &
  Partial<Pick<TestGatewayOptions, "model" | "onBusy" | "tools" | "servers" | "settings" | "cards" | "cardsDir">> & {
    /** Default: Postgres. */
    engine?: "Postgres" | "PGlite";
  };

/** One replica on a database of its own, and its HTTP server. */
export async function startHttp(options: TestHttpOptions = {}): Promise<TestHttp> {
  const {
    engine,
    model = scriptedModel(),
    onBusy = "interrupt",
    tools,
    servers,
    settings,
    cards,
    cardsDir,
    ...given
  } = options;
  const inside = engine === "PGlite" ? await openTestPglite() : null;
  const database = inside ? { url: "", drop: async () => undefined } : await createTestDatabase();
  const running = await startTestGateway({
    url: database.url,
    ...(inside ? { database: { kind: "embedded", ...inside } } : {}),
    model,
    onBusy,
    ...(tools ? { tools } : {}),
    ...(servers ? { servers } : {}),
    ...(settings ? { settings } : {}),
    ...(cards ? { cards } : {}),
    ...(cardsDir ? { cardsDir } : {}),
  });
  const lines: Record<string, unknown>[] = [];
  const accepted: IncomingUpdate[] = [];
  const parts: HttpParts = {
    db: running.database.db,
    service: running.gateway.service,
    agents: running.agents,
    agentDesk: running.agentDesk,
    accept: async (update) => void accepted.push(update),
    adapters: () => [],
    webhookPaths: [],
    readiness: () => running.gateway.readiness(),
    approvePairing: (code, by) => running.gateway.approve(code, by),
    metrics: running.metrics,
    log: createLog({
      level: "info",
      secrets: [KEY],
      destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
    }),
    adminKey: () => KEY,
    trustedProxies: [],
    callsPerMinute: 1_000_000,
    access: { mode: "pairing", allowedUsers: new Set() },
    web: { page: null, guests: false, publicUrl: null, url: () => "http://127.0.0.1:3000", oidc: null },
    ...given,
  };
  let app = createHttpServer(parts);
  let port = 0;

  const call: TestHttp["call"] = (
    method,
    url,
    { key = KEY, user = key === KEY ? "ann" : undefined, body, headers = {} } = {},
  ) =>
    app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${key}`, ...(user === undefined ? {} : { "parley-user": user }), ...headers },
      ...(body === undefined ? {} : { payload: body as NonNullable<InjectOptions["payload"]> }),
    });

  return {
    get app() {
      return app;
    },
    gateway: running.gateway,
    database: running.database,
    lines,
    accepted,
    call,
    async key(bound, { scopes = scopesFor(bound), expiresAt = null } = {}) {
      const { id, text } = newKeyText();
      const made = { id, name: "a test's", sha256: sha256(text), bound, scopes, createdBy: "admin", expiresAt };
      await withTransaction(running.database.db, (trx) => insertKey(trx, made));
      return text;
    },
    async session(user = "ann") {
      const response = await call("POST", "/v1/sessions", { user });
      return response.json<{ session_id: string }>().session_id;
    },
    async listen() {
      port ||= await freePort();
      return app.listen({ host: "127.0.0.1", port });
    },
    async goAway() {
      await app.close();
      app = createHttpServer(parts);
    },
    async stop() {
      await app.close();
      await running.stop(0);
      await database.drop();
    },
  };
}
