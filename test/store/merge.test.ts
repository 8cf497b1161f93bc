import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { newId } from "../../src/ids.ts";
import { claimPages, recordDrafts, recordReceipts } from "../../src/store/outbox.ts";
import { listTrouble } from "../../src/store/troubled-pages.ts";
import { messagesAfter } from "../../src/store/messages.ts";
import { appendEvents, eventsAfter } from "../../src/store/run-events.ts";
import { handOverRun, mergeRun, sessionActivity, takeOverRun } from "../../src/store/runs.ts";
import type { Db } from "../../src/store/schema.ts";
import { findSession, stopSession } from "../../src/store/talk-sessions.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { onPostgres, storeEngines } from "../support/store-engines.ts";
import {
  accept,
  claimAll,
  expireLeases,
  hurryOutbox,
  laneRows,
  ME,
  mergeOf,
  newChat,
  newTalk,
  openTransaction,
  OTHER,
  outboxRow,
  outboxRows,
  pageOf,
  say,
  sayIn,
  startRun,
  type StartedRun,
  type Talk,
  untilBlocked,
} from "./arrange.ts";

storeEngines((store) => {
  async function runFor(text = "question"): Promise<StartedRun> {
    const talk = await newTalk(store.db);
    await accept(store.db, say(talk, text));
    return startRun(store.db);
  }

  async function runInChat(): Promise<StartedRun> {
    await accept(store.db, sayIn(await newChat(store.db)));
    return startRun(store.db);
  }

  const stateOf = async (run: StartedRun) =>
    store.db.selectFrom("runs").selectAll().where("id", "=", run.id).executeTakeFirstOrThrow();
  const history = async (run: StartedRun) =>
    (await messagesAfter(store.db, run.session, 0, 100)).map(({ seq, message }) => [seq, message.role]);

  /** A page that an earlier draft has put into the chat. */
  async function draft(run: StartedRun, id: ReturnType<typeof newId<"out">>, page: number): Promise<void> {
    const { account, chat, thread, placeKind } = run.target!;
    await sql`insert into outbox (id, session_id, run_id, attempt, page, kind, account_id, chat, thread, place_kind, state)
      values (${id}, ${run.session}, ${run.id}, 1, ${page}, 'answer', ${account}, ${chat}, ${thread}, ${placeKind}, 'sending')
      on conflict (id) do update set state = 'sending'`.execute(store.db);
    await recordDrafts(store.db, [{ id, messageId: `sent ${page}` }]);
  }

  async function dueInSeconds(id: string): Promise<number> {
    const { rows } = await sql<{ s: number }>`
      select extract(epoch from due_at - clock_timestamp())::float8 as s from outbox where id = ${id}`.execute(
      store.db,
    );
    return rows[0]!.s;
  }

  describe("a merge", () => {
    test("appends the run's block to the history, ends the run and frees the lane", async () => {
      const run = await runFor();
      const outcome = await mergeRun(store.db, mergeOf(run));
      expect(outcome).toEqual({ kind: "merged", firstSeq: 1, laneGone: true });
      expect(await history(run)).toEqual([
        [1, "user"],
        [2, "assistant"],
      ]);
      expect(await stateOf(run)).toMatchObject({ state: "completed", end_reason: "stop", owner: null });
      expect((await stateOf(run)).ended_at).toBeInstanceOf(Date);
      expect(await laneRows(store.db)).toEqual([]);
      expect(await eventsAfter(store.db, run.session, run.id, { attempt: 0, n: 0 }, 10)).toMatchObject([
        { attempt: 1, n: 1, type: "run.completed" },
      ]);
    });

    test("keeps authors, status and odd text as they were", async () => {
      const run = await runFor();
      const message = {
        role: "user" as const,
        parts: [{ type: "text" as const, text: "a\0b \ud800 ☃ \\u0000" }],
        status: "interrupted" as const,
        author: { id: "7", name: "Ann\0" },
      };
      await mergeRun(store.db, mergeOf(run, { block: [{ messageId: newId("msg"), message }] }));
      const [stored] = await messagesAfter(store.db, run.session, 0, 10);
      expect(stored!.message).toEqual({
        role: "user",
        parts: [{ type: "text", text: "a\ufffdb \ufffd ☃ \\u0000" }],
        status: "interrupted",
        author: { id: "7", name: "Ann\ufffd" },
      });
    });

    test("of an attempt that another one has followed is lost and writes nothing", async () => {
      const run = await runInChat();
      await expireLeases(store.db);
      const [lane] = await claimAll(store.db, OTHER, true);
      expect(await withTransaction(store.db, (trx) => takeOverRun(trx, OTHER, run.session, run.id))).toBe(2);
      const before = await outboxRows(store.db);
      const merge = mergeOf(run, { pages: [pageOf(run.firstPage!, 0)], events: [{ n: 1, type: "x", data: {} }] });
      expect(await mergeRun(store.db, merge)).toEqual({ kind: "lost" });
      expect(await history(run)).toEqual([]);
      expect(await outboxRows(store.db)).toEqual(before);
      expect(await stateOf(run)).toMatchObject({ state: "running", attempt: 2, owner: OTHER });
      expect(await laneRows(store.db)).toMatchObject([{ owner: OTHER, lease_no: lane!.lease_no }]);
      expect(await eventsAfter(store.db, run.session, run.id, { attempt: 0, n: 0 }, 10)).toEqual([]);
    });

    test("under an older lease than the lane's is lost even while the attempt is the same", async () => {
      const run = await runFor();
      await expireLeases(store.db);
      await claimAll(store.db, OTHER, true);
      expect(await mergeRun(store.db, mergeOf(run))).toEqual({ kind: "lost" });
    });

    test("of what the person stopped is refused until it comes as cancelled", async () => {
      const run = await runFor();
      await stopSession(store.db, run.session);
      expect(await mergeRun(store.db, mergeOf(run))).toEqual({ kind: "stopped" });
      expect(await history(run)).toEqual([]);
      const cancelled = mergeOf(run, { state: "cancelled", endReason: "stop" });
      expect(await mergeRun(store.db, cancelled)).toMatchObject({ kind: "merged", firstSeq: 1 });
      expect(await stateOf(run)).toMatchObject({ state: "cancelled", end_reason: "stop" });
    });

    test("is not stopped by a stop that came before its input", async () => {
      const talk = await newTalk(store.db);
      await accept(store.db, say(talk));
      await mergeRun(store.db, mergeOf(await startRun(store.db)));
      await stopSession(store.db, talk.id);
      await accept(store.db, say(talk));
      expect(await mergeRun(store.db, mergeOf(await startRun(store.db)))).toMatchObject({ firstSeq: 3 });
    });

    test("that is repeated appends nothing twice", async () => {
      const run = await runInChat();
      const merge = mergeOf(run, { pages: [pageOf(run.firstPage!, 0)] });
      const first = await mergeRun(store.db, merge);
      expect(first).toMatchObject({ kind: "merged", firstSeq: 1 });
      expect(await mergeRun(store.db, merge)).toMatchObject({ kind: "merged" });
      expect(await history(run)).toHaveLength(2);
      expect(await outboxRows(store.db)).toHaveLength(1);
      expect((await findSession(store.db, (await talkOf(store.db, run)).userId, run.session))!.headSeq).toBe(2);
    });

    test("may bring events again whose first writing was in doubt", async () => {
      const run = await runFor();
      const events = [1, 2].map((n) => ({ n, type: "text.delta", data: { text: String(n) } }));
      await appendEvents(store.db, [{ session: run.session, run: run.id, attempt: 1, events }]);
      const end = { n: 3, type: "run.completed", data: {} };
      const outcome = await mergeRun(store.db, mergeOf(run, { events: [...events, end] }));
      expect(outcome).toMatchObject({ kind: "merged", firstSeq: 1 });
      const stored = await eventsAfter(store.db, run.session, run.id, { attempt: 0, n: 0 }, 10);
      expect(stored.map(({ n }) => n)).toEqual([1, 2, 3]);
    });

    test("returns its inputs when it leaves nothing, and the lane goes on with them", async () => {
      const run = await runInChat();
      const vanish = mergeOf(run, { state: "cancelled", block: [], returnInputs: true, keepLane: true });
      expect(await mergeRun(store.db, vanish)).toMatchObject({ kind: "merged", laneGone: false });
      expect(await history(run)).toEqual([]);
      expect(await outboxRows(store.db)).toEqual([]);
      const again = await startRun(store.db);
      expect(again.inputThrough).toBe(run.inputThrough);
    });

    test("gives a session its title once", async () => {
      const talk = await newTalk(store.db);
      for (const title of ["", "first", "second"]) {
        await accept(store.db, say(talk));
        await mergeRun(store.db, mergeOf(await startRun(store.db), { title }));
      }
      expect((await findSession(store.db, talk.userId, talk.id))!.title).toBe("first");
    });
  });

  describe("the lane after a merge", () => {
    test("stays, free and ready, when something arrived meanwhile", async () => {
      const run = await runFor();
      await accept(store.db, say(await talkOf(store.db, run)));
      expect(await mergeRun(store.db, mergeOf(run))).toMatchObject({ laneGone: false });
      expect(await startRun(store.db)).toMatchObject({ session: run.session, inputThrough: 2 });
    });

    test("stays when the run knows that more waits", async () => {
      const run = await runFor();
      expect(await mergeRun(store.db, mergeOf(run, { keepLane: true }))).toMatchObject({ laneGone: false });
      expect(await laneRows(store.db)).toMatchObject([{ owner: null, arrivals: 1 }]);
    });
  });

  describe("the pages of a merge", () => {
    test("are made, changed, removed, and shown again 15 s later where asked", async () => {
      const run = await runInChat();
      const [second, shown, left] = [newId("out"), newId("out"), newId("out")];
      for (const [page, id] of [run.firstPage!, shown, left].entries()) await draft(run, id, page);
      const pages = [
        pageOf(run.firstPage!, 0, { repeat: true }),
        pageOf(second, 1),
        pageOf(shown, 2, { shown: true }),
        pageOf(left, 3, { content: null, remove: true }),
      ];
      await mergeRun(store.db, mergeOf(run, { pages }));
      expect(await outboxRow(store.db, run.firstPage!)).toMatchObject({ state: "sent", due: true, repeat: true });
      expect(await outboxRow(store.db, second)).toMatchObject({ state: "planned", due: true, message_id: null });
      expect(await outboxRow(store.db, shown)).toMatchObject({ state: "sent", due: false });
      expect(await outboxRow(store.db, left)).toMatchObject({ state: "sent", due: true, remove: true });
      const claimed = await claimPages(store.db, ME, [run.firstPage!, second, shown, left]);
      expect(claimed.map(({ page }) => page).toSorted((a, b) => a - b)).toEqual([0, 1, 3]);
      await recordReceipts(
        store.db,
        ME,
        claimed.map(({ id }) => ({ id, kind: "done", messageId: null })),
      );
      expect(await outboxRow(store.db, run.firstPage!)).toMatchObject({ due: true, repeat: false });
      expect(await dueInSeconds(run.firstPage!)).toBeCloseTo(15, 0);
      await hurryOutbox(store.db);
      expect(await claimPages(store.db, ME, [run.firstPage!])).toHaveLength(1);
      await recordReceipts(store.db, ME, [{ id: run.firstPage!, kind: "done", messageId: null }]);
      expect(await outboxRow(store.db, run.firstPage!)).toMatchObject({ due: false });
    });

    test("that are shown already and in doubt are due once, 15 s later", async () => {
      const run = await runInChat();
      await draft(run, run.firstPage!, 0);
      const pages = [pageOf(run.firstPage!, 0, { shown: true, repeat: true })];
      await mergeRun(store.db, mergeOf(run, { pages }));
      expect(await dueInSeconds(run.firstPage!)).toBeCloseTo(15, 0);
    });

    test("leave no planned row behind that has none of them", async () => {
      const run = await runInChat();
      await mergeRun(store.db, mergeOf(run, { pages: [] }));
      expect(await outboxRows(store.db)).toEqual([]);
    });

    test("make a post due that the run knows was never made, although its announcement stands", async () => {
      const run = await runInChat();
      await store.db.updateTable("outbox").set({ state: "sending" }).where("id", "=", run.firstPage!).execute();
      const next = newId("out");
      await mergeRun(store.db, mergeOf(run, { pages: [pageOf(run.firstPage!, 0), pageOf(next, 1)] }));
      expect(await outboxRow(store.db, run.firstPage!)).toMatchObject({ state: "planned", due: true });
      expect(await claimPages(store.db, ME, [run.firstPage!, next])).toMatchObject([{ id: run.firstPage }]);
    });

    test("leave a post uncertain whose outcome nobody could write down", async () => {
      const run = await runInChat();
      const lost = run.firstPage!;
      await sql`update outbox set state = 'sending' where id = ${lost}`.execute(store.db);
      await mergeRun(store.db, mergeOf(run, { pages: [pageOf(newId("out"), 0)] }));
      expect(await listTrouble(store.db, { limit: 10 })).toMatchObject([{ id: lost, state: "uncertain" }]);
    });

    test("know a message whose id was never recorded", async () => {
      const run = await runInChat();
      await store.db.updateTable("outbox").set({ state: "sending" }).where("id", "=", run.firstPage!).execute();
      await mergeRun(store.db, mergeOf(run, { pages: [pageOf(run.firstPage!, 0, { messageId: "77" })] }));
      expect(await claimPages(store.db, ME, [run.firstPage!])).toMatchObject([{ state: "sent", message_id: "77" }]);
    });
  });

  describe("at a shutdown", () => {
    test("a run is handed over: its lane is free, and the next attempt is no crash", async () => {
      const run = await runFor();
      const handed = { session: run.session, id: run.id, attempt: 1, lane: run.lane };
      expect(await handOverRun(store.db, handed)).toBe(true);
      const [lane] = await claimAll(store.db, OTHER);
      expect(lane!.run).toMatchObject({ id: run.id, handed_over: true, crashes: 0 });
      expect(await withTransaction(store.db, (trx) => takeOverRun(trx, OTHER, run.session, run.id))).toBe(2);
      expect(await stateOf(run)).toMatchObject({ crashes: 0, handed_over: false, owner: OTHER });
      expect(await handOverRun(store.db, handed)).toBe(false);
    });

    test("an attempt that just died is a crash", async () => {
      const run = await runFor();
      await expireLeases(store.db);
      await claimAll(store.db, OTHER, true);
      await withTransaction(store.db, (trx) => takeOverRun(trx, OTHER, run.session, run.id));
      expect(await stateOf(run)).toMatchObject({ crashes: 1, attempt: 2 });
    });

    test("a run that has ended cannot be taken over", async () => {
      const run = await runFor();
      await mergeRun(store.db, mergeOf(run));
      await expect(takeOverRun(store.db, OTHER, run.session, run.id)).rejects.toThrow(/not running/);
      expect(await sessionActivity(store.db, run.session)).toEqual({ running: false, asks: false, waiting: 0 });
    });
  });

  test("a lane has one running run", async () => {
    const run = await runFor();
    await expect(
      sql`insert into runs (session_id, id, lane, state, agent, policy, input_through, queued_at)
        values (${run.session}, 'run_other', 0, 'running', 'demo', 'queue', 9, now())`.execute(store.db),
    ).rejects.toThrow(/runs_one_per_lane/);
  });
});

onPostgres((store) => {
  describe("the lane after a merge", () => {
    test("is free at once for a message whose accept was under way when the merge began", async () => {
      await accept(store.db, say(await newTalk(store.db)));
      const run = await startRun(store.db);
      const message = say(await talkOf(store.db, run));
      const accepting = openTransaction(store.db, (trx) => accept(trx, message));
      await accepting.begun;
      const merging = mergeRun(store.db, mergeOf(run));
      await untilBlocked(store.db);
      await accepting.end();
      expect(await merging).toMatchObject({ kind: "merged", laneGone: false });
      expect(await startRun(store.db)).toMatchObject({ session: run.session, inputThrough: 2 });
    });
  });
});

async function talkOf(db: Db, run: StartedRun): Promise<Talk> {
  const { id, user_id } = await db
    .selectFrom("talk_sessions")
    .select(["id", "user_id"])
    .where("id", "=", run.session)
    .executeTakeFirstOrThrow();
  return { id, userId: user_id };
}
