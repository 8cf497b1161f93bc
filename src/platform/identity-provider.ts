import type { ProvidedPerson } from "./sign-in-rules.ts";

/** What a browser keeps while its person is away at the provider. */
export interface SignInFlow {
  state: string;
  nonce: string;
  verifier: string;
}

/** Somebody else who knows people, and sends them back here: OpenID Connect. Both reject with a `GatewayError`. */
export interface IdentityProvider {
  /** Where the browser goes; `back` is where it is sent from there. */
  begin(back: string): Promise<{ url: string; flow: SignInFlow }>;
  /** Who came back. `address`: whole, with what the provider added. Rejects `unauthorized` for whatever does not fit. */
  finish(address: string, flow: SignInFlow): Promise<ProvidedPerson & { name: string }>;
}
