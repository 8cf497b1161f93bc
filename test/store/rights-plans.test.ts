import { sql } from "kysely";
import { beforeEach, expect, it } from "vitest";
import { RETENTION_DAYS } from "../../src/agent/retention.ts";
import type { UserId } from "../../src/ids.ts";
import { exportPerson } from "../../src/store/export-person.ts";
import { deleteStale } from "../../src/store/housekeeping.ts";
import { listUsers } from "../../src/store/users.ts";
import { onPostgres } from "../support/store-engines.ts";
import { plansOf, rowsRead } from "./plans.ts";

const RUNS = 20_000;
const USER = "usr_1" as UserId;
/** A page of an export, and what its bounds look at besides. */
const PAGE = 1_000;

onPostgres((store) => {
  beforeEach(async () => {
    const { db } = store;
    for (const table of ["traces", "feedback"]) await sql`delete from ${sql.table(table)}`.execute(db);
    await sql`
      insert into users (id, kind) select 'usr_' || n, 'person' from generate_series(1, ${RUNS}::int) n`.execute(db);
    await sql`
      insert into identities (platform, external_id, user_id, name)
      select 'telegram', n, 'usr_' || n, 'Ann' from generate_series(1, ${RUNS}::int) n`.execute(db);
    await sql`
      insert into talk_sessions (id, user_id, agent, head_seq) values ('ses_1', ${USER}, 'demo', 0)`.execute(db);
    await sql`
      insert into run_usage (session_id, run_id, agent, model, input_tokens, cached_tokens, output_tokens, reasoning_tokens)
      select 'ses_1', 'run_' || n, 'demo', 'm', 1, 0, 1, 0 from generate_series(1, ${RUNS}::int) n`.execute(db);
    await sql`
      insert into traces (trace_id, session_id, user_id, started_at, status)
      select 't' || n, 'ses_1', ${USER}, now() - n * interval '1 minute', 'ok' from generate_series(1, 500) n
    `.execute(db);
    await sql`
      insert into inbox (account_id, update_key, message_id, state)
      select 'telegram:1', n, 'msg_' || n, 'handled' from generate_series(1, ${RUNS}::int) n`.execute(db);
    await sql`analyze`.execute(db);
  });

  it("an export reads no row for every page again", async () => {
    const counts: Record<string, number> = {};
    const plans = await plansOf(store.db, async (db) => {
      for await (const page of exportPerson(db, USER)) {
        for (const { type } of page) counts[type] = (counts[type] ?? 0) + 1;
      }
    });
    expect(counts).toMatchObject({ session: 1, usage: RUNS, trace: 500, end: 1 });
    expect(Math.max(...plans.map(rowsRead))).toBeLessThan(PAGE);
  }, 60_000);

  it("housekeeping that finds nothing old reads nothing else", async () => {
    const plans = await plansOf(store.db, (db) => deleteStale(db, RETENTION_DAYS));
    const looked = plans.filter((plan) => rowsRead(plan) > PAGE).map((plan) => plan["Relation Name"]);
    expect(looked).toEqual([]);
  });

  it("people are listed a page at a time, however many there are", async () => {
    const [plan] = await plansOf(store.db, (db) => listUsers(db, { limit: 50, platform: "telegram" }));
    expect(rowsRead(plan!)).toBeLessThan(PAGE);
  });
});
