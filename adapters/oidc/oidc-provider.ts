import * as oidc from "openid-client";
import { GatewayError } from "../../src/errors.ts";
import type { IdentityProvider } from "../../src/platform/identity-provider.ts";

const TIMEOUT_S = 10;
const MAX_NAME = 200;

export interface OidcOptions {
  issuer: string;
  clientId: string;
  /** Asked at every sign-in, so that it may change; null = a public client, which PKCE alone protects. */
  clientSecret: () => string | null;
}

/**
 * Authorization code flow with PKCE, state and nonce: https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth
 * The provider is looked up when the first person asks, so it may be away at the start.
 */
export function createOidcProvider({ issuer, clientId, clientSecret }: OidcOptions): IdentityProvider {
  const known = new Map<string | null, Promise<oidc.Configuration>>();
  const discover = (secret: string | null): Promise<oidc.Configuration> => {
    // The settings let plain http through for this machine alone.
    const insecure = issuer.startsWith("http:") ? [oidc.allowInsecureRequests] : [];
    const options = { timeout: TIMEOUT_S, execute: [...insecure, oidc.enableNonRepudiationChecks] };
    const authentication = secret === null ? oidc.None() : oidc.ClientSecretPost(secret);
    return oidc.discovery(new URL(issuer), clientId, undefined, authentication, options);
  };
  const provider = async (): Promise<oidc.Configuration> => {
    const secret = clientSecret();
    const found = known.get(secret) ?? discover(secret);
    known.clear();
    known.set(secret, found);
    try {
      return await found;
    } catch (error) {
      known.clear();
      throw new GatewayError("unavailable", "The sign-in service does not answer just now.", { cause: error });
    }
  };

  return {
    async begin(back) {
      const config = await provider();
      const flow = {
        state: oidc.randomState(),
        nonce: oidc.randomNonce(),
        verifier: oidc.randomPKCECodeVerifier(),
      };
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: back,
        scope: "openid profile email",
        state: flow.state,
        nonce: flow.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(flow.verifier),
        code_challenge_method: "S256",
      });
      return { url: url.href, flow };
    },

    async finish(address, { state, nonce, verifier }) {
      const config = await provider();
      const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true };
      const claims = await oidc
        .authorizationCodeGrant(config, new URL(address), checks)
        .then((tokens) => tokens.claims())
        .catch((error: unknown) => {
          throw new GatewayError("unauthorized", "The sign-in did not succeed. Begin it again.", { cause: error });
        });
      if (!claims) throw new GatewayError("unauthorized", "The sign-in did not succeed. Begin it again.");
      const names = [claims["name"], claims["preferred_username"]];
      const name = names.find((each): each is string => typeof each === "string" && each.trim() !== "") ?? "";
      // Whoever may write any address into their profile is not known by it.
      const email = claims["email_verified"] === true && typeof claims["email"] === "string" ? claims["email"] : null;
      return { subject: claims.sub, email, name: name.trim().slice(0, MAX_NAME).toWellFormed() };
    },
  };
}
