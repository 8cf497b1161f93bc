import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { UserId } from "../../src/ids.ts";
import { allWords } from "../support/all-words.ts";
import { Browser, linkFor, setCookies, signedIn } from "./browser.ts";
import { KEY, startHttp, type TestHttp } from "./start-http.ts";

const WEB = { page: null, guests: true, publicUrl: null, url: () => "http://127.0.0.1:3000", oidc: null };

let http: TestHttp;
beforeAll(async () => {
  http = await startHttp({ web: WEB });
});
afterAll(() => http.stop());

interface Me {
  user_id: UserId;
  name: string;
  role: string | null;
  guest: boolean;
}
const me = async (browser: Browser) => (await browser.call("GET", "/v1/me")).json<Me>();
const status = async (browser: Browser) => (await browser.call("GET", "/v1/me")).statusCode;
const sessions = async (browser: Browser) =>
  (await browser.call("GET", "/v1/sessions")).json<{ sessions: { session_id: string; platform: string }[] }>().sessions;

describe("a one-time link", () => {
  it("signs a browser in as its user, who sees the talks of every platform, and makes such of the web", async () => {
    const session = await http.session("ann");
    const user = await http.gateway.service.actFor("ann");
    const browser = new Browser(http);
    expect(await status(browser)).toBe(401);
    const answer = await browser.signIn(await linkFor(http, user));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      user_id: user,
      name: "ann",
      role: null,
      guest: false,
      language: null,
      on_busy: null,
      agent: null,
      sign_in: { guest: true, oidc: false },
    });
    expect(await me(browser)).toEqual(answer.json());
    const made = await browser.call("POST", "/v1/sessions", { body: {} });
    expect(made.json()).toMatchObject({ platform: "web", user_id: user });
    expect((await sessions(browser)).map(({ session_id: id, platform }) => [id, platform])).toEqual([
      [made.json<{ session_id: string }>().session_id, "web"],
      [session, "api"],
    ]);
    const said = await browser.call("POST", `/v1/sessions/${session}/messages`, { body: { text: "hello" } });
    expect(said.statusCode).toBe(202);
  });

  it("says whose it is before it is used, and uses nothing up by that", async () => {
    const user = await http.gateway.service.actFor("ann");
    const whose = (token: string) => new Browser(http).call("POST", "/v1/sign-in/whose", { body: { token } });
    const [link, operators] = [await linkFor(http, user), await linkFor(http, user, "viewer")];
    for (const _ of [1, 2]) expect((await whose(link)).json()).toEqual({ name: "ann", platform: "api", role: null });
    expect((await whose(operators)).json()).toMatchObject({ name: "ann", role: "viewer" });
    expect((await whose("0".repeat(39))).statusCode).toBe(401);
    expect((await new Browser(http).signIn(link)).statusCode).toBe(200);
    expect((await whose(link)).statusCode).toBe(401);
  });

  it("works once, also for two that use it at the same time", async () => {
    const user = await http.gateway.service.actFor("ann");
    const token = await linkFor(http, user);
    const both = await Promise.all([new Browser(http).signIn(token), new Browser(http).signIn(token)]);
    expect(both.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([200, 401]);
    expect((await new Browser(http).signIn(token)).statusCode).toBe(401);
  });

  it("is over after 10 minutes, and when its person asks for another", async () => {
    const user = await http.gateway.service.actFor("ann");
    const old = await linkFor(http, user);
    const late = await linkFor(http, user);
    await sql`update web_links set expires_at = expires_at - interval '10 minutes'`.execute(http.database.db);
    for (const token of [old, late]) expect((await new Browser(http).signIn(token)).statusCode).toBe(401);
  });

  it("of an operator is an operator's, and acts for their own user", async () => {
    const made = await http.call("POST", "/v1/sign-in/links");
    expect(made.statusCode).toBe(201);
    const [page, token = ""] = made.json<{ url: string }>().url.split("#");
    expect(page).toBe("http://127.0.0.1:3000/sign-in");
    const browser = new Browser(http);
    await browser.signIn(token);
    const own = await http.gateway.service.actFor("admin");
    expect(await me(browser)).toMatchObject({ user_id: own, role: "owner", guest: false });
    expect((await browser.call("GET", "/v1/users")).statusCode).toBe(200);
    expect((await browser.call("POST", "/v1/sessions", { body: {} })).json()).toMatchObject({ user_id: own });
    const forAnn = await browser.call("POST", "/v1/sessions", { body: {}, headers: { "parley-user": "ann" } });
    expect(forAnn.json()).toMatchObject({ user_id: await http.gateway.service.actFor("ann") });
    const log = (await http.call("GET", "/v1/audit")).json<{ entries: { actor: string; action: string }[] }>();
    expect(log.entries.slice(0, 2)).toMatchObject([
      { actor: own, action: "web.sign_in", target: own, detail: { role: "owner" } },
      { actor: "admin", action: "web.link", target: own },
    ]);
  });

  it("security-33: grants no more than whoever makes it may", async () => {
    const owner = await http.key({ kind: "operator", role: "owner" });
    const few = await http.key({ kind: "operator", role: "owner" }, { scopes: ["keys:write", "sessions:read"] });
    const soon = await http.key({ kind: "operator", role: "owner" }, { expiresAt: new Date(Date.now() + 60_000) });
    const operator = await http.key({ kind: "operator", role: "operator" });
    const made = async (key: string, body: object) =>
      (await http.call("POST", "/v1/sign-in/links", { key, body })).statusCode;
    expect(await made(owner, { role: "viewer" })).toBe(201);
    expect(await made(owner, { role: null, user: "ann" })).toBe(201);
    expect(await made(owner, { role: null })).toBe(400);
    for (const key of [few, soon, operator]) expect(await made(key, {})).toBe(403);
    expect(await made((await signedIn(http, "ann")).cookie, {})).toBe(401);
  });
});

describe("security-37: links", () => {
  it("cannot be guessed by trying", async () => {
    const from = "203.0.113.9";
    const attempt = () =>
      http.app.inject({
        method: "POST",
        url: "/v1/sign-in",
        payload: { token: "a".repeat(64) },
        remoteAddress: from,
        headers: { "sec-fetch-site": "same-origin" },
      });
    for (let n = 0; n < 20; n++) expect((await attempt()).statusCode).toBe(401);
    expect((await attempt()).statusCode).toBe(429);
  });
});

describe("security-34: the cookie of a browser", () => {
  it("is for this host alone, and no script's", async () => {
    const answer = await new Browser(http).signIn(await linkFor(http, await http.gateway.service.actFor("ann")));
    expect(String(answer.headers["set-cookie"])).toMatch(
      /^parley=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=2592000$/,
    );
    const safe = await startHttp({ web: { ...WEB, publicUrl: "https://parley.test" } });
    const there = await new Browser(safe).signIn(await linkFor(safe, await safe.gateway.service.actFor("ann")));
    expect(String(there.headers["set-cookie"])).toMatch(
      /^__Host-parley=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=2592000; Secure$/,
    );
    await safe.stop();
  });

  it("is another one after every sign-in, and the one before is over", async () => {
    const browser = await signedIn(http, "ann");
    const before = browser.cookie;
    await browser.signIn(await linkFor(http, await http.gateway.service.actFor("ann")));
    expect(browser.cookie).not.toBe(before);
    expect(await status(browser)).toBe(200);
    const old = new Browser(http);
    old.cookie = before;
    const refused = await old.call("GET", "/v1/me");
    expect(refused.statusCode).toBe(401);
    // A tab that asked with it takes nothing from the one that has the new one.
    expect(setCookies(refused)).toEqual([]);
  });

  it("ends for good when its person signs out, on the server", async () => {
    const browser = await signedIn(http, "ann");
    const other = await signedIn(http, "ann");
    const { cookie } = browser;
    const out = await browser.call("POST", "/v1/sign-out");
    expect([out.statusCode, browser.cookie]).toEqual([204, ""]);
    browser.cookie = cookie;
    expect(await status(browser)).toBe(401);
    expect(await status(other)).toBe(200);
  });

  it("ends when an operator signs its person out, which stands in the audit log", async () => {
    const [browser, other] = [await signedIn(http, "lea"), await signedIn(http, "ben")];
    const { user_id: user } = await me(browser);
    expect((await http.call("POST", `/v1/users/${user}/sign-out`)).statusCode).toBe(204);
    expect([await status(browser), await status(other)]).toEqual([401, 200]);
    const log = (await http.call("GET", "/v1/audit?limit=1")).json<{ entries: object[] }>();
    expect(log.entries).toMatchObject([{ action: "user.sign_out", target: user }]);
    expect((await http.call("POST", `/v1/users/usr_${"0".repeat(32)}/sign-out`)).statusCode).toBe(404);
  });

  it("ends in all browsers when its person signs out everywhere, with the links they were sent, and in nobody else's", async () => {
    const [one, two, bens] = [await signedIn(http, "ann"), await signedIn(http, "ann"), await signedIn(http, "ben")];
    const link = await linkFor(http, await http.gateway.service.actFor("ann"));
    await one.call("POST", "/v1/sign-out", { body: { everywhere: true } });
    expect([await status(one), await status(two), await status(bens)]).toEqual([401, 401, 200]);
    expect((await two.signIn(link)).statusCode).toBe(401);
  });

  const aged = (column: string, days: number, who: string) =>
    sql`update web_sessions set ${sql.ref(column)} = ${sql.ref(column)} - ${days} * interval '1 day'
        where user_id = (select user_id from identities where external_id = ${who})`.execute(http.database.db);

  it.each([
    ["a person's", null, 7, 30],
    ["an operator's", "operator", 0.5, 7],
  ] as const)("ends after a time without use, and in any case at last: %s", async (who, role, idle, most) => {
    const name = `of ${who}`;
    for (const [column, days] of [
      ["last_used_at", idle],
      ["expires_at", most],
    ] as const) {
      const browser = await signedIn(http, name, role);
      await aged(column, days - 0.01, name);
      expect(await status(browser)).toBe(200);
      const next = await signedIn(http, name, role);
      await aged(column, days + 0.01, name);
      expect(await status(next)).toBe(401);
    }
  });

  it("is kept by its hash alone, and is in no log", async () => {
    const browser = await signedIn(http, "ann");
    await me(browser);
    const secret = browser.cookie.split("=")[1]!;
    const token = await linkFor(http, await http.gateway.service.actFor("ann"));
    const words = `${await allWords(http.database.db)}${JSON.stringify(http.lines)}`;
    for (const each of [secret, token]) expect(words).not.toContain(each);
    expect(http.lines.length).toBeGreaterThan(0);
  });

  it("is nothing where a key is sent, nor is what only looks like one", async () => {
    const browser = await signedIn(http, "ann");
    const asAdmin = await browser.call("GET", "/v1/me", { headers: { authorization: `Bearer ${KEY}` } });
    expect(asAdmin.json()).toMatchObject({ role: "owner" });
    for (const cookie of [
      "parley=",
      "parley=short",
      `parley=${"a".repeat(64)}`,
      "parley",
      ";;=",
      `x=${"a".repeat(64)}`,
    ]) {
      browser.cookie = cookie;
      expect(await status(browser), cookie).toBe(401);
    }
  });

  it("of a person names nobody else, and opens nothing of an operator's", async () => {
    const browser = await signedIn(http, "ann");
    const asBen = await browser.call("GET", "/v1/sessions", { headers: { "parley-user": "ben" } });
    expect(asBen.statusCode).toBe(403);
    for (const url of ["/v1/users", "/v1/keys", "/v1/audit", "/metrics"]) {
      expect((await browser.call("GET", url)).statusCode, url).toBe(403);
    }
  });
});

describe("security-35: a request that another site's page has a browser send", () => {
  const FOREIGN: Record<string, string>[] = [
    {},
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site", origin: "https://evil.parley.test" },
    { "sec-fetch-site": "none" },
    { origin: "https://evil.test" },
    { origin: "null" },
    { origin: "http://evil.test", host: "evil.test" },
    { origin: "http://127.0.0.1.evil.test", host: "127.0.0.1.evil.test" },
    // A name of somebody else's that leads here: to the browser it is the same page.
    { "sec-fetch-site": "same-origin", origin: "http://evil.test", host: "evil.test" },
  ];
  const OWN: Record<string, string>[] = [
    { "sec-fetch-site": "same-origin" },
    { "sec-fetch-site": "same-origin", origin: "http://127.0.0.1:8080", host: "gateway:3000" },
    { origin: "http://localhost:3000", host: "localhost:3000" },
    { origin: "http://127.0.0.1:3000", host: "127.0.0.1:3000" },
    { origin: "http://[::1]:3000", host: "[::1]:3000" },
  ];

  it("changes nothing and follows nothing", async () => {
    const { cookie } = await signedIn(http, "ann");
    const session = await http.session("ann");
    for (const headers of FOREIGN) {
      const browser = new Browser(http, headers);
      browser.cookie = cookie;
      const what = JSON.stringify(headers);
      for (const [method, url] of [
        ["POST", "/v1/sessions"],
        ["DELETE", `/v1/sessions/${session}`],
        ["PATCH", "/v1/me"],
        ["POST", "/v1/sign-in"],
        ["POST", "/v1/sign-in/guest"],
        ["POST", "/v1/sign-out"],
        ["GET", `/v1/sessions/${session}/events`],
      ] as const) {
        const answer = await browser.call(method, url, { body: method === "GET" ? undefined : { language: "de" } });
        expect([answer.statusCode, answer.json<{ code: string }>().code], `${what} ${url}`).toEqual([403, "forbidden"]);
      }
      // What only reads, no other page gets to see.
      expect(await status(browser), what).toBe(200);
    }
    expect((await http.call("GET", `/v1/sessions/${session}`)).statusCode).toBe(200);
  });

  it("is told from those of the gateway's own page", async () => {
    const { cookie } = await signedIn(http, "ann");
    for (const headers of OWN) {
      const browser = new Browser(http, headers);
      browser.cookie = cookie;
      const answer = await browser.call("POST", "/v1/sessions", { body: {} });
      expect(answer.statusCode, JSON.stringify(headers)).toBe(201);
    }
  });

  it("is told by the public address where there is one, whatever the host is called", async () => {
    const there = await startHttp({ web: { ...WEB, publicUrl: "https://parley.test/" } });
    const { cookie } = await signedIn(there, "ann");
    for (const [headers, expected] of [
      [{ origin: "https://parley.test", host: "10.0.0.7:3000" }, 201],
      [{ origin: "http://parley.test", host: "parley.test" }, 403],
      [{ origin: "http://127.0.0.1:3000", host: "127.0.0.1:3000" }, 403],
    ] as const) {
      const browser = new Browser(there, headers);
      browser.cookie = cookie;
      expect((await browser.call("POST", "/v1/sessions", { body: {} })).statusCode).toBe(expected);
    }
    await there.stop();
  });

  it("needs no such proof with a key, which no browser adds by itself", async () => {
    expect((await http.call("POST", "/v1/sessions", { headers: { "sec-fetch-site": "cross-site" } })).statusCode).toBe(
      201,
    );
  });
});

describe("what somebody chooses", () => {
  it("holds for talks that belong to no chat", async () => {
    const browser = await signedIn(http, "kim");
    const wanted = { language: "de", on_busy: "queue", agent: "tester" };
    const changed = await browser.call("PATCH", "/v1/me", { body: wanted });
    expect(changed.json()).toMatchObject(wanted);
    expect(await me(browser)).toMatchObject(wanted);
    const { session_id: id } = (await browser.call("POST", "/v1/sessions", { body: {} })).json<{
      session_id: string;
    }>();
    await browser.call("POST", `/v1/sessions/${id}/messages`, { body: { text: "hallo" } });
    const said = http.database.db
      .selectFrom("inbox")
      .select("language")
      .where("session_id", "=", id as never);
    expect(await said.execute()).toEqual([{ language: "de" }]);
    const runs = http.database.db.selectFrom("runs").select(["policy", "agent", "language"]);
    await expect
      .poll(() => runs.where("session_id", "=", id as never).execute())
      .toEqual([{ policy: "queue", agent: "tester", language: "de" }]);
    const reset = await browser.call("PATCH", "/v1/me", { body: { language: null, on_busy: null, agent: null } });
    expect(reset.json()).toMatchObject({ language: null, on_busy: null, agent: null });
  });

  it("has to be there", async () => {
    const browser = await signedIn(http, "kim");
    for (const body of [{ agent: "nobody" }, { language: "tlh" }, { on_busy: "later" }, {}, { name: "Kim" }]) {
      expect((await browser.call("PATCH", "/v1/me", { body })).statusCode, JSON.stringify(body)).toBe(400);
    }
  });
});

describe("a browser of somebody", () => {
  it("who signs out hears no more of what it follows", async () => {
    const browser = await signedIn(http, "ann");
    const session = await http.session("ann");
    const url = await http.listen();
    const headers = { cookie: browser.cookie, "sec-fetch-site": "same-origin" };
    const events = await fetch(`${url}/v1/sessions/${session}/events`, { headers });
    expect(events.status).toBe(200);
    await browser.call("POST", "/v1/sign-out");
    expect(await events.text()).toContain("retry:");
    expect((await fetch(`${url}/v1/sessions/${session}/events`, { headers })).status).toBe(401);
  });

  it("who is erased is signed in no more", async () => {
    const browser = await signedIn(http, "eve");
    const { user_id: user } = await me(browser);
    const link = await linkFor(http, user);
    await http.call("DELETE", `/v1/users/${user}`);
    await expect.poll(() => status(browser)).toBe(401);
    expect((await new Browser(http).signIn(link)).statusCode).toBe(401);
  });

  it("is theirs to see in their export, without what opens it", async () => {
    const browser = await signedIn(http, "fay");
    const { user_id: user } = await me(browser);
    const lines = (await http.call("GET", `/v1/users/${user}/export`)).body.trim().split("\n");
    const [line] = lines
      .map((each) => JSON.parse(each) as Record<string, unknown>)
      .filter(({ type }) => type === "browser");
    expect(line).toMatchObject({ user_id: user, guest: false });
    expect(line).not.toHaveProperty("hash");
  });
});

it("cookies set nothing but themselves", async () => {
  const browser = await signedIn(http, "ann");
  expect(setCookies(await browser.call("GET", "/v1/me"))).toEqual([]);
});
