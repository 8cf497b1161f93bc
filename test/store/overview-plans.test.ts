import { sql } from "kysely";
import { beforeEach, expect, it } from "vitest";
import { listRunRows } from "../../src/store/list-runs.ts";
import { readOverview } from "../../src/store/overview.ts";
import { onPostgres } from "../support/store-engines.ts";
import { nodes, plansOf, rowsRead } from "./plans.ts";

const ROWS = 30_000;
const at = sql`date_trunc('milliseconds', now()) - n * interval '30 seconds'`;
const all = sql`from generate_series(1, ${ROWS}::int) as n`;

onPostgres((store) => {
  beforeEach(async () => {
    const statements = [
      sql`insert into traces (trace_id, run_id, agent, started_at, status, first_shown_at)
          select md5(n::text), 'run_' || n, 'store', ${at}, 'ok', ${at} + interval '1 second' ${all}`,
      sql`insert into feedback (id, target, key, author, agent, source, rating, created_at)
          select 'fb_' || md5(n::text), n::text, 'k', 'usr_' || n % 500, 'store', 'api', 1, ${at} ${all}`,
      sql`insert into run_usage (session_id, run_id, agent, model, input_tokens, cached_tokens, output_tokens,
                                 reasoning_tokens, at)
          select 'ses_' || n % 500, 'run_' || n, 'store', 'm', 1, 0, 1, 0, at
          from (select n, ${at} as at ${all} order by n desc) r`,
      sql`insert into runs (session_id, id, lane, state, agent, policy, input_through, queued_at, started_at, ended_at)
          select 'ses_' || n, 'run_' || n, 0, case when n = ${ROWS}::int then 'running' else 'completed' end, 'store',
                 'interrupt', 0, ${at}, ${at}, ${at} ${all}`,
      sql`analyze traces, feedback, run_usage, runs`,
    ];
    for (const statement of statements) await statement.execute(store.db);
  });

  it("the overview of a day reads that day, and the list of live runs those that live", async () => {
    const until = new Date();
    const since = new Date(until.getTime() - 86_400_000);
    const day = { since, until, bucket: "hour", agent: null } as const;
    const plans = await plansOf(store.db, (db) => readOverview(db, day));
    expect(plans).toHaveLength(3);
    for (const plan of plans) {
      expect(nodes(plan).map((node) => node["Node Type"])).not.toContain("Seq Scan");
      expect(rowsRead(plan)).toBeLessThan(40_000);
    }
    const running = await plansOf(store.db, (db) =>
      listRunRows(db, { kind: "all" }, { state: "running" }, { limit: 51, after: null }),
    );
    expect(rowsRead(running[0]!)).toBeLessThan(10);
  });
});
