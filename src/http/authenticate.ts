import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { GatewayError } from "../errors.ts";
import type { UserId } from "../ids.ts";
import type { Reach } from "../store/reach.ts";
import type { AgentService } from "../talk/agent-service.ts";
import type { AuthFailures } from "./auth-failures.ts";
import type { Client } from "./client-address.ts";

/** What a key may be good for. The admin key is good for everything. */
export const SCOPES = [
  "sessions:read",
  "sessions:write",
  "traces:read",
  "traces:write",
  "feedback:read",
  "feedback:write",
  "agents:read",
  "agents:write",
  "keys:read",
  "keys:write",
  "users:read",
  "users:write",
  "audit:read",
  "deliveries:read",
  "deliveries:write",
  "pairings:approve",
  "metrics:read",
] as const;
export type Scope = (typeof SCOPES)[number];

/** Who calls, as the key says. */
export interface Principal {
  /** Null = the admin key of the settings. */
  keyId: string | null;
  scopes: ReadonlySet<Scope>;
  bound:
    | { kind: "operator"; role: "owner" | "operator" | "viewer" }
    | { kind: "agent"; agent: string }
    | { kind: "person"; user: UserId };
}

const ADMIN: Principal = { keyId: null, scopes: new Set(SCOPES), bound: { kind: "operator", role: "owner" } };

declare module "fastify" {
  interface FastifyContextConfig {
    /** Required of every route that needs a key. */
    scope?: Scope;
  }
  interface FastifyRequest {
    /** Null before `requireKey` let the request in. */
    principal: Principal | null;
    /** Whom the request acts for; "" before `actForUser`. */
    user: UserId | "";
  }
}

/** Whom an admin key acts for unless the header Parley-User says so. */
const DEFAULT_USER = "admin";

/**
 * Lets nobody without a key into this scope of the server: failures are limited first, then the key is compared, both
 * before any of the body is read. A route that declares no scope is a programming mistake and fails the start.
 */
export function requireKey(app: FastifyInstance, adminKey: string, failures: AuthFailures): void {
  if (adminKey.trim() === "") throw new Error("an empty admin key would let everybody in");
  const expected = digest(adminKey);
  app.addHook("onRoute", (route) => {
    if (route.config?.scope === undefined) throw new Error(`${String(route.method)} ${route.url} declares no scope`);
  });
  app.addHook("onRequest", async (request) => {
    const client = clientOf(request);
    failures.check(client);
    const header = request.headers.authorization ?? "";
    if (timingSafeEqual(digest(bearerOf(header)), expected)) {
      request.principal = ADMIN;
      return;
    }
    // Only a guess is a failure: whoever sends nothing learns nothing.
    if (header.trim() !== "") failures.failed(client);
    throw new GatewayError("unauthorized", "Send the header Authorization: Bearer <key>, with a valid key.");
  });
}

/** Resolves the person whom requests of this scope act for. Belongs after `requireKey`. */
export function actForUser(app: FastifyInstance, service: AgentService): void {
  app.addHook("preHandler", async (request) => {
    const name = request.headers["parley-user"];
    const wanted = typeof name === "string" ? name.trim() : "";
    request.user = await service.actFor(wanted === "" ? DEFAULT_USER : wanted);
  });
}

/** The user of a request in the scope of `actForUser`. */
export function userOf(request: FastifyRequest): UserId {
  if (request.user === "") throw new Error(`${request.routeOptions.url} is outside of the scope that knows its user`);
  return request.user;
}

/** Who makes a request in the scope of `requireKey`. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === null)
    throw new Error(`${request.routeOptions.url} is outside of the scope that needs a key`);
  return request.principal;
}

/**
 * Whose rows a request in the scope of `actForUser` may touch: an operator's key reaches everything, but the named
 * person's rows alone if the header Parley-User names one.
 */
export function reachOf(request: FastifyRequest): Reach {
  const { bound } = principalOf(request);
  if (bound.kind === "agent") return bound;
  if (bound.kind === "person") return { kind: "user", user: bound.user };
  return request.headers["parley-user"] === undefined ? { kind: "all" } : { kind: "user", user: userOf(request) };
}

export function clientOf(request: FastifyRequest): Client {
  return { remoteAddress: request.raw.socket.remoteAddress, forwardedFor: request.headers["x-forwarded-for"] };
}

/** "" = none. The scheme's name is case-insensitive: https://www.rfc-editor.org/rfc/rfc9110#section-11.1 */
function bearerOf(header: string): string {
  return /^Bearer +([^\s]+) *$/i.exec(header)?.[1] ?? "";
}

/** Equal lengths for `timingSafeEqual`, whatever was sent. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
