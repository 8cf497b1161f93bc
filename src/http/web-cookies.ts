import type { FastifyReply, FastifyRequest } from "fastify";
import { GatewayError } from "../errors.ts";
import type { Log } from "../platform/platform-adapter.ts";
import { webTokenHash } from "../platform/web-token.ts";
import type { Root } from "../store/schema.ts";
import { retrying } from "../store/transaction.ts";
import { touchWebSession, type UsableWebSession, usableWebSession } from "../store/web-sessions.ts";
import type { AuthFailures } from "./auth-failures.ts";
import { clientOf } from "./authenticate.ts";
import { type Principal, scopesFor } from "./principal.ts";

/** How long a browser that was signed out elsewhere may still be taken for one that is signed in. */
const FRESH_MS = 2_000;
/** Browsers remembered at once: whichever was read longest ago is forgotten first. */
const MAX_KNOWN = 10_000;
/** Cookies remembered of which nobody is signed in, nor ever will be. */
const MAX_WRONG = 10_000;
const TOKEN = /^[0-9a-f]{64}$/;
const FLOW = /^[\w.-]{1,500}$/;
/** Names and addresses of this machine alone, as a browser writes them. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;
const LOOPBACK_ORIGIN = /^https?:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

interface Known {
  readAt: number;
  session: Promise<UsableWebSession | null>;
}

/** Which browsers are signed in, by a cookie that no script can read. */
export class WebCookies {
  readonly #db: Root;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #publicUrl: URL | null;
  readonly #admits: (session: UsableWebSession) => boolean;
  readonly #failures: AuthFailures;
  readonly #known = new Map<string, Known>();
  readonly #wrong = new Set<string>();

  /**
   * `admits`: whether whoever is signed in may still be. `failures`: counts wrong cookies. `publicUrl`: where people open
   * the page; null = on this machine alone. `now`: a monotonic clock in ms.
   */
  constructor(parts: {
    db: Root;
    log: Log;
    admits: (session: UsableWebSession) => boolean;
    failures: AuthFailures;
    publicUrl: string | null;
    now?: () => number;
  }) {
    this.#db = parts.db;
    this.#admits = parts.admits;
    this.#failures = parts.failures;
    this.#log = parts.log;
    this.#publicUrl = parts.publicUrl === null ? null : new URL(parts.publicUrl);
    this.#now = parts.now ?? (() => performance.now());
  }

  /** With this prefix browsers take it from this host alone, and over https: RFC 6265bis, 4.1.3.2 */
  get name(): string {
    return this.#isSecure ? "__Host-parley" : "parley";
  }

  get #isSecure(): boolean {
    return this.#publicUrl?.protocol === "https:";
  }

  /** The token of a request's cookie; null = it has none, or what no cookie of ours holds. */
  tokenOf(request: FastifyRequest): string | null {
    return cookieOf(request, this.name, TOKEN);
  }

  /** What was set for the time at another place's sign-in; null = nothing. */
  flowOf(request: FastifyRequest): string | null {
    return cookieOf(request, `${this.name}-flow`, FLOW);
  }

  setFlow(reply: FastifyReply, flow: string, ms: number): void {
    reply.header("set-cookie", this.#cookie(flow, Math.floor(ms / 1000), "-flow"));
  }

  clearFlow(reply: FastifyReply): void {
    reply.header("set-cookie", this.#cookie("", 0, "-flow"));
  }

  /** Who is signed in with a token; null = nobody: unknown, ended and over are the same. Rejects `unavailable`. */
  async sessionOf(token: string): Promise<UsableWebSession | null> {
    const { readAt, session } = this.#read(token);
    const found = await session;
    if (!found || found.leftMs <= this.#now() - readAt || !this.#admits(found)) return null;
    if (found.unseen) this.#touch(found);
    return found;
  }

  /**
   * Who is signed in where a request comes from; null = nobody. A cookie that was never given, or is over, counts as a
   * failure of its address, once: pages ask more than once before they notice. Rejects `rate_limited`.
   */
  async sessionFor(request: FastifyRequest): Promise<UsableWebSession | null> {
    const token = this.tokenOf(request);
    if (token === null) return null;
    const client = clientOf(request);
    this.#failures.check(client);
    const isOld = this.#wrong.has(keyOf(token));
    const session = await this.sessionOf(token);
    if (!isOld && this.#wrong.has(keyOf(token))) this.#failures.failed(client);
    return session;
  }

  /** Throws `forbidden` where somebody who signs in may not. */
  admit(session: UsableWebSession | null): void {
    if (session && this.#admits(session)) return;
    throw new GatewayError("forbidden", "You are not let in here. Ask the operator.");
  }

  async principalOf(token: string): Promise<Principal | null> {
    return toPrincipal(await this.sessionOf(token));
  }

  /** As `sessionFor`. */
  async principalFor(request: FastifyRequest): Promise<Principal | null> {
    return toPrincipal(await this.sessionFor(request));
  }

  /** What this replica itself has changed holds at once. */
  forget(token: string): void {
    this.#known.delete(keyOf(token));
  }

  /** After somebody was signed out of every browser, or has chosen something. */
  forgetUser(user: string): void {
    for (const [key, { session }] of this.#known) {
      // Those still being read are read again, too.
      void session.then(
        (found) => found?.user === user && this.#known.delete(key),
        () => undefined,
      );
    }
  }

  set(reply: FastifyReply, token: string, ms: number): void {
    reply.header("set-cookie", this.#cookie(token, Math.floor(ms / 1000)));
  }

  clear(reply: FastifyReply): void {
    reply.header("set-cookie", this.#cookie("", 0));
  }

  /**
   * Refuses what another site's page has a browser send: a cookie comes along without its person's doing. Browsers say
   * where a request comes from, in one of two headers at least. Where they name the page, a name that only leads here
   * is refused as well: whoever owns it may have made it do so. Throws `forbidden`.
   */
  checkOrigin(request: FastifyRequest): void {
    const { origin } = request.headers;
    const isSame = request.headers["sec-fetch-site"] === "same-origin";
    if (origin === undefined ? isSame : origin === this.#originOf(request)) return;
    if (isSame && origin !== undefined) {
      if (LOOPBACK_ORIGIN.test(origin)) return;
      const where = this.#publicUrl?.origin ?? "a loopback address, because PUBLIC_URL is not set";
      throw new GatewayError("forbidden", `This page is good at ${where}.`);
    }
    throw new GatewayError("forbidden", "This did not come from the gateway's own page.");
  }

  /** Null = a name that is not ours: somebody else's may lead here. */
  #originOf(request: FastifyRequest): string | null {
    if (this.#publicUrl) return this.#publicUrl.origin;
    const { host = "" } = request.headers;
    return LOOPBACK.test(host) ? `http://${host.toLowerCase()}` : null;
  }

  #cookie(value: string, seconds: number, suffix = ""): string {
    const secure = this.#isSecure ? "; Secure" : "";
    return `${this.name}${suffix}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}${secure}`;
  }

  #read(token: string): Known {
    const key = keyOf(token);
    // Nobody can be given it any more, and nobody ever was.
    if (this.#wrong.has(key)) return { readAt: this.#now(), session: Promise.resolve(null) };
    const known = this.#known.get(key);
    if (known && this.#now() - known.readAt < FRESH_MS) return known;
    const fresh: Known = {
      readAt: this.#now(),
      session: retrying(() => usableWebSession(this.#db, webTokenHash(token))),
    };
    this.#known.delete(key);
    this.#known.set(key, fresh);
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.keys().next().value!);
    // Neither an error nor an unknown token is worth a place.
    const drop = () => this.#known.get(key) === fresh && this.#known.delete(key);
    fresh.session = fresh.session.then((session) => {
      if (!session) {
        drop();
        this.#wrong.add(key);
        if (this.#wrong.size > MAX_WRONG) this.#wrong.delete(this.#wrong.keys().next().value!);
      }
      return session;
    });
    fresh.session.catch(drop);
    return fresh;
  }

  /** Nobody waits for it, and nothing depends on it. */
  #touch(session: UsableWebSession): void {
    session.unseen = false;
    touchWebSession(this.#db, session.id).catch((error: unknown) =>
      this.#log.warn({ err: error }, "the use of a browser was not noted"),
    );
  }
}

function cookieOf(request: FastifyRequest, wanted: string, shape: RegExp): string | null {
  for (const pair of (request.headers.cookie ?? "").split(";")) {
    const [name = "", value = ""] = pair.trim().split("=", 2);
    if (name === wanted && shape.test(value)) return value;
  }
  return null;
}

function toPrincipal(session: UsableWebSession | null): Principal | null {
  if (!session) return null;
  const { user, role } = session;
  const bound: Principal["bound"] = role === null ? { kind: "person", user } : { kind: "operator", role };
  return { keyId: null, scopes: new Set(scopesFor(bound)), bound, browser: session };
}

/** The token itself is held nowhere. */
function keyOf(token: string): string {
  return webTokenHash(token).toString("base64");
}
