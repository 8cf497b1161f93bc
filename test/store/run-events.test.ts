import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { newId, type RunId } from "../../src/ids.ts";
import { appendEvents, type EventBatch, eventsAfter, eventsOfRun, newestThoughts } from "../../src/store/run-events.ts";
import { mergeRun, takeOverRun } from "../../src/store/runs.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { onPostgres, storeEngines } from "../support/store-engines.ts";
import {
  accept,
  claimAll,
  expireLeases,
  mergeOf,
  newTalk,
  openTransaction,
  OTHER,
  say,
  startRuns,
  type StartedRun,
  untilBlocked,
} from "./arrange.ts";
import { buffers, nodes, planOf, rowsRead, sortedRows } from "./plans.ts";

async function liveRuns(...args: Parameters<typeof appendEvents>): Promise<Set<RunId>> {
  return new Set((await appendEvents(...args)).keys());
}

function batch(run: StartedRun, attempt: number, ...numbers: number[]): EventBatch {
  const events = numbers.map((n) => ({ n, type: "text.delta", data: { text: `${attempt}.${n}\0` } }));
  return { session: run.session, run: run.id, attempt, events };
}

const START = { attempt: 0, n: 0 };

storeEngines((store) => {
  async function running(count: number): Promise<StartedRun[]> {
    for (let n = 0; n < count; n += 1) await accept(store.db, say(await newTalk(store.db)));
    return startRuns(store.db);
  }
  const read = async (run: StartedRun, after = START, limit = 100) =>
    (await eventsAfter(store.db, run.session, run.id, after, limit)).map(({ attempt, n }) => `${attempt}.${n}`);
  const takeOver = async (run: StartedRun) => {
    await expireLeases(store.db);
    await claimAll(store.db, OTHER, true);
    return withTransaction(store.db, (trx) => takeOverRun(trx, OTHER, run.session, run.id));
  };

  describe("events", () => {
    test("of many runs are appended at once, and read on from any position", async () => {
      const [a, b] = (await running(2)) as [StartedRun, StartedRun];
      expect(await liveRuns(store.db, [batch(a, 1, 1, 2, 3), batch(b, 1, 1)])).toEqual(new Set([a.id, b.id]));
      expect(await liveRuns(store.db, [batch(a, 1, 4)])).toEqual(new Set([a.id]));
      expect(await read(a)).toEqual(["1.1", "1.2", "1.3", "1.4"]);
      expect(await read(a, { attempt: 1, n: 2 })).toEqual(["1.3", "1.4"]);
      expect(await read(a, START, 2)).toEqual(["1.1", "1.2"]);
      expect(await read(b)).toEqual(["1.1"]);
      const [first] = await eventsAfter(store.db, a.session, a.id, START, 1);
      expect(first).toEqual({
        runId: a.id,
        attempt: 1,
        n: 1,
        type: "text.delta",
        data: { text: "1.1\ufffd" },
        at: expect.any(Date),
      });
    });

    test("that come again are ignored, whatever they say", async () => {
      const [run] = (await running(1)) as [StartedRun];
      await appendEvents(store.db, [batch(run, 1, 1, 2)]);
      const again = batch(run, 1, 2, 3);
      again.events[0]!.data = { text: "another" };
      expect(await liveRuns(store.db, [again])).toEqual(new Set([run.id]));
      const stored = await eventsAfter(store.db, run.session, run.id, START, 10);
      expect(stored.map((event) => event.data["text"])).toEqual(["1.1\ufffd", "1.2\ufffd", "1.3\ufffd"]);
    });

    test("fault-05: of an attempt that is over are refused, and the answer names the runs that may go on", async () => {
      const [a, b] = (await running(2)) as [StartedRun, StartedRun];
      await appendEvents(store.db, [batch(a, 1, 1)]);
      expect(await takeOver(a)).toBe(2);
      expect(await liveRuns(store.db, [batch(a, 1, 2), batch(b, 1, 1)])).toEqual(new Set([b.id]));
      expect(await liveRuns(store.db, [batch(a, 2, 1, 2)])).toEqual(new Set([a.id]));
      expect(await read(a)).toEqual(["1.1", "2.1", "2.2"]);
      expect(await read(a, { attempt: 1, n: 1 })).toEqual(["2.1", "2.2"]);
      const all = await eventsOfRun(store.db, a.session, a.id);
      expect(all.map(({ attempt, n }) => `${attempt}.${n}`)).toEqual(["1.1", "2.1", "2.2"]);
    });

    test("are refused once the run has ended, and for runs nobody knows", async () => {
      const [run] = (await running(1)) as [StartedRun];
      await mergeRun(store.db, mergeOf(run));
      expect(await liveRuns(store.db, [batch(run, 1, 2)])).toEqual(new Set());
      expect(await liveRuns(store.db, [batch({ ...run, id: newId("run") }, 1, 1)])).toEqual(new Set());
      expect(await liveRuns(store.db, [batch({ ...run, session: newId("ses") }, 1, 2)])).toEqual(new Set());
      expect(await read(run)).toEqual(["1.1"]);
    });

    test("of two attempts in one batch are taken from the one that owns the run", async () => {
      const [run] = (await running(1)) as [StartedRun];
      expect(await takeOver(run)).toBe(2);
      const zombie = batch(run, 1, 1, 2);
      const live = await appendEvents(store.db, [zombie, batch(run, 2, 1)]);
      expect(live).toEqual(new Map([[run.id, 2]]));
      expect(await read(run)).toEqual(["2.1"]);
    });

    test("of a run are none where it left none, and stay when it is taken over", async () => {
      const [run] = (await running(1)) as [StartedRun];
      expect(await eventsOfRun(store.db, run.session, run.id)).toEqual([]);
      await appendEvents(store.db, [batch(run, 1, 1)]);
      await takeOver(run);
      expect(await eventsOfRun(store.db, run.session, run.id)).toHaveLength(1);
    });

    test("may be empty", async () => {
      const [run] = (await running(1)) as [StartedRun];
      expect(await liveRuns(store.db, [batch(run, 1)])).toEqual(new Set([run.id]));
      expect(await liveRuns(store.db, [])).toEqual(new Set());
    });
  });
});

onPostgres((store) => {
  async function overdue(): Promise<StartedRun> {
    await accept(store.db, say(await newTalk(store.db)));
    const [run] = await startRuns(store.db);
    await expireLeases(store.db);
    await claimAll(store.db, OTHER, true);
    return run!;
  }

  test("fault-05: events that wait for a take-over are refused", async () => {
    const run = await overdue();
    const taking = openTransaction(store.db, (trx) => takeOverRun(trx, OTHER, run.session, run.id));
    await taking.begun;
    const late = appendEvents(store.db, [batch(run, 1, 1)]);
    await untilBlocked(store.db);
    await taking.end();
    expect(await late).toEqual(new Map());
    expect(await eventsAfter(store.db, run.session, run.id, START, 10)).toEqual([]);
  });

  test("fault-05: a take-over waits for events under way, and the next attempt sees them", async () => {
    const run = await overdue();
    const appending = openTransaction(store.db, (trx) => appendEvents(trx, [batch(run, 1, 1)]));
    expect(await appending.begun).toEqual(new Map([[run.id, 1]]));
    const taking = withTransaction(store.db, async (trx) => {
      await takeOverRun(trx, OTHER, run.session, run.id);
      return eventsOfRun(trx, run.session, run.id);
    });
    await untilBlocked(store.db);
    await appending.end();
    expect(await taking).toMatchObject([{ attempt: 1, n: 1 }]);
  });

  test("events of a long run are read on from the middle without those before", async () => {
    const run = await overdue();
    await sql`insert into run_events (session_id, run_id, attempt, n, type, data)
      select ${run.session}, ${run.id}, attempt, n, 'text.delta', '{}'
      from generate_series(1, 3) attempt, generate_series(1, 5000) n`.execute(store.db);
    await sql`analyze run_events`.execute(store.db);
    const plan = await planOf(store.db, (db) => eventsAfter(db, run.session, run.id, { attempt: 2, n: 4_990 }, 200));
    expect(nodes(plan).find((node) => node["Relation Name"] === "run_events")).toMatchObject({
      "Index Name": "run_events_pkey",
      "Actual Rows": 200,
    });
    expect([sortedRows(plan), buffers(plan) < 30]).toEqual([0, true]);
  });

  test("thoughts are read of the newest runs alone, and of each no more than is wanted, over all its attempts", async () => {
    const session = newId("ses");
    await sql`
      insert into runs (session_id, id, lane, state, agent, policy, input_through, queued_at, started_at, ended_at)
      select case when n <= 1000 then ${session} else 'ses_' || n end, 'run_' || lpad(n::text, 4, '0'), 0, 'completed',
             'demo', 'interrupt', 0, now(), now() - (5000 - n) * interval '1 minute', now()
      from generate_series(1, 5000) n`.execute(store.db);
    // Two steps in each of two attempts, of 150 characters each, among what is said.
    await sql`
      insert into run_events (session_id, run_id, attempt, n, type, data)
      select ${session}, 'run_' || lpad(run::text, 4, '0'), 1 + n / 50, n,
             case when n % 10 = 0 then 'reasoning.delta' else 'text.delta' end,
             jsonb_build_object('step', 1 + n / 25, 'text', repeat('x', 50), 'ms', 1)
      from generate_series(1, 1000) run, generate_series(0, 99) n`.execute(store.db);
    await sql`analyze runs, run_events`.execute(store.db);
    let lengths: [string, number, number][] = [];
    const plan = await planOf(store.db, async (db) => {
      const found = await newestThoughts(db, session, { runs: 30, chars: 260 });
      lengths = found.map(({ run_id: run, step, text }) => [run, step, text.length]);
    });
    expect(lengths).toHaveLength(30 * 4);
    expect(lengths.slice(0, 4)).toEqual([
      ["run_0971", 1, 150],
      ["run_0971", 2, 100],
      ["run_0971", 3, 10],
      ["run_0971", 4, 0],
    ]);
    const scans = nodes(plan).filter((node) => node["Relation Name"] !== undefined);
    expect(scans.map((node) => node["Index Name"] ?? node["Node Type"])).toEqual(["runs_started", "run_events_pkey"]);
    expect(rowsRead({ ...scans[1], Plans: [] })).toBe(30 * 100);
  });

  test("writers that race with take-overs leave each attempt without a gap and none after its end", async () => {
    const run = await overdue();
    let attempt = 1;
    let taken = 0;
    const write = async (mine: number) => {
      for (let n = 1; ; n += 1) {
        const live = await appendEvents(store.db, [batch(run, mine, n)]);
        if (!live.has(run.id)) return;
      }
    };
    const writers = [write(1)];
    while (taken < 15) {
      const next = await withTransaction(store.db, (trx) => takeOverRun(trx, OTHER, run.session, run.id));
      expect(next).toBe(attempt + 1);
      attempt = next;
      taken += 1;
      writers.push(write(attempt));
    }
    await store.db.updateTable("runs").set({ state: "failed" }).execute();
    await Promise.all(writers);
    const stored = await eventsAfter(store.db, run.session, run.id, START, 100_000);
    for (let each = 1; each <= attempt; each += 1) {
      const numbers = stored.filter((event) => event.attempt === each).map((event) => event.n);
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    }
  });
});
