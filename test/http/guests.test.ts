import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RETENTION_DAYS } from "../../src/agent/retention.ts";
import type { UserId } from "../../src/ids.ts";
import { deleteStale } from "../../src/store/housekeeping.ts";
import { Browser, linkFor } from "./browser.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

const WEB = { page: null, guests: true, publicUrl: null, url: () => "http://127.0.0.1:3000", oidc: null };

let http: TestHttp;
beforeAll(async () => {
  http = await startHttp({ web: WEB });
});
afterAll(() => http.stop());

interface Me {
  user_id: UserId;
}
const me = async (browser: Browser) => (await browser.call("GET", "/v1/me")).json<Me>();
const status = async (browser: Browser) => (await browser.call("GET", "/v1/me")).statusCode;
const sessions = async (browser: Browser) =>
  (await browser.call("GET", "/v1/sessions")).json<{ sessions: { session_id: string; platform: string }[] }>().sessions;

describe("a guest", () => {
  it("is a user of their own in each browser, also when they come again", async () => {
    const [one, two] = [new Browser(http), new Browser(http)];
    const first = (await one.call("POST", "/v1/sign-in/guest")).json<Me>();
    expect(first).toMatchObject({ guest: true, role: null, name: expect.stringMatching(/^Guest [0-9a-f]{4}$/) });
    expect((await one.call("POST", "/v1/sign-in/guest")).json()).toEqual(first);
    expect(await me(one)).toEqual(first);
    expect((await two.call("POST", "/v1/sign-in/guest")).json<Me>().user_id).not.toBe(first.user_id);
    await one.call("POST", "/v1/sessions", { body: {} });
    expect([(await sessions(one)).length, (await sessions(two)).length]).toEqual([1, 0]);
  });

  it("keeps their talks when they sign in by a link, and is nobody then", async () => {
    const browser = new Browser(http);
    const guest = (await browser.call("POST", "/v1/sign-in/guest")).json<Me>();
    const made = await browser.call("POST", "/v1/sessions", { body: { title: "as a guest" } });
    const { session_id: id } = made.json<{ session_id: string }>();
    const token = await linkFor(http, await http.gateway.service.actFor("gus"));
    const { cookie } = browser;
    expect((await browser.signIn(token)).json()).toMatchObject({ name: "gus", guest: false });
    expect((await sessions(browser)).map(({ session_id }) => session_id)).toEqual([id]);
    browser.cookie = cookie;
    expect(await status(browser)).toBe(401);
    expect((await http.call("GET", `/v1/users/${guest.user_id}`)).statusCode).toBe(404);
  });

  it("who is blocked takes nothing along", async () => {
    const browser = new Browser(http);
    const guest = (await browser.call("POST", "/v1/sign-in/guest")).json<Me>();
    await browser.call("POST", "/v1/sessions", { body: {} });
    await http.call("PATCH", `/v1/users/${guest.user_id}`, { body: { blocked: true } });
    await browser.signIn(await linkFor(http, await http.gateway.service.actFor("hal")));
    expect(await sessions(browser)).toEqual([]);
    expect((await http.call("GET", `/v1/users/${guest.user_id}`)).json()).toMatchObject({ blocked: true });
  });

  it("is not let in unless guests are, and not as often as a program likes", async () => {
    const closed = await startHttp();
    const refused = await new Browser(closed).call("POST", "/v1/sign-in/guest");
    expect(refused.statusCode).toBe(403);
    expect((await closed.app.inject("/v1/sign-in")).json()).toEqual({ guest: false, oidc: false, known: false });
    await closed.stop();
    expect((await http.app.inject("/v1/sign-in")).json()).toEqual({ guest: true, oidc: false, known: false });
    const from = { remoteAddress: "203.0.113.77", headers: { "sec-fetch-site": "same-origin" } };
    const enter = () => http.app.inject({ method: "POST", url: "/v1/sign-in/guest", ...from });
    for (let n = 0; n < 20; n++) expect((await enter()).statusCode).toBe(200);
    const tooMany = await enter();
    expect(tooMany.statusCode).toBe(429);
    expect(tooMany.json()).toMatchObject({ detail: expect.stringContaining("Too many new guests") });
    expect(Number(tooMany.headers["retry-after"])).toBeGreaterThan(3_500);
  });

  it("who never said a word is gone a day after their browser, and nobody who talked", async () => {
    const { db } = http.database;
    const [silent, talker, here] = [new Browser(http), new Browser(http), new Browser(http)];
    const users = [];
    for (const browser of [silent, talker, here]) {
      users.push((await browser.call("POST", "/v1/sign-in/guest")).json<Me>().user_id);
    }
    await talker.call("POST", "/v1/sessions", { body: {} });
    await sql`update identities set created_at = created_at - interval '2 days'`.execute(db);
    await sql`update web_sessions set expires_at = now() where user_id = any (${users.slice(0, 2)}::text[])`.execute(
      db,
    );
    await deleteStale(db, { ...RETENTION_DAYS });
    const left = await db.selectFrom("users").select("id").where("id", "in", users).execute();
    expect(left.map(({ id }) => id).toSorted()).toEqual(users.slice(1).toSorted());
    const browsers = await db.selectFrom("web_sessions").select("user_id").where("user_id", "in", users).execute();
    expect(browsers.map(({ user_id: user }) => user)).toEqual([users[2]]);
  });
});
