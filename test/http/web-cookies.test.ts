import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthFailures } from "../../src/http/auth-failures.ts";
import { WebCookies } from "../../src/http/web-cookies.ts";
import { newWebToken, webTokenHash } from "../../src/platform/web-token.ts";
import { upsertIdentity } from "../../src/store/identities.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { endWebSession, insertWebSession } from "../../src/store/web-sessions.ts";
import { silentLog } from "../support/store-engines.ts";
import { Browser, signedIn } from "./browser.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

let http: TestHttp;
beforeAll(async () => {
  http = await startHttp();
});
afterAll(() => http.stop());

/** One replica's view of the browsers, by a clock of its own. */
function replica() {
  const clock = { ms: 0 };
  const { db } = http.database;
  const cookies = new WebCookies({
    db,
    log: silentLog,
    admits: () => true,
    failures: new AuthFailures(),
    publicUrl: null,
    now: () => clock.ms,
  });
  return { clock, cookies, knows: async (token: string) => (await cookies.sessionOf(token)) !== null };
}

async function signIn(): Promise<string> {
  const token = newWebToken();
  await withTransaction(http.database.db, async (trx) => {
    const { userId: user } = await upsertIdentity(trx, "api", "ann", "ann");
    await insertWebSession(trx, webTokenHash(token), { user, role: null, guest: false, rule: null });
  });
  return token;
}

describe("security-34: a browser that was signed out", () => {
  it("is one for other replicas within 2 s, and at once where it was", async () => {
    const [here, there] = [replica(), replica()];
    const token = await signIn();
    expect([await here.knows(token), await there.knows(token)]).toEqual([true, true]);
    await endWebSession(http.database.db, webTokenHash(token));
    here.cookies.forget(token);
    there.clock.ms = 1_999;
    expect([await here.knows(token), await there.knows(token)]).toEqual([false, true]);
    there.clock.ms = 2_000;
    expect(await there.knows(token)).toBe(false);
  });

  it("is none once its time is over, also while it is still remembered, nor is what is no token", async () => {
    const { clock, cookies, knows } = replica();
    const token = await signIn();
    await sql`update web_sessions set expires_at = now() + interval '1 second'`.execute(http.database.db);
    expect((await cookies.sessionOf(token))!.leftMs).toBeLessThanOrEqual(1_000);
    clock.ms = 1_001;
    expect(await knows(token)).toBe(false);
    for (const other of [newWebToken(), "", "x".repeat(1_000)]) expect(await knows(other)).toBe(false);
  });
});

describe("a browser", () => {
  it("is told to be known or not, without an error for who has none", async () => {
    const browser = await signedIn(http, "ann");
    const isKnown = async (who: Browser) => (await who.call("GET", "/v1/sign-in")).json<{ known: boolean }>().known;
    expect(await isKnown(browser)).toBe(true);
    const { cookie } = browser;
    await browser.call("POST", "/v1/sign-out");
    for (const wrong of ["", cookie, `parley=${"a".repeat(64)}`, "parley=nothing"]) {
      browser.cookie = wrong;
      expect(await isKnown(browser)).toBe(false);
    }
  });
});
