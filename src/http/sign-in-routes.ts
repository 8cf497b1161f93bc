import type { FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { GatewayError } from "../errors.ts";
import { newId, readId } from "../ids.ts";
import type { IdentityProvider } from "../platform/identity-provider.ts";
import { signInRuleFor } from "../platform/sign-in-rules.ts";
import { newLinkToken, newWebToken, signInUrl, webTokenHash } from "../platform/web-token.ts";
import { audit } from "../store/audit.ts";
import { upsertIdentity } from "../store/identities.ts";
import { currentUser } from "../store/links.ts";
import type { Root, Trx } from "../store/schema.ts";
import { retrying, withTransaction } from "../store/transaction.ts";
import {
  endWebSession,
  endWebSessionsOf,
  insertWebLink,
  insertWebSession,
  readWebLink,
  type SignedIn,
  takeWebLink,
  usableWebSession,
} from "../store/web-sessions.ts";
import { joinGuest } from "../store/web-users.ts";
import type { AgentService } from "../talk/agent-service.ts";
import type { Api } from "./api.ts";
import type { AuthFailures } from "./auth-failures.ts";
import { clientOf, DEFAULT_USER, principalOf } from "./authenticate.ts";
import type { EventStreams } from "./event-streams.ts";
import { MeJson, readMe, type Ways, WaysJson } from "./me-json.ts";
import { mayGrant } from "./mint-key.ts";
import type { NewGuests } from "./new-guests.ts";
import { oidcRoutes, type OidcParts } from "./oidc-routes.ts";
import { scopesFor } from "./principal.ts";
import type { WebCookies } from "./web-cookies.ts";

const Role = Type.Union([Type.Literal("owner"), Type.Literal("operator"), Type.Literal("viewer")]);

const LinkJson = Type.Object({ token: Type.String({ minLength: 1, maxLength: 200 }) }, { additionalProperties: false });
const LINK_OVER = "This link was used, or its time is over. Ask for another one.";

export interface SignInParts {
  db: Root;
  cookies: WebCookies;
  streams: EventStreams;
  ways: Ways;
  /** Counts wrong links. */
  failures: AuthFailures;
  guests: NewGuests;
  /** Who else signs people in; null = nobody. `issuer`: whose names they are. `allow`: who of them may come in. */
  oidc: { issuer: string; allow: readonly string[]; provider: IdentityProvider } | null;
  /** Where people open the page. */
  url: () => string;
}

/** Signing in and out at the web page; needs no key, and comes from the page itself. */
export function signInRoutes(app: Api, { db, cookies, streams, ways, failures, guests, oidc, url }: SignInParts): void {
  app.addHook("onRequest", async (request) => {
    if (request.method === "POST") cookies.checkOrigin(request);
  });

  /** Gives the browser another cookie; a guest's talks go with whoever signs in. */
  async function signIn(
    request: FastifyRequest,
    reply: FastifyReply,
    find: (trx: Trx) => Promise<SignedIn | null>,
  ): Promise<Pick<SignedIn, "user"> | null> {
    const old = cookies.tokenOf(request);
    const before = await cookies.sessionFor(request);
    const token = newWebToken();
    const done = await withTransaction(db, async (trx) => {
      const who = await find(trx);
      const user = who && (await currentUser(trx, who.user, true));
      if (!who || !user) return null;
      if (before?.guest && before.user !== user) await joinGuest(trx, before.user, user);
      if (old !== null) await endWebSession(trx, webTokenHash(old));
      const { ms } = await insertWebSession(trx, webTokenHash(token), who);
      cookies.admit(await usableWebSession(trx, webTokenHash(token)));
      if (who.role !== null) {
        const detail = { role: who.role };
        await audit(trx, { keyId: null, browser: { user } }, { action: "web.sign_in", target: user, detail });
      }
      return { user, ms };
    });
    if (!done) return null;
    if (old !== null) cookies.forget(old);
    if (before) streams.endOf(before.user);
    cookies.set(reply, token, done.ms);
    return done;
  }

  app.route({
    method: "GET",
    url: "/v1/sign-in",
    schema: {
      summary: "Whether this browser is signed in, and how one can sign in at the web page besides by a link",
      response: { 200: Type.Object({ ...WaysJson.properties, known: Type.Boolean() }) },
    },
    handler: async (request) => ({ ...ways, known: (await cookies.sessionFor(request)) !== null }),
  });

  app.route({
    method: "POST",
    url: "/v1/sign-in/whose",
    schema: {
      summary: "Whose talks a one-time link opens, which it still does afterwards",
      body: LinkJson,
      response: {
        200: Type.Object({
          name: Type.String({ description: "Empty = nobody knows" }),
          platform: Type.Union([Type.String(), Type.Null()], { description: "Where they are known by that name" }),
          role: Type.Union([Role, Type.Null()], { description: "null = a person" }),
        }),
      },
    },
    handler: async (request) => {
      const client = clientOf(request);
      failures.check(client);
      const whose = await retrying(() => readWebLink(db, webTokenHash(request.body.token)));
      if (whose) return whose;
      failures.failed(client);
      throw new GatewayError("unauthorized", LINK_OVER);
    },
  });

  app.route({
    method: "POST",
    url: "/v1/sign-in",
    schema: {
      summary: "Sign this browser in by a one-time link",
      body: LinkJson,
      response: { 200: MeJson },
    },
    handler: async (request, reply) => {
      const client = clientOf(request);
      failures.check(client);
      let role: SignedIn["role"] = null;
      const done = await signIn(request, reply, async (trx) => {
        const link = await takeWebLink(trx, webTokenHash(request.body.token));
        role = link?.role ?? null;
        return link && { ...link, guest: false, rule: null };
      });
      if (!done) {
        failures.failed(client);
        throw new GatewayError("unauthorized", LINK_OVER);
      }
      const bound = role === null ? { kind: "person" as const, user: done.user } : { kind: "operator" as const, role };
      return readMe(db, done.user, { bound }, ways);
    },
  });

  app.route({
    method: "POST",
    url: "/v1/sign-in/guest",
    schema: { summary: "Use the web page as a guest, who is nobody but this browser", response: { 200: MeJson } },
    handler: async (request, reply) => {
      if (!ways.guest) throw new GatewayError("forbidden", "Guests are not let in here. Ask the bot for a link: /web.");
      const known = await cookies.principalFor(request);
      if (known?.browser) return readMe(db, known.browser.user, known, ways);
      guests.count(clientOf(request));
      const done = await signIn(request, reply, async (trx) => {
        const id = newId("web");
        const { userId: user } = await upsertIdentity(trx, "web", `guest:${id}`, `Guest ${id.slice(-4)}`);
        return { user, role: null, guest: true, rule: null };
      });
      const { user } = done!;
      return { ...(await readMe(db, user, { bound: { kind: "person", user } }, ways)), guest: true };
    },
  });

  if (oidc) {
    const enter: OidcParts["signIn"] = async (request, reply, { subject, email, name }) => {
      const rule = signInRuleFor(oidc.allow, { subject, email });
      if (rule === null) throw new GatewayError("forbidden", "The settings let nobody in by that account.");
      await signIn(request, reply, async (trx) => {
        const { userId, own } = await upsertIdentity(trx, "web", `oidc:${oidc.issuer}#${subject}`, name);
        return { user: own ?? userId, role: null, guest: false, rule };
      });
    };
    oidcRoutes(app, { provider: oidc.provider, cookies, failures, url, signIn: enter });
  }

  app.route({
    method: "POST",
    url: "/v1/sign-out",
    // The body may be left out.
    preValidation: async (request) => void (request.body ??= {}),
    schema: {
      summary: "Sign this browser out, or every browser of whoever it is",
      body: Type.Object({ everywhere: Type.Optional(Type.Boolean()) }, { additionalProperties: false }),
      response: { 204: Type.Null({ description: "Done" }) },
    },
    handler: async (request, reply) => {
      const token = cookies.tokenOf(request);
      const session = await cookies.sessionFor(request);
      if (token !== null && session) {
        if (request.body.everywhere) {
          await withTransaction(db, (trx) => endWebSessionsOf(trx, session.user));
          cookies.forgetUser(session.user);
        } else await retrying(() => endWebSession(db, webTokenHash(token)));
        cookies.forget(token);
        streams.endOf(session.user);
      }
      cookies.clear(reply);
      return reply.code(204).send(null);
    },
  });
}

/** What operators do about browsers: they send people in, and out. */
export function operatorSignInRoutes(
  app: Api,
  {
    db,
    cookies,
    streams,
    service,
    url,
  }: Pick<SignInParts, "db" | "cookies" | "streams" | "url"> & { service: AgentService },
): void {
  app.route({
    method: "POST",
    url: "/v1/users/:id/sign-out",
    config: { scope: "users:write" },
    schema: {
      summary: "Sign a person out of every browser, and void the links they were sent",
      params: Type.Object({ id: Type.String() }),
      response: { 204: Type.Null({ description: "Done" }) },
    },
    handler: async (request, reply) => {
      const id = readId("usr", request.params.id);
      const user = await withTransaction(db, async (trx) => {
        const found = id && (await currentUser(trx, id));
        if (!found) throw new GatewayError("not_found", "There is no such user.");
        await endWebSessionsOf(trx, found);
        await audit(trx, principalOf(request), { action: "user.sign_out", target: found });
        return found;
      });
      cookies.forgetUser(user);
      streams.endOf(user);
      return reply.code(204).send(null);
    },
  });

  app.route({
    method: "POST",
    url: "/v1/sign-in/links",
    config: { scope: "keys:write" },
    // The body may be left out.
    preValidation: async (request) => void (request.body ??= {}),
    schema: {
      summary: "Make a link that signs a browser in once, within 10 minutes: an operator's, or a person's",
      body: Type.Object(
        {
          role: Type.Optional(
            Type.Union([Role, Type.Null()], { description: "null = a person; usually the caller's" }),
          ),
          user: Type.Optional(
            Type.String({ minLength: 1, maxLength: 200, description: "usr_…, or a name of the API" }),
          ),
        },
        { additionalProperties: false },
      ),
      response: { 201: Type.Object({ url: Type.String(), expires_at: Type.String({ format: "date-time" }) }) },
    },
    handler: async (request, reply) => {
      const principal = principalOf(request);
      const own = principal.bound.kind === "operator" ? principal.bound.role : null;
      const { role = own, user: name } = request.body;
      if (role === null && name === undefined) throw new GatewayError("invalid", "Say whose link it is: give user.");
      const user = await service.actFor(name ?? principal.browser?.user ?? DEFAULT_USER);
      const bound = role === null ? { kind: "person" as const, user } : { kind: "operator" as const, role };
      const token = newLinkToken();
      const { expiresAt } = await withTransaction(db, async (trx) => {
        // It lets in whom a key without an end would.
        await mayGrant(trx, principal, { bound, scopes: scopesFor(bound), expiresAt: null });
        await audit(trx, principal, { action: "web.link", target: user, detail: { role } });
        return insertWebLink(trx, webTokenHash(token), { user, role });
      });
      return reply.code(201).send({ url: signInUrl(url(), token), expires_at: expiresAt.toISOString() });
    },
  });
}
