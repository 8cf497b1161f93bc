import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AccessPolicy } from "../../src/platform/access-gate.ts";
import { upsertIdentity } from "../../src/store/identities.ts";
import { Browser, linkFor } from "./browser.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

const WEB = { page: null, guests: true, publicUrl: null, url: () => "http://127.0.0.1:3000", oidc: null };
const rules: { -readonly [field in keyof AccessPolicy]: AccessPolicy[field] } = {
  mode: "open",
  allowedUsers: new Set(),
};
const web = { ...WEB };

let http: TestHttp;
let url: string;
beforeAll(async () => {
  http = await startHttp({ web, access: rules, limits: { standingMs: 20 } });
  url = await http.listen();
});
beforeEach(() => {
  Object.assign(rules, { mode: "open", allowedUsers: new Set() });
  web.guests = true;
});
afterAll(() => http.stop());

let people = 0;
/** Somebody in a Telegram chat, and the browser they signed in by `/web`. */
async function person(role: "viewer" | null = null) {
  const id = String(++people);
  const { userId } = await upsertIdentity(http.database.db, "telegram", id, `person ${id}`);
  const browser = new Browser(http);
  const answer = await browser.signIn(await linkFor(http, userId, role));
  return { id, userId, browser, answer };
}
const status = async (browser: Browser) => (await browser.call("GET", "/v1/me")).statusCode;
const approve = (id: string, when: "now()" | null) =>
  sql`update identities set approved_at = ${when === null ? null : sql`now()`}
      where platform = 'telegram' and external_id = ${id}`.execute(http.database.db);

describe("security-34: whoever may no longer talk in the chat", () => {
  it("is signed out by the next request, once they are off the list; and signed in again once they are on it", async () => {
    const { id, browser } = await person();
    Object.assign(rules, { mode: "allowlist", allowedUsers: new Set([`telegram:${id}`]) });
    expect(await status(browser)).toBe(200);
    rules.allowedUsers = new Set([`slack:${id}`, "telegram:0"]);
    expect(await status(browser)).toBe(401);
    expect((await browser.call("POST", "/v1/sessions", { body: {} })).statusCode).toBe(401);
    rules.allowedUsers = new Set([`telegram:${id}`]);
    expect(await status(browser)).toBe(200);
  });

  it("is signed out where people are let in by pairing, and their approval was taken back", async () => {
    const { id, browser } = await person();
    await approve(id, "now()");
    rules.mode = "pairing";
    const soon = (code: number) => expect.poll(() => status(browser), { timeout: 5_000 }).toBe(code);
    await soon(200);
    await approve(id, null);
    await soon(401);
  });

  it("is signed out by a block and by an erasure at once, also as an operator; others are not", async () => {
    const [blocked, erased, other] = [await person("viewer"), await person(), await person()];
    expect(await status(blocked.browser)).toBe(200);
    await http.call("PATCH", `/v1/users/${blocked.userId}`, { body: { blocked: true } });
    await http.call("DELETE", `/v1/users/${erased.userId}`);
    const all = [blocked, erased, other].map(({ browser }) => status(browser));
    expect(await Promise.all(all)).toEqual([401, 401, 200]);
    await http.call("PATCH", `/v1/users/${blocked.userId}`, { body: { blocked: false } });
    expect(await status(blocked.browser)).toBe(200);
  });

  it("follows nothing any more, whichever way they went", async () => {
    const ways: ((id: string, user: string) => unknown)[] = [
      () => Object.assign(rules, { mode: "allowlist", allowedUsers: new Set(["telegram:0"]) }),
      (_id, user) => http.call("PATCH", `/v1/users/${user}`, { body: { blocked: true } }),
      // As another replica does it: this one is told nothing.
      (id) => sql`update identities set blocked_at = now() where external_id = ${id}`.execute(http.database.db),
    ];
    for (const leave of ways) {
      rules.mode = "open";
      const { id, userId, browser } = await person();
      const made = await browser.call("POST", "/v1/sessions", { body: {} });
      const { session_id: session } = made.json<{ session_id: string }>();
      const events = await fetch(`${url}/v1/sessions/${session}/events`, {
        headers: { cookie: browser.cookie, "sec-fetch-site": "same-origin" },
      });
      expect(events.status).toBe(200);
      await leave(id, userId);
      expect(await events.text()).toContain("retry:");
      expect(await status(browser)).toBe(401);
    }
  });

  it("is not signed in by a link they still have, which is not used up", async () => {
    const { id, userId } = await person();
    Object.assign(rules, { mode: "allowlist", allowedUsers: new Set() });
    const token = await linkFor(http, userId);
    const browser = new Browser(http);
    const refused = await browser.signIn(token);
    expect([refused.statusCode, browser.cookie]).toEqual([403, ""]);
    rules.allowedUsers = new Set([`telegram:${id}`]);
    expect((await browser.signIn(token)).statusCode).toBe(200);
  });

  it("loses what they signed in by alone: who is linked to them goes on, by their own account", async () => {
    const [ann, slack] = [await person(), await person()];
    await sql`update identities set user_id = ${ann.userId}, own_user_id = ${slack.userId}
              where external_id = ${slack.id}`.execute(http.database.db);
    Object.assign(rules, { mode: "allowlist", allowedUsers: new Set([`telegram:${slack.id}`]) });
    expect(await status(ann.browser)).toBe(401);
    await expect.poll(() => status(slack.browser), { timeout: 5_000 }).toBe(200);
    Object.assign(rules, { mode: "allowlist", allowedUsers: new Set([`telegram:${ann.id}`]) });
    expect([await status(ann.browser), await status(slack.browser)]).toEqual([200, 401]);
  });

  it("is a guest no more where guests are let in no more", async () => {
    const browser = new Browser(http);
    await browser.call("POST", "/v1/sign-in/guest");
    expect(await status(browser)).toBe(200);
    web.guests = false;
    expect(await status(browser)).toBe(401);
  });
});

describe("security-08: wrong cookies", () => {
  const asking = (cookie: string, remoteAddress: string) =>
    http.app.inject({ url: "/v1/me", headers: { cookie: `parley=${cookie}` }, remoteAddress });
  const wrong = (n: number) => String(n).padStart(64, "0");

  it("are counted by address, and a browser that asks again with the same one is no guess", async () => {
    const { browser } = await person();
    const [here, there] = ["203.0.113.20", "203.0.113.21"];
    for (let n = 0; n < 40; n++) expect((await asking(wrong(1), here)).statusCode).toBe(401);
    for (let n = 2; n <= 20; n++) expect((await asking(wrong(n), here)).statusCode).toBe(401);
    expect((await asking(wrong(21), here)).statusCode).toBe(429);
    const good = browser.cookie.split("=")[1]!;
    expect([(await asking(good, here)).statusCode, (await asking(good, there)).statusCode]).toEqual([429, 200]);
    // Whoever has a key is not locked out by browsers.
    const { statusCode } = await http.app.inject({
      url: "/v1/me",
      headers: { authorization: "Bearer x" },
      remoteAddress: here,
    });
    expect(statusCode).toBe(401);
  });

  it("are counted at the door as well", async () => {
    const knock = (n: number) =>
      http.app.inject({
        method: "POST",
        url: "/v1/sign-out",
        headers: { cookie: `parley=${wrong(n)}`, "sec-fetch-site": "same-origin" },
        remoteAddress: "203.0.113.22",
      });
    for (let n = 100; n < 120; n++) expect((await knock(n)).statusCode).toBe(204);
    expect((await knock(120)).statusCode).toBe(429);
  });
});
