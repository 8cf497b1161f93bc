import { sql } from "kysely";
import { beforeEach, expect, it } from "vitest";
import { listFeedback } from "../../src/store/feedback.ts";
import type { UserId } from "../../src/ids.ts";
import type { Db } from "../../src/store/schema.ts";
import { onPostgres } from "../support/store-engines.ts";
import { nodes, planOf, rowsRead, sortedRows } from "./plans.ts";

const ROWS = 100_000;
/** At once: a slow machine writes them within a statement's time. */
const PART = 20_000;

onPostgres((store) => {
  beforeEach(async () => {
    for (let first = 1; first <= ROWS; first += PART) {
      await sql`
      insert into feedback (id, target, key, author, user_id, agent, source, rating, created_at)
      select 'fb_' || md5(n::text), n::text, 'user_feedback', 'usr_' || n % 500, 'usr_' || n % 500,
             (array['native', 'remote', 'store'])[n % 3 + 1], 'api', case when n % 7 = 0 then -1 else 1 end,
             date_trunc('milliseconds', now()) - n * interval '30 seconds'
      from generate_series(${first}::int, ${first + PART - 1}::int) as n`.execute(store.db);
    }
    await sql`analyze feedback`.execute(store.db);
  });

  it("lists the thumbs-down of a week over all agents by index, however many rows there are", async () => {
    const since = new Date(Date.now() - 7 * 86_400_000);
    const all = { kind: "all" } as const;
    const lists: Record<string, (db: Db) => Promise<unknown[]>> = {
      "thumbs down": (db) => listFeedback(db, all, { since, rating: -1 }, { limit: 1_000 }),
      "of an agent": (db) => listFeedback(db, all, { since, agent: "remote" }, { limit: 1_000 }),
      "of a person": (db) => listFeedback(db, all, { user: "usr_7" }, { limit: 50 }),
      "as a person": (db) => listFeedback(db, { kind: "user", user: "usr_7" as UserId }, { since }, { limit: 30 }),
      "as an agent": (db) => listFeedback(db, { kind: "agent", agent: "store" }, { since }, { limit: 1_000 }),
    };
    expect(await lists["thumbs down"]!(store.db)).toHaveLength(1_000);
    for (const [name, list] of Object.entries(lists)) {
      const plan = await planOf(store.db, list);
      expect(
        nodes(plan).map((node) => node["Node Type"]),
        name,
      ).not.toContain("Seq Scan");
      expect(sortedRows(plan), name).toBe(0);
      expect(rowsRead(plan), name).toBeLessThan(5_000);
    }
  });
});
