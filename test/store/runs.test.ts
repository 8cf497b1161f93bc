import { beforeEach, describe, expect, test } from "vitest";
import { sql } from "kysely";
import { newId } from "../../src/ids.ts";
import { insertRuns, mergeRun, runInputs, sessionActivity, takeOverRun } from "../../src/store/runs.ts";
import { joinPoint, runsSince } from "../../src/store/join-point.ts";
import type { Db } from "../../src/store/schema.ts";
import { stopSession } from "../../src/store/talk-sessions.ts";
import { onPostgres, storeEngines } from "../support/store-engines.ts";
import {
  accept,
  claimAll,
  ME,
  mergeOf,
  newChat,
  newTalk,
  outboxRows,
  runOn,
  say,
  sayIn,
  startRun,
  runsToEnd,
} from "./arrange.ts";
import { buffers, planOf } from "./plans.ts";

storeEngines((store) => {
  test("a turn goes in the order in which it was written in its chat, and what joined it comes after", async () => {
    const ann = await newChat(store.db, { sender: "ann" });
    const parts = [3_000, 1_000, 2_000].map((at) => ({ ...sayIn(ann, `${at}`), writtenAt: new Date(at) }));
    await accept(store.db, ...parts);
    const run = await startRun(store.db);
    await sql`update inbox set receipt = 'steered' where parts::text like '%1000%'`.execute(store.db);
    const inputs = await runInputs(store.db, run.session, run.id);
    expect(inputs.map(({ writtenAt, steered }) => [writtenAt.getTime(), steered])).toEqual([
      [2_000, false],
      [3_000, false],
      [1_000, true],
    ]);
  });

  describe("a run under way must end", () => {
    test("when a newer message waits and its policy is `interrupt`", async () => {
      const talk = await newTalk(store.db);
      await accept(store.db, say(talk));
      const run = await startRun(store.db);
      expect(await runsToEnd(store.db, [run])).toEqual([]);
      await accept(store.db, say(talk));
      expect(await runsToEnd(store.db, [run])).toEqual([{ id: run.id, by: "interrupt" }]);
      await sql`update runs set policy = 'queue'`.execute(store.db);
      expect(await runsToEnd(store.db, [run])).toEqual([]);
    });

    test("when it was stopped, whatever its policy, and not by a stop of what came before it", async () => {
      const talk = await newTalk(store.db);
      await accept(store.db, say(talk));
      await stopSession(store.db, talk.id);
      await accept(store.db, say(talk));
      const run = await startRun(store.db);
      await sql`update runs set policy = 'queue'`.execute(store.db);
      expect(await runsToEnd(store.db, [run])).toEqual([]);
      await accept(store.db, say(talk));
      await stopSession(store.db, talk.id);
      expect(await runsToEnd(store.db, [run])).toEqual([{ id: run.id, by: "stop" }]);
    });

    test("in a group, only for a message of one of its authors", async () => {
      const ann = await newChat(store.db, { kind: "group", chat: "g", sender: "ann" });
      const bob = await newChat(store.db, { kind: "group", chat: "g", sender: "bob" });
      await accept(store.db, sayIn(ann));
      const [lane] = await claimAll(store.db);
      const { run, inputs } = runOn(lane!);
      await insertRuns(store.db, ME, [
        { ...run, agent: "demo", policy: "interrupt", language: "", authors: ["ann"], queuedAt: new Date(), inputs },
      ]);
      await accept(store.db, sayIn(bob));
      expect(await runsToEnd(store.db, [run])).toEqual([]);
      await accept(store.db, sayIn(ann));
      expect(await runsToEnd(store.db, [run])).toEqual([{ id: run.id, by: "interrupt" }]);
    });

    test("once only: a run that has ended is asked for no more, nor one nobody knows", async () => {
      const talk = await newTalk(store.db);
      await accept(store.db, say(talk));
      const run = await startRun(store.db);
      await accept(store.db, say(talk));
      await mergeRun(store.db, mergeOf(run));
      expect(await runsToEnd(store.db, [run, { session: talk.id, id: newId("run") }])).toEqual([]);
      expect(await runsToEnd(store.db, [])).toEqual([]);
    });
  });

  test("an older attempt's merge is lost even under the lane's own lease", async () => {
    await accept(store.db, say(await newTalk(store.db)));
    const run = await startRun(store.db);
    await takeOverRun(store.db, ME, run.session, run.id);
    expect(await mergeRun(store.db, mergeOf(run))).toEqual({ kind: "lost" });
    expect(await mergeRun(store.db, mergeOf({ ...run, attempt: 2 }))).toMatchObject({ kind: "merged" });
  });

  test("a run for a chat plans its first page as a reply to the message in groups", async () => {
    await accept(store.db, sayIn(await newChat(store.db, { kind: "group", chat: "g", sender: "7" }), "hi", "55"));
    const run = await startRun(store.db);
    expect(run.target).toMatchObject({ replyTo: "m 55", placeKind: "group" });
    expect(await outboxRows(store.db)).toMatchObject([{ id: run.firstPage, state: "planned", due: false, chat: "g" }]);
  });

  test("a run over the API plans no page", async () => {
    await accept(store.db, say(await newTalk(store.db)));
    expect(await startRun(store.db)).toMatchObject({ target: null, firstPage: null });
    expect(await outboxRows(store.db)).toEqual([]);
  });

  describe("a reader", () => {
    test("joins at the runs under way, the newest run's start and the oldest input that is no history yet", async () => {
      const talk = await newTalk(store.db);
      expect(await joinPoint(store.db, talk.id)).toEqual({ open: [], startedMicros: 0, arrivalNo: 0 });
      await accept(store.db, say(talk));
      await mergeRun(store.db, mergeOf(await startRun(store.db)));
      const ended = await joinPoint(store.db, talk.id);
      expect(ended).toMatchObject({ open: [], arrivalNo: 1 });
      await accept(store.db, say(talk));
      expect(await joinPoint(store.db, talk.id)).toEqual(ended);
      const run = await startRun(store.db);
      await accept(store.db, say(talk));
      const joined = await joinPoint(store.db, talk.id);
      expect(joined).toEqual({
        open: [{ id: run.id, attempt: 1 }],
        startedMicros: expect.any(Number),
        arrivalNo: 1,
      });
      expect(joined.startedMicros).toBeGreaterThan(ended.startedMicros);
      expect(Number.isSafeInteger(joined.startedMicros)).toBe(true);
    });

    test("hears of every run that started after a time, in order", async () => {
      const talk = await newTalk(store.db);
      const ids: string[] = [];
      for (let n = 0; n < 4; n += 1) {
        await accept(store.db, say(talk));
        const run = await startRun(store.db);
        ids.push(run.id);
        await mergeRun(store.db, mergeOf(run));
      }
      const all = await runsSince(store.db, talk.id, 0);
      expect(all.map((run) => run.id)).toEqual(ids);
      expect((await runsSince(store.db, talk.id, all[1]!.startedMicros)).map((run) => run.id)).toEqual(ids.slice(2));
      expect(await runsSince(store.db, talk.id, all[3]!.startedMicros)).toEqual([]);
      expect(await runsSince(store.db, newId("ses"), 0)).toEqual([]);
    });

    test("is told what goes on", async () => {
      const talk = await newTalk(store.db);
      expect(await sessionActivity(store.db, talk.id)).toEqual({ running: false, asks: false, waiting: 0 });
      await accept(store.db, say(talk));
      expect(await sessionActivity(store.db, talk.id)).toEqual({ running: false, asks: false, waiting: 1 });
      await startRun(store.db);
      await accept(store.db, say(talk), say(talk));
      expect(await sessionActivity(store.db, talk.id)).toEqual({ running: true, asks: false, waiting: 2 });
    });
  });
});

onPostgres((store) => {
  describe("fault-35: in a session of 20,000 runs", () => {
    const session = newId("ses");
    beforeEach(async () => {
      await sql`insert into talk_sessions (id, user_id, agent) values (${session}, 'usr', 'demo')`.execute(store.db);
      await sql`
        insert into runs (session_id, id, lane, state, agent, policy, input_through, queued_at, started_at, ended_at)
        select ${session}, 'run_' || n, 0, 'completed', 'demo', 'queue', n, t, t, t
        from generate_series(1, 20000) n, lateral (select now() - (20001 - n) * interval '1 second' as t) x`.execute(
        store.db,
      );
      await sql`
        insert into inbox (account_id, update_key, session_id, arrival_no, message_id, state, run_id)
        select 'api:gateway', n::text, ${session}, n, 'msg_' || n, 'taken', 'run_' || n
        from generate_series(1, 20000) n`.execute(store.db);
      await sql`analyze runs, inbox`.execute(store.db);
    });

    test("a reader finds its place and the newest run without reading all of them", async () => {
      const { startedMicros } = await joinPoint(store.db, session);
      expect(buffers(await planOf(store.db, (db) => joinPoint(db, session)))).toBeLessThan(60);
      const look = (db: Db) => runsSince(db, session, startedMicros - 1);
      expect((await look(store.db)).map(({ id }) => id)).toEqual(["run_20000"]);
      expect(buffers(await planOf(store.db, look))).toBeLessThan(60);
    });
  });
});
