import { openPostgres } from "../../src/store/postgres.ts";
import { listFeedback } from "../../src/store/feedback.ts";
import { withReach } from "../../src/store/reach.ts";
import { runStatement } from "../../test/support/postgres.ts";
import type { Scenario } from "../scenario.ts";
import { percentile } from "../statistics.ts";

const ROWS = 100_000;
const PAGE = 1_000;

/** All thumbs-down of a week over three agents, as one request of an operator reads its first page. */
export const feedback: Scenario = {
  name: "feedback",
  rows: ["feedback-week"],
  async run(lab, findings) {
    const url = await lab.newDatabase();
    const database = openPostgres(url, { info() {}, warn() {}, error() {} }, 1);
    try {
      await runStatement(url, FILL);
      await runStatement(url, "vacuum analyze feedback");
      const reach = { kind: "all" } as const;
      const read = async () => {
        const startedAt = performance.now();
        const filter = { rating: -1, since: new Date(Date.now() - 7 * 86_400_000) } as const;
        const found = await withReach(database.db, reach, (trx) => listFeedback(trx, reach, filter, { limit: PAGE }));
        if (found.length !== PAGE) throw new Error("the page is not whole");
        return performance.now() - startedAt;
      };
      for (let warm = 0; warm < 10; warm++) await read();
      const took: number[] = [];
      for (let turn = 0; turn < (lab.options.quick ? 50 : 200); turn++) took.push(await read());
      findings.add("ours", { "feedback-week": percentile(took, 95) });
    } finally {
      await database.close();
      await lab.dropDatabase(url);
    }
  },
};

const FILL = `
  insert into feedback (id, target, key, author, user_id, agent, source, rating, created_at)
  select 'fb_' || md5(n::text), n::text, 'user_feedback', 'usr_' || n % 500, 'usr_' || n % 500,
         (array['native', 'remote', 'store'])[n % 3 + 1], 'api', case when n % 7 = 0 then -1 else 1 end,
         date_trunc('milliseconds', now()) - n * interval '30 seconds'
  from generate_series(1, ${ROWS}) as n`;
