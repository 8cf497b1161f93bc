import type { FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { GatewayError } from "../errors.ts";
import type { IdentityProvider, SignInFlow } from "../platform/identity-provider.ts";
import type { ProvidedPerson } from "../platform/sign-in-rules.ts";
import type { Api } from "./api.ts";
import type { AuthFailures } from "./auth-failures.ts";
import { clientOf } from "./authenticate.ts";
import type { WebCookies } from "./web-cookies.ts";

/** For the time at the provider. */
const FLOW_MS = 600_000;
const BACK = "/v1/sign-in/oidc/back";

export interface OidcParts {
  provider: IdentityProvider;
  cookies: WebCookies;
  failures: AuthFailures;
  /** Where people open the page. */
  url: () => string;
  signIn: (request: FastifyRequest, reply: FastifyReply, who: ProvidedPerson & { name: string }) => Promise<void>;
}

/** Signing in at an OpenID Connect provider: a browser goes there, and comes back to the page with another cookie. */
export function oidcRoutes(app: Api, { provider, cookies, failures, url, signIn }: OidcParts): void {
  app.route({
    method: "GET",
    url: "/v1/sign-in/oidc",
    schema: { summary: "Go to the sign-in service", response: { 302: Type.Null({ description: "There" }) } },
    handler: async (_request, reply) => {
      const begun = await provider.begin(`${url()}${BACK}`);
      const { state, nonce, verifier } = begun.flow;
      cookies.setFlow(reply, [state, nonce, verifier].join("."), FLOW_MS);
      return reply.redirect(begun.url);
    },
  });

  app.route({
    method: "GET",
    url: BACK,
    schema: {
      summary: "Where the sign-in service sends the browser",
      response: { 302: Type.Null({ description: "To the page" }) },
    },
    handler: async (request, reply) => {
      const client = clientOf(request);
      failures.check(client);
      const flow = readFlow(cookies.flowOf(request));
      cookies.clearFlow(reply);
      try {
        if (!flow) throw new GatewayError("unauthorized", "This sign-in was not begun here, or took too long.");
        await signIn(request, reply, await provider.finish(`${url()}${request.url}`, flow));
      } catch (error) {
        const code = error instanceof GatewayError ? error.code : null;
        if (code !== "unauthorized" && code !== "forbidden") throw error;
        failures.failed(client);
        request.log.warn({ err: error }, "a sign-in at the provider did not succeed");
        return reply.redirect(code === "forbidden" ? "/?sign-in=refused" : "/?sign-in=failed");
      }
      return reply.redirect("/");
    },
  });
}

function readFlow(text: string | null): SignInFlow | null {
  const [state, nonce, verifier] = (text ?? "").split(".");
  return state && nonce && verifier ? { state, nonce, verifier } : null;
}
