import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { UserId } from "../../src/ids.ts";
import { type Browser, signedIn } from "./browser.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

let http: TestHttp;
let url: string;
beforeAll(async () => {
  http = await startHttp({ limits: { standingMs: 20 } });
  url = await http.listen();
});
afterAll(() => http.stop());

const follow = (browser: Browser, session: string): Promise<Response> =>
  fetch(`${url}/v1/sessions/${session}/events`, {
    headers: { cookie: browser.cookie, "sec-fetch-site": "same-origin" },
  });

/** As another replica does it: this one is told nothing. */
async function signOutElsewhere(name: string): Promise<void> {
  const whose = sql`(select user_id from identities where external_id = ${name})`;
  await sql`delete from web_sessions where user_id = ${whose}`.execute(http.database.db);
}

describe("security-34: what a browser follows", () => {
  it("ends when it was signed out at another replica", async () => {
    const browser = await signedIn(http, "ann");
    const session = await http.session("ann");
    const events = await follow(browser, session);
    expect(events.status).toBe(200);
    await signOutElsewhere("ann");
    expect(await events.text()).toContain("retry:");
    expect((await follow(browser, session)).status).toBe(401);
  });

  it("ends when its person is no longer linked to whose talk it is", async () => {
    const browser = await signedIn(http, "bo");
    const session = await http.session("cy");
    const owner = await http.gateway.service.actFor("cy");
    const own = await http.gateway.service.actFor("bo");
    const link = (user: UserId, before: UserId | null) =>
      sql`update identities set user_id = ${user}, own_user_id = ${before}
          where external_id = 'bo'`.execute(http.database.db);
    await link(owner, own);
    await expect
      .poll(async () => (await browser.call("GET", `/v1/sessions/${session}`)).statusCode, { timeout: 5_000 })
      .toBe(200);
    const events = await follow(browser, session);
    expect(events.status).toBe(200);
    await link(own, null);
    expect(await events.text()).toContain("retry:");
    expect((await follow(browser, session)).status).toBe(404);
  });

  it("is not told by asking either, when it was signed out while it waited", async () => {
    const browser = await signedIn(http, "di");
    const session = await http.session("di");
    const asked = fetch(`${url}/v1/sessions/${session}/news?wait=4`, { headers: { cookie: browser.cookie } });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await signOutElsewhere("di");
    await expect.poll(async () => (await browser.call("GET", "/v1/me")).statusCode, { timeout: 5_000 }).toBe(401);
    await http.call("POST", `/v1/sessions/${session}/messages`, { user: "di", body: { text: "for no other eyes" } });
    const answer = await asked;
    expect([answer.status, await answer.json()]).toEqual([200, { events: [] }]);
  });
});
