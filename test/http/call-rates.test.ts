import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CallRates } from "../../src/http/call-rates.ts";
import { readKeyText } from "../../src/http/key-text.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

let http: TestHttp;
beforeAll(async () => {
  http = await startHttp({ callsPerMinute: 30 });
});
afterAll(() => http.stop());

const count = async (calls: Promise<unknown>[]): Promise<{ made: number; refused: unknown[] }> => {
  const results = await Promise.allSettled(calls);
  const refused = results.flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : []));
  return { made: results.length - refused.length, refused };
};

describe("security-38: calls of one key, or of one person", () => {
  it("are as many as a minute has, over all replicas, and come back one by one", async () => {
    const { db } = http.database;
    const replicas = [new CallRates(db, 30), new CallRates(db, 30)];
    const began = performance.now();
    const first = await count(Array.from({ length: 100 }, (_, n) => replicas[n % 2]!.take("key:one")));
    // One more comes back every two seconds.
    expect(first.made).toBeGreaterThanOrEqual(30);
    expect(first.made).toBeLessThanOrEqual(31 + (performance.now() - began) / 2_000);
    for (const error of first.refused) expect(error).toMatchObject({ code: "rate_limited" });
    const waits = first.refused.map((error) => (error as { retryAfterMs: number }).retryAfterMs);
    expect(Math.max(...waits)).toBeLessThanOrEqual(2_001);
    expect(Math.min(...waits)).toBeGreaterThan(0);
    expect((await count([replicas[0]!.take("key:another")])).made).toBe(1);

    await sql`update api_rates set paid_at = now() + interval '56 seconds' where scope = 'key:one'`.execute(db);
    const later = await count(Array.from({ length: 10 }, (_, n) => replicas[n % 2]!.take("key:one")));
    expect(later.made).toBeGreaterThanOrEqual(2);
    expect(later.made).toBeLessThan(10);
  });

  it("cost the database one question for the calls of half a second", async () => {
    const { db } = http.database;
    let asked = 0;
    const counting = db.withPlugin({
      transformQuery: ({ node }) => {
        asked++;
        return node;
      },
      transformResult: async ({ result }) => result,
    });
    const rates = new CallRates(counting, 6_000);
    await Promise.all(Array.from({ length: 50 }, () => rates.take("key:busy")));
    expect(asked).toBe(1);
    await rates.take("key:busy");
    expect(asked).toBe(2);
  });

  it("are refused with the time to wait, which metrics are not", async () => {
    const key = await http.key({ kind: "operator", role: "owner" });
    const other = await http.key({ kind: "operator", role: "owner" });
    const ask = (user: string, by = key) => http.call("GET", "/v1/sessions", { key: by, user });
    const useUp = (scope: string) =>
      sql`insert into api_rates values (${scope}, now() + interval '1 hour')
          on conflict (scope) do update set paid_at = excluded.paid_at`.execute(http.database.db);
    expect((await ask("ann")).statusCode).toBe(200);
    await useUp(`key:${readKeyText(key)}`);
    const refused = await ask("ann");
    expect(refused.statusCode).toBe(429);
    expect(refused.json()).toMatchObject({ code: "rate_limited" });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(3_000);
    expect((await http.call("GET", "/metrics", { key })).statusCode).toBe(200);
    // Whatever the key: a person's calls are counted together.
    expect((await ask("ann", other)).statusCode).toBe(200);
    await useUp(`user:${await http.gateway.service.actFor("ann")}`);
    expect((await ask("ann", other)).statusCode).toBe(429);
    expect((await ask("bob", other)).statusCode).toBe(200);
  });
});
