import { sql } from "kysely";
import { expect, test } from "vitest";
import type { MessageId, SessionId } from "../../src/ids.ts";
import { claimLanes, deleteLane, readLanes, renewLeases } from "../../src/store/lanes.ts";
import { appendEvents } from "../../src/store/run-events.ts";
import { insertRuns, mergeRun } from "../../src/store/runs.ts";
import type { Db } from "../../src/store/schema.ts";
import { withdrawWaiting } from "../../src/store/inbox.ts";
import { stopSession } from "../../src/store/talk-sessions.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { onPostgres } from "../support/store-engines.ts";
import {
  accept,
  ME,
  mergeOf,
  newTalk,
  OTHER,
  runOn,
  say,
  said,
  startRuns,
  type StartedRun,
  runsToEnd,
} from "./arrange.ts";

onPostgres((store) => {
  const headOf = async (session: SessionId) =>
    (await store.db.selectFrom("talk_sessions").select("head_seq").where("id", "=", session).executeTakeFirstOrThrow())
      .head_seq;

  async function expectGapless(session: SessionId): Promise<number[]> {
    const rows = await store.db
      .selectFrom("messages")
      .select("seq")
      .where("session_id", "=", session)
      .orderBy("seq")
      .execute();
    const seqs = rows.map((row) => row.seq);
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
    expect(await headOf(session)).toBe(seqs.length);
    return seqs;
  }

  test("sixteen runs merged at once, again and again, while messages come in: no gap, and nobody blocks another", async () => {
    const talks = await Promise.all(Array.from({ length: 16 }, () => newTalk(store.db)));
    const ROUNDS = 12;
    for (let round = 0; round < ROUNDS; round += 1) {
      await accept(store.db, ...talks.map((talk) => say(talk)));
      const runs = await startRuns(store.db);
      expect(runs).toHaveLength(16);
      // Single statements, not tried again: a dead-lock would reject. Batches take their sessions in any order.
      const accepts = [0, 1, 2].map(() =>
        accept(store.db, ...talks.toSorted(() => Math.random() - 0.5).map((talk) => say(talk))),
      );
      const lanes = runs.map((run) => run.lane);
      const outcomes = await Promise.all([
        ...runs.map((run) => mergeRun(store.db, mergeOf(run, { keepLane: true }))),
        ...accepts.map(async (accepting) => void (await accepting)),
        renewLeases(store.db, ME, lanes).then(() => undefined),
        runsToEnd(store.db, runs).then(() => undefined),
        appendEvents(store.db, runs.map(eventOf)).then(() => undefined),
      ]);
      expect(outcomes.slice(0, 16).every((outcome) => outcome?.kind === "merged")).toBe(true);
      for (const run of await startRuns(store.db)) await mergeRun(store.db, mergeOf(run));
    }
    for (const talk of talks) expect(await expectGapless(talk.id)).toHaveLength(ROUNDS * 4);
    expect(await store.db.selectFrom("lanes").selectAll().execute()).toEqual([]);
  });

  test("one session under fire from merges, accepts, stops and claims on two replicas keeps its order and loses nothing", async () => {
    const talk = await newTalk(store.db);
    const sent: MessageId[] = [];
    const end = new AbortController();
    const writers = [1, 2, 3].map(async () => {
      for (let n = 0; n < 60; n += 1) {
        const message = say(talk);
        const [arrival] = await accept(store.db, message);
        expect(arrival!.outcome).toBe("stored");
        sent.push(message.messageId);
      }
    });
    const stopper = async () => {
      for (let n = 0; n < 20; n += 1) {
        await withTransaction(store.db, async (trx) => {
          await stopSession(trx, talk.id);
          await withdrawWaiting(trx, talk.id);
        });
      }
    };
    const replica = async (id: typeof ME) => {
      while (!end.signal.aborted) {
        const runs = await claimRuns(id);
        for (const run of runs) await finish(run);
      }
    };
    const replicas = [replica(ME), replica(OTHER)];
    await Promise.all([...writers, stopper()]);
    await lanesGone(store.db);
    end.abort();
    await Promise.all(replicas);
    await expectGapless(talk.id);
    const { rows } = await sql<{ message_id: MessageId; state: string; merged: number }>`
      select b.message_id, b.state, (select count(*) from messages m
        where m.session_id = b.session_id and m.run_id = b.run_id and m.message_id = b.message_id) as merged
      from inbox b`.execute(store.db);
    expect(rows.map((row) => row.message_id).toSorted()).toEqual(sent.toSorted());
    for (const row of rows)
      expect([row.state, row.merged]).toEqual(row.state === "taken" ? ["taken", 1] : ["withdrawn", 0]);
  });

  interface Running extends StartedRun {
    block: { messageId: MessageId }[];
  }

  /** What a claim loop does: start on what waits, or drop the lane. */
  function claimRuns(replica: typeof ME): Promise<Running[]> {
    return withTransaction(store.db, async (trx) => {
      const found: Running[] = [];
      for (const lane of await readLanes(trx, await claimLanes(trx, replica, 1, false))) {
        expect(lane.run).toBeNull();
        if (lane.waiting.length === 0) {
          expect(await deleteLane(trx, lane, lane.arrivals)).toBe(true);
          continue;
        }
        const { run, inputs } = runOn(lane);
        const bound = {
          agent: "demo",
          policy: "queue",
          language: "",
          authors: [],
          target: null,
          queuedAt: new Date(),
          firstPage: null,
        };
        await insertRuns(trx, replica, [
          { ...bound, id: run.id, lane: run.lane, inputThrough: run.inputThrough, inputs },
        ]);
        found.push({ ...run, block: lane.waiting.map((input) => ({ messageId: input.message_id })) });
      }
      return found;
    });
  }

  async function finish(run: Running): Promise<void> {
    const block = [...run.block.map(({ messageId }) => ({ ...said("user", "q"), messageId })), said("assistant", "a")];
    const outcome = await mergeRun(store.db, mergeOf(run, { block }));
    if (outcome.kind === "merged") return;
    expect(outcome).toEqual({ kind: "stopped" });
    const cancelled = mergeOf(run, { block, state: "cancelled", endReason: "stop" });
    expect(await mergeRun(store.db, cancelled)).toMatchObject({ kind: "merged" });
  }
});

function eventOf(run: StartedRun) {
  return { session: run.session, run: run.id, attempt: 1, events: [{ n: 2, type: "text.delta", data: { text: "x" } }] };
}

async function lanesGone(db: Db): Promise<void> {
  const deadline = performance.now() + 10_000;
  while ((await db.selectFrom("lanes").select("lane").execute()).length > 0) {
    if (performance.now() > deadline) throw new Error("a lane without an end");
  }
}
