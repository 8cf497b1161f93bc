import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { countBegun, guestsAmong, heldBudgets, lockCounters } from "../../src/store/budget-counters.ts";
import { upsertIdentity } from "../../src/store/identities.ts";
import { insertRuns, mergeRun, takeOverRun } from "../../src/store/runs.ts";
import type { RunBudget } from "../../src/store/schema.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import type { UsageRow } from "../../src/store/usage.ts";
import { joinGuest } from "../../src/store/web-users.ts";
import { onPostgres, storeEngines, type TestStore } from "../support/store-engines.ts";
import { planOf, rowsRead } from "./plans.ts";
import { accept, claimAll, ME, mergeOf, newTalk, openTransaction, OTHER, runOn, say, untilBlocked } from "./arrange.ts";

const budget = (scopes: string[], tokens: number): RunBudget => ({
  scopes,
  held: { tokens, micros: 2 * tokens },
  allowed: { tokens: null, micros: null },
});
const usage = (input: number): UsageRow[] => [
  { agent: "demo", model: "m", input, cached: 0, output: 1, reasoning: 0, micros: 7 },
];

/** A run that has begun on these budgets. */
async function begin({ db }: TestStore, held: RunBudget) {
  await accept(db, say(await newTalk(db)));
  const [lane] = await claimAll(db);
  const { run, inputs } = runOn(lane!);
  const { id, lane: claimed, inputThrough, target, firstPage } = run;
  const fresh = { id, lane: claimed, inputThrough, target, firstPage, inputs, budget: held };
  const rest = { agent: "demo", policy: "interrupt", language: "", authors: [], queuedAt: new Date() };
  await withTransaction(db, (trx) => insertRuns(trx, ME, [{ ...fresh, ...rest }]));
  return run;
}

storeEngines((store) => {
  const held = (...scopes: string[]) => heldBudgets(store.db, scopes);
  const counted = () =>
    store.db.selectFrom("budget_counters").select(["scope", "tokens", "micros"]).orderBy("scope").execute();

  test("guests are told from other people of the web page, until their talks are somebody else's", async () => {
    const made = async (id: string) =>
      (await withTransaction(store.db, (trx) => upsertIdentity(trx, "web", id, "Somebody"))).userId;
    const [guest, person] = [await made("guest:web_1"), await made("oidc:https://id.example#1")];
    const found = () => withTransaction(store.db, (trx) => guestsAmong(trx, [guest, person]));
    expect(await found()).toEqual([guest]);
    await withTransaction(store.db, (trx) => joinGuest(trx, guest, person));
    expect(await found()).toEqual([]);
  });

  describe("what runs hold of budgets", () => {
    test("is summed for those under way, on whatever replica, and over when they are", async () => {
      const first = await begin(store, budget(["a", "b"], 10));
      await begin(store, budget(["b"], 5));
      const all = [
        { scope: "a", runs: 1, tokens: 10, micros: 20 },
        { scope: "b", runs: 2, tokens: 15, micros: 30 },
        { scope: "c", runs: 0, tokens: 0, micros: 0 },
      ];
      expect((await held("a", "b", "c")).toSorted((x, y) => (x.scope < y.scope ? -1 : 1))).toEqual(all);
      await withTransaction(store.db, (trx) => takeOverRun(trx, OTHER, first.session, first.id));
      expect(await held("a")).toEqual([all[0]]);
      await mergeRun(store.db, mergeOf(first, { attempt: 2, usage: usage(99), state: "failed" }));
      expect(await held("a")).toEqual([{ scope: "a", runs: 0, tokens: 0, micros: 0 }]);
      expect(await counted()).toEqual(["a", "b"].map((scope) => ({ scope, tokens: 100, micros: 7 })));
    });

    test("is counted once, by a merge that is repeated, and by none of an attempt that is over", async () => {
      const run = await begin(store, budget(["a"], 10));
      await withTransaction(store.db, (trx) => takeOverRun(trx, OTHER, run.session, run.id));
      expect(await mergeRun(store.db, mergeOf(run, { usage: usage(99) }))).toEqual({ kind: "lost" });
      const mine = mergeOf(run, { attempt: 2, usage: usage(99) });
      await mergeRun(store.db, mine);
      await mergeRun(store.db, mine);
      expect(await counted()).toEqual([{ scope: "a", tokens: 100, micros: 7 }]);
      expect(await store.db.selectFrom("run_usage").select("input_tokens").execute()).toEqual([{ input_tokens: 99 }]);
    });
  });

  describe("the counters of a budget", () => {
    const lock = () => withTransaction(store.db, (trx) => lockCounters(trx, ["b", "a"]));

    test("begin at nothing, and know the runs of their minute", async () => {
      expect(await lock()).toMatchObject([
        { scope: "a", tokens: 0, micros: 0, minute_runs: 0, warned: false },
        { scope: "b", minute_left_ms: expect.toSatisfy((ms: number) => ms > 0 && ms <= 60_000) },
      ]);
      await withTransaction(store.db, (trx) => countBegun(trx, [{ scope: "a", runs: 2, warned: true }]));
      // As if it had been the minute before.
      await sql`update budget_counters set minute = minute - interval '1 minute'`.execute(store.db);
      await withTransaction(store.db, (trx) => countBegun(trx, [{ scope: "a", runs: 1, warned: false }]));
      const { rows } = await sql<{ minute_runs: number; warned: boolean }>`
        select minute_runs, warned from budget_counters where scope = 'a'`.execute(store.db);
      expect(rows).toEqual([{ minute_runs: 1, warned: true }]);
    });

    test("give back the run of a turn that was undone in its minute", async () => {
      await lock();
      const run = await begin(store, budget(["a"], 10));
      await withTransaction(store.db, (trx) => countBegun(trx, [{ scope: "a", runs: 2, warned: false }]));
      await sql`update budget_counters set minute = (select date_trunc('minute', started_at) from runs)`.execute(
        store.db,
      );
      const undone = { endReason: "interrupt", block: [], returnInputs: true };
      await mergeRun(store.db, mergeOf(run, { ...undone, state: "cancelled" }));
      const { rows } = await sql<{ minute_runs: number }>`
        select minute_runs from budget_counters where scope = 'a'`.execute(store.db);
      expect(rows).toEqual([{ minute_runs: 1 }]);
    });
  });
});

onPostgres((store) => {
  const held = (...scopes: string[]) => heldBudgets(store.db, scopes);

  test("security-22: whoever wants to begin runs on the same budget waits, and then sees those that were begun", async () => {
    const { session } = await begin(store, budget(["a"], 1));
    const first = openTransaction(store.db, async (trx) => {
      await lockCounters(trx, ["a"]);
      await sql`update runs set budget = jsonb_set(budget, '{held,tokens}', '10') where session_id = ${session}`.execute(
        trx,
      );
    });
    await first.begun;
    const second = withTransaction(store.db, async (trx) => {
      await lockCounters(trx, ["a"]);
      return heldBudgets(trx, ["a"]);
    });
    await untilBlocked(store.db);
    await first.end();
    expect(await second).toMatchObject([{ runs: 1, tokens: 10 }]);
  });

  test("what is held is found without a look at the runs that are over", async () => {
    await sql`
      insert into runs (session_id, id, lane, state, agent, policy, input_through, queued_at, budget)
      select 's' || n, 'r' || n, 0, case when n <= 50 then 'running' else 'completed' end, 'demo', 'queue', 1, now(),
             jsonb_build_object('scopes', jsonb_build_array('a'), 'held', jsonb_build_object('tokens', 1, 'micros', 0))
      from generate_series(1, 20000) n`.execute(store.db);
    await sql`analyze runs`.execute(store.db);
    expect(await held("a")).toMatchObject([{ runs: 50, tokens: 50 }]);
    const plan = await planOf(store.db, (db) => heldBudgets(db, ["a"]));
    expect(rowsRead(plan)).toBeLessThan(1_000);
  });
});
