import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createOidcProvider } from "../../adapters/oidc/oidc-provider.ts";
import { CLIENT, FakeOidcProvider } from "../fakes/oidc-provider.ts";
import { allWords } from "../support/all-words.ts";
import { Browser } from "./browser.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

const PAGE = "https://parley.test";
const JANE = { sub: "248289761001", name: "Jane Doe" };

let provider: FakeOidcProvider;
let http: TestHttp;
beforeAll(async () => {
  provider = await FakeOidcProvider.open();
  http = await startHttp({ web: web(provider.issuer) });
});
beforeEach(() => {
  provider.claims = {};
  provider.forged = false;
  provider.person = JANE;
});
afterAll(async () => {
  await http.stop();
  await provider.close();
});

function web(issuer: string, allow = ["*"]) {
  const { clientId, clientSecret } = CLIENT;
  const oidc = { issuer, allow, provider: createOidcProvider({ issuer, clientId, clientSecret: () => clientSecret }) };
  return { page: null, guests: true, publicUrl: PAGE, url: () => PAGE, oidc };
}

/** A browser that keeps the flow's cookie besides its own. */
class Traveller extends Browser {
  flow = "";
  readonly http: TestHttp;

  constructor(at: TestHttp) {
    super(at);
    this.http = at;
  }

  /** Goes to the provider, and returns the address it is sent back to. */
  async leave(): Promise<string> {
    const away = await this.call("GET", "/v1/sign-in/oidc");
    expect(away.statusCode).toBe(302);
    const flow = String(away.headers["set-cookie"]);
    expect(flow).toMatch(/^__Host-parley-flow=\S+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600; Secure$/);
    this.flow = flow.split(";")[0]!;
    this.cookie = "";
    const there = await fetch(String(away.headers.location), { redirect: "manual" });
    const back = new URL(there.headers.get("location")!);
    expect(`${back.origin}${back.pathname}`).toBe(`${PAGE}/v1/sign-in/oidc/back`);
    return back.pathname + back.search;
  }

  async comeBack(address: string, cookies = this.flow): Promise<string> {
    const back = await this.http.app.inject({ url: address, headers: { cookie: cookies } });
    expect(back.statusCode).toBe(302);
    const own = [back.headers["set-cookie"] ?? []].flat().find((each) => /^__Host-parley=\w/.test(each));
    this.cookie = own?.split(";")[0] ?? "";
    return String(back.headers.location);
  }

  async signInThere(): Promise<string> {
    return this.comeBack(await this.leave());
  }
}

const me = async (browser: Browser) => (await browser.call("GET", "/v1/me")).json<{ user_id: string; name: string }>();

describe("OpenID Connect", () => {
  it("signs a person in, who is the same one in every browser, and whom nobody else is", async () => {
    const [one, two, other] = [new Traveller(http), new Traveller(http), new Traveller(http)];
    expect((await http.app.inject("/v1/sign-in")).json()).toEqual({ guest: true, oidc: true, known: false });
    expect(await one.signInThere()).toBe("/");
    expect(await me(one)).toMatchObject({ name: "Jane Doe", role: null, guest: false });
    await two.signInThere();
    expect(await me(two)).toEqual(await me(one));
    provider.person = { sub: "42", name: "Jane Doe" };
    await other.signInThere();
    expect((await me(other)).user_id).not.toBe((await me(one)).user_id);
    expect(await allWords(http.database.db)).toContain(`oidc:${provider.issuer}#42`);
  });

  it("keeps what somebody said as a guest before", async () => {
    const browser = new Traveller(http);
    await browser.call("POST", "/v1/sign-in/guest");
    const guest = browser.cookie;
    const made = (await browser.call("POST", "/v1/sessions", { body: {} })).json<{ session_id: string }>();
    const address = await browser.leave();
    await browser.comeBack(address, `${browser.flow}; ${guest}`);
    const list = (await browser.call("GET", "/v1/sessions")).json<{ sessions: { session_id: string }[] }>();
    expect(list.sessions.map(({ session_id: id }) => id)).toContain(made.session_id);
  });

  it("security-35: signs nobody in by what another browser has begun, or what was used already", async () => {
    const [victim, thief] = [new Traveller(http), new Traveller(http)];
    const address = await thief.leave();
    expect(await victim.comeBack(address, "")).toBe("/?sign-in=failed");
    await victim.leave();
    expect(await victim.comeBack(address)).toBe("/?sign-in=failed");
    expect(victim.cookie).toBe("");
    expect(await thief.comeBack(address)).toBe("/");
    expect(await thief.comeBack(address)).toBe("/?sign-in=failed");
  });

  it.each([
    ["of another flow", { nonce: "another" }],
    ["of another provider", { iss: "https://evil.test" }],
    ["for another client", { aud: "somebody-else" }],
    ["that is over", { exp: 1_700_000_000 }],
    ["without a person", { sub: undefined }],
  ])("takes no token %s", async (_what, claims) => {
    provider.claims = claims;
    const browser = new Traveller(http);
    expect(await browser.signInThere()).toBe("/?sign-in=failed");
    expect(browser.cookie).toBe("");
  });

  it("takes no token that somebody else has signed", async () => {
    provider.forged = true;
    const browser = new Traveller(http);
    expect(await browser.signInThere()).toBe("/?sign-in=failed");
    expect(browser.cookie).toBe("");
  });

  it("lets in whom the settings name by what the provider has verified, and no longer when they do so no more", async () => {
    const rules = ["sub:7", "@corp.test"];
    const there = await startHttp({ web: web(provider.issuer, rules) });
    const browser = new Traveller(there);
    const may = async () => (await browser.call("GET", "/v1/me")).statusCode;
    for (const claims of [{}, { email: "jane@corp.test" }, { email: "jane@corp.test", email_verified: "true" }]) {
      provider.claims = claims;
      expect(await browser.signInThere()).toBe("/?sign-in=refused");
      expect(await may()).toBe(401);
    }
    provider.claims = { email: "Jane@Corp.test", email_verified: true };
    expect(await browser.signInThere()).toBe("/");
    expect(await may()).toBe(200);
    expect(await allWords(there.database.db)).not.toMatch(/jane@corp/i);
    rules.pop();
    expect(await may()).toBe(401);
    await there.stop();
  });

  it("writes neither codes nor secrets into the log", async () => {
    const address = await new Traveller(http).leave();
    await http.app.inject({ url: address });
    const log = JSON.stringify(http.lines);
    const { searchParams } = new URL(address, PAGE);
    for (const secret of [searchParams.get("code")!, searchParams.get("state")!, CLIENT.clientSecret]) {
      expect(log).not.toContain(secret);
    }
  });

  it("says so where the provider is away, and works once it is back", async () => {
    const gone = await startHttp({ web: web("http://127.0.0.1:9") });
    const answer = await gone.app.inject("/v1/sign-in/oidc");
    expect([answer.statusCode, answer.json<{ detail: string }>().detail]).toEqual([
      503,
      "The sign-in service does not answer just now.",
    ]);
    await gone.stop();
  });
});
