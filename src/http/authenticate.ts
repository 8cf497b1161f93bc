import { isDeepStrictEqual } from "node:util";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { GatewayError } from "../errors.ts";
import type { UserId } from "../ids.ts";
import type { Reach } from "../store/reach.ts";
import type { AgentService } from "../talk/agent-service.ts";
import type { AuthFailures } from "./auth-failures.ts";
import type { Client } from "./client-address.ts";
import type { CallRates } from "./call-rates.ts";
import type { KeyRing } from "./key-ring.ts";
import type { Principal, Scope } from "./principal.ts";
import type { WebCookies } from "./web-cookies.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Required of every route that needs a key. */
    scope?: Scope;
    /** It is answered for as long as the caller listens. */
    stream?: true;
  }
  interface FastifyRequest {
    /** Null before `requireKey` let the request in. */
    principal: Principal | null;
    /** Whom the request acts for; "" before `actForUser`. */
    user: UserId | "";
  }
}

/** Whom an operator's key acts for unless the header Parley-User says so; an operator at the web page is somebody. */
export const DEFAULT_USER = "admin";

const SAFE = ["GET", "HEAD"];

/**
 * Lets nobody without a key, or without the cookie of a browser that is signed in, into this scope of the server: failures are limited first, then the key is looked at, then
 * what it is good for and how often it calls, all before any of the body is read. A route that declares no scope is a programming mistake and
 * fails the start.
 */
export function requireKey(
  app: FastifyInstance,
  keys: KeyRing,
  failures: AuthFailures,
  rates: CallRates,
  cookies: WebCookies | null = null,
): void {
  app.addHook("onRoute", (route) => {
    if (route.config?.scope === undefined) throw new Error(`${String(route.method)} ${route.url} declares no scope`);
  });
  app.addHook("onRequest", async (request) => {
    const client = clientOf(request);
    failures.check(client);
    const header = request.headers.authorization ?? "";
    const isCookie = header.trim() === "" && cookies !== null && cookies.tokenOf(request) !== null;
    const principal = await (isCookie ? cookies.principalFor(request) : keys.principalOf(bearerOf(header)));
    if (principal === null && isCookie) {
      // The cookie stays: another tab may have signed in anew meanwhile, and this answer would take that one away.
      throw new GatewayError("unauthorized", "This browser is no longer signed in.");
    }
    if (principal === null) {
      // Only a guess is a failure: whoever sends nothing learns nothing.
      if (header.trim() !== "") failures.failed(client);
      throw new GatewayError("unauthorized", "Send the header Authorization: Bearer <key>, with a valid key.");
    }
    const { scope } = request.routeOptions.config;
    if (scope === undefined || !principal.scopes.has(scope)) {
      throw new GatewayError("forbidden", `This key may not do that: it lacks the scope ${scope}.`);
    }
    if (principal.browser && (request.routeOptions.config.stream || !SAFE.includes(request.method))) {
      cookies?.checkOrigin(request);
    }
    if (principal.bound.kind !== "operator" && request.headers["parley-user"] !== undefined) {
      throw new GatewayError("forbidden", "Only an operator may name a person by the header Parley-User.");
    }
    request.principal = principal;
    // Metrics are for the times when the database is away, too.
    if (scope !== "metrics:read") await rates.take(`key:${principal.keyId ?? principal.browser?.id ?? "admin"}`);
  });
}

/**
 * Resolves the person whom requests of this scope act for: a person's key acts for its person, an operator's for whom
 * the header names, an agent's for nobody. Belongs after `requireKey`.
 */
export function actForUser(app: FastifyInstance, service: AgentService, rates: CallRates): void {
  app.addHook("preHandler", async (request) => {
    const { bound } = principalOf(request);
    if (bound.kind === "agent") return;
    if (bound.kind === "person") {
      request.user = bound.user;
      // Whoever is blocked may read what is theirs, and changes nothing.
      if (!["GET", "HEAD"].includes(request.method)) await service.refuseBlocked(bound.user);
    } else {
      const name = request.headers["parley-user"];
      const wanted = typeof name === "string" ? name.trim() : "";
      const own = request.principal?.browser?.user ?? DEFAULT_USER;
      request.user = await service.actFor(wanted === "" ? own : wanted);
    }
    await rates.take(`user:${request.user}`);
  });
}

/** The user of a request in the scope of `actForUser`. Throws `forbidden` for an agent's key, which acts for nobody. */
export function userOf(request: FastifyRequest): UserId {
  if (request.principal?.bound.kind === "agent") {
    throw new GatewayError("forbidden", "An agent's key acts for no person. Use the key of a person or an operator.");
  }
  if (request.user === "") throw new Error(`${request.routeOptions.url} is outside of the scope that knows its user`);
  return request.user;
}

/**
 * Whether who makes a request may still do so, and is still who they were: for answers that go on long after it was
 * looked at. A person who is no longer linked to another is somebody else.
 */
export async function stillMay(request: FastifyRequest, keys: KeyRing, cookies: WebCookies | null): Promise<boolean> {
  const { browser, bound } = principalOf(request);
  const token = browser ? (cookies?.tokenOf(request) ?? "") : null;
  const principal = await (token === null
    ? keys.principalOf(bearerOf(request.headers.authorization ?? ""))
    : (cookies?.principalOf(token) ?? null));
  const { scope } = request.routeOptions.config;
  return (
    principal !== null &&
    scope !== undefined &&
    principal.scopes.has(scope) &&
    isDeepStrictEqual(principal.bound, bound)
  );
}

/** Who makes a request in the scope of `requireKey`. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === null)
    throw new Error(`${request.routeOptions.url} is outside of the scope that needs a key`);
  return request.principal;
}

/** Who is to be named in the audit log for what this request does; null = a person or an agent, in their own right. */
export function operatorOf(request: FastifyRequest): Principal | null {
  const principal = principalOf(request);
  return principal.bound.kind === "operator" ? principal : null;
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
