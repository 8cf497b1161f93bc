import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export const CLIENT = { clientId: "parley", clientSecret: "secret-of-the-client-4711" };

interface Granted {
  challenge: string;
  nonce: string;
  redirectUri: string;
}

/** A provider of OpenID Connect, as strict as the specification: whoever comes is let in at once. */
export class FakeOidcProvider {
  readonly issuer: string;
  /** Who is at the browser just now. */
  person = { sub: "248289761001", name: "Jane Doe" };
  /** What the next token says instead. */
  claims: Record<string, unknown> = {};
  /** Somebody else signs. */
  forged = false;
  readonly #codes = new Map<string, Granted>();
  readonly #keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response));
  }

  static async open(): Promise<FakeOidcProvider> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FakeOidcProvider(server);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.issuer);
    const json = (status: number, body: object) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (url.pathname === "/.well-known/openid-configuration") {
      json(200, {
        issuer: this.issuer,
        authorization_endpoint: `${this.issuer}/authorize`,
        token_endpoint: `${this.issuer}/token`,
        jwks_uri: `${this.issuer}/keys`,
        response_types_supported: ["code"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["RS256"],
        code_challenge_methods_supported: ["S256"],
      });
    } else if (url.pathname === "/keys") {
      json(200, { keys: [{ ...this.#keys.publicKey.export({ format: "jwk" }), kid: "1", use: "sig", alg: "RS256" }] });
    } else if (url.pathname === "/authorize") {
      this.#authorize(url.searchParams, response);
    } else if (url.pathname === "/token") {
      const asked = new URLSearchParams(await text(request));
      const idToken = this.#redeem(asked);
      if (idToken === null) json(400, { error: "invalid_grant" });
      else json(200, { access_token: randomUUID(), token_type: "Bearer", expires_in: 60, id_token: idToken });
    } else json(404, {});
  }

  #authorize(asked: URLSearchParams, response: ServerResponse): void {
    const fits =
      asked.get("client_id") === CLIENT.clientId &&
      asked.get("response_type") === "code" &&
      asked.get("code_challenge_method") === "S256" &&
      asked.get("scope")?.split(" ").includes("openid");
    const [challenge, nonce, state] = ["code_challenge", "nonce", "state"].map((name) => asked.get(name) ?? "");
    const back = new URL(asked.get("redirect_uri") ?? "");
    if (!fits || !challenge || !nonce || !state) return void response.writeHead(400).end();
    const code = randomUUID();
    this.#codes.set(code, { challenge, nonce, redirectUri: back.href });
    back.search = new URLSearchParams({ code, state }).toString();
    response.writeHead(302, { location: back.href }).end();
  }

  /** Null = it is refused. A code is good once. */
  #redeem(asked: URLSearchParams): string | null {
    const granted = this.#codes.get(asked.get("code") ?? "");
    this.#codes.delete(asked.get("code") ?? "");
    const challenge = createHash("sha256")
      .update(asked.get("code_verifier") ?? "")
      .digest("base64url");
    const fits =
      granted?.challenge === challenge &&
      granted.redirectUri === asked.get("redirect_uri") &&
      asked.get("client_id") === CLIENT.clientId &&
      asked.get("client_secret") === CLIENT.clientSecret;
    if (!granted || !fits) return null;
    const now = Math.floor(Date.now() / 1000);
    const said = { iss: this.issuer, aud: CLIENT.clientId, iat: now, exp: now + 60, nonce: granted.nonce };
    const key = this.forged ? generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey : this.#keys.privateKey;
    return signed({ ...said, ...this.person, ...this.claims }, key);
  }
}

function signed(claims: object, key: KeyObject): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const open = `${encode({ alg: "RS256", kid: "1", typ: "JWT" })}.${encode(claims)}`;
  return `${open}.${sign("sha256", Buffer.from(open), key).toString("base64url")}`;
}
