import type { InjectOptions, LightMyRequestResponse } from "fastify";
import type { UserId } from "../../src/ids.ts";
import { newLinkToken, webTokenHash } from "../../src/platform/web-token.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { insertWebLink, type SignedIn } from "../../src/store/web-sessions.ts";
import type { TestHttp } from "./start-http.ts";

/** A browser at the gateway's own page: it keeps its cookie, and says where its requests come from. */
export class Browser {
  readonly #http: TestHttp;
  readonly #headers: Record<string, string>;
  /** As it would be sent; "" = none. */
  cookie = "";

  constructor(http: TestHttp, headers: Record<string, string> = { "sec-fetch-site": "same-origin" }) {
    this.#http = http;
    this.#headers = headers;
  }

  async call(
    method: InjectOptions["method"] & string,
    url: string,
    { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<LightMyRequestResponse> {
    const answer = await this.#http.app.inject({
      method,
      url,
      headers: {
        ...this.#headers,
        ...(this.cookie === "" ? {} : { cookie: `theme=dark; ${this.cookie}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: body as NonNullable<InjectOptions["payload"]> }),
    });
    for (const [name, value] of setCookies(answer)) this.cookie = value === "" ? "" : `${name}=${value}`;
    return answer;
  }

  async signIn(token: string): Promise<LightMyRequestResponse> {
    return this.call("POST", "/v1/sign-in", { body: { token } });
  }
}

/** The name and value of every cookie that an answer sets. */
export function setCookies(answer: LightMyRequestResponse): [string, string][] {
  const all = [answer.headers["set-cookie"] ?? []].flat();
  return all.map((cookie) => cookie.split(";")[0]!.split("=", 2) as [string, string]);
}

/** The token of a link that signs this user in. */
export async function linkFor(http: TestHttp, user: UserId, role: SignedIn["role"] = null): Promise<string> {
  const token = newLinkToken();
  await withTransaction(http.database.db, (trx) => insertWebLink(trx, webTokenHash(token), { user, role }));
  return token;
}

/** A browser that is signed in as the API's person of that name, or as an operator. */
export async function signedIn(http: TestHttp, name: string, role: SignedIn["role"] = null): Promise<Browser> {
  const browser = new Browser(http);
  await browser.signIn(await linkFor(http, await http.gateway.service.actFor(name), role));
  return browser;
}
