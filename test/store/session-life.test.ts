import * as fc from "fast-check";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { newId, type MessageId, type ReplicaId } from "../../src/ids.ts";
import { decideDrain } from "../../src/run/drain.ts";
import { withdrawArrivals, withdrawWaiting } from "../../src/store/inbox.ts";
import { claimLanes, deleteLane, type LaneState, readLanes, releaseLane, renewLeases } from "../../src/store/lanes.ts";
import { appendEvents } from "../../src/store/run-events.ts";
import { handOverRun, insertRuns, type Merge, mergeRun, runInputs, takeOverRun } from "../../src/store/runs.ts";
import { stopSession } from "../../src/store/talk-sessions.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import type { Kysely } from "kysely";
import type { Schema, Trx } from "../../src/store/schema.ts";
import { emptyStore, storeEngines } from "../support/store-engines.ts";
import {
  accept,
  expireLeases,
  mergeOf,
  newTalk,
  runOn,
  said,
  say,
  type StartedRun,
  type Talk,
  runsToEnd,
} from "./arrange.ts";

const WORLD = ["accept", "accept three", "stop", "expire leases"] as const;
const REPLICA = [
  "claim",
  "claim",
  "look at levels",
  "append",
  "complete",
  "vanish",
  "hand over",
  "crash",
  "renew",
  "merge again",
] as const;
type WorldAct = (typeof WORLD)[number];
type ReplicaAct = (typeof REPLICA)[number];

interface Held extends StartedRun {
  turn: MessageId[];
  moreWaits: boolean;
  ending: "stop" | "interrupt" | null;
  n: number;
}

/** One gateway process as far as the store can tell: it claims, writes and merges like the claim loop and the worker. */
class FakeReplica {
  readonly id: ReplicaId = newId("rep");
  readonly #db: Kysely<Schema>;
  #held: Held | null = null;
  #lastMerge: Merge | null = null;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async act(act: ReplicaAct): Promise<void> {
    if (act === "claim") return this.claim();
    if (act === "merge again") return this.#mergeAgain();
    const held = this.#held;
    if (!held) return;
    switch (act) {
      case "look at levels": {
        const [found] = await runsToEnd(this.#db, [held]);
        if (found) held.ending = found.by;
        return;
      }
      case "append": {
        const events = [{ n: (held.n += 1), type: "text.delta", data: { text: "x" } }];
        const live = await appendEvents(this.#db, [
          { session: held.session, run: held.id, attempt: held.attempt, events },
        ]);
        if (!live.has(held.id)) this.#held = null;
        return;
      }
      case "complete":
        return this.finish(false);
      case "vanish":
        return held.ending === "interrupt" ? this.finish(true) : undefined;
      case "hand over":
        this.#held = null;
        await handOverRun(this.#db, held);
        return;
      case "crash":
        this.#held = null;
        return;
      case "renew":
        if ((await renewLeases(this.#db, this.id, [held.lane])).kept.length === 0) this.#held = null;
        return;
      default:
        act satisfies never;
    }
  }

  async claim(): Promise<void> {
    if (this.#held) return;
    this.#held = await withTransaction(this.#db, async (trx) => {
      const [lane] = await readLanes(trx, await claimLanes(trx, this.id, 1, true));
      // As if every burst were over.
      return lane ? this.#drain(trx, { ...lane, now_ms: lane.now_ms + 10_000 }) : null;
    });
  }

  async #drain(trx: Trx, lane: LaneState): Promise<Held | null> {
    const decision = decideDrain(lane, "interrupt");
    if (decision.kind === "wait") {
      await releaseLane(trx, lane, 0);
      return null;
    }
    if (decision.kind === "idle") {
      await withdrawArrivals(trx, lane.session_id, decision.withdrawn);
      expect(await deleteLane(trx, lane, lane.arrivals)).toBe(true);
      return null;
    }
    if (decision.kind === "resume") {
      const run = lane.run!;
      const attempt = await takeOverRun(trx, this.id, lane.session_id, run.id);
      const inputs = await runInputs(trx, lane.session_id, run.id);
      const base = {
        session: lane.session_id,
        id: run.id,
        attempt,
        lane,
        arrivals: lane.arrivals,
        target: null,
        firstPage: null,
      };
      const ending = decision.end === "stop" || decision.end === "interrupt" ? decision.end : null;
      return {
        ...base,
        inputThrough: run.input_through,
        turn: inputs.map((input) => input.messageId),
        moreWaits: lane.waiting.length > 0,
        ending,
        n: 0,
      };
    }
    if (decision.kind === "compact") throw new Error("nobody asks for that here");
    await withdrawArrivals(trx, lane.session_id, decision.withdrawn);
    const { run, inputs } = runOn({ ...lane, waiting: decision.inputs });
    const bound = {
      agent: "demo",
      policy: "interrupt",
      language: "",
      authors: [],
      target: null,
      queuedAt: new Date(),
      firstPage: null,
    };
    await insertRuns(trx, this.id, [{ ...bound, id: run.id, lane: run.lane, inputThrough: run.inputThrough, inputs }]);
    const turn = decision.inputs.map((input) => input.message_id);
    return { ...run, turn, moreWaits: decision.more, ending: null, n: 0 };
  }

  /** Ends the run that is held, as its levels say. */
  async finish(vanish: boolean): Promise<void> {
    const held = this.#held;
    if (!held) return;
    this.#held = null;
    const block = [...held.turn.map((messageId) => ({ ...said("user", "q"), messageId })), said("assistant", "a")];
    const events = [{ n: held.n + 1, type: "run.completed", data: {} }];
    let merge = mergeOf(held, {
      block: vanish ? [] : block,
      events,
      returnInputs: vanish,
      keepLane: held.moreWaits || vanish,
    });
    if (held.ending) merge = { ...merge, state: "cancelled", endReason: held.ending };
    const outcome = await mergeRun(this.#db, merge);
    if (outcome.kind === "stopped") {
      merge = { ...merge, state: "cancelled", endReason: "stop" };
      expect((await mergeRun(this.#db, merge)).kind).not.toBe("stopped");
    }
    this.#lastMerge = merge;
  }

  async #mergeAgain(): Promise<void> {
    if (this.#lastMerge) await mergeRun(this.#db, this.#lastMerge);
  }
}

storeEngines((store) => {
  test("whatever two replicas, their crashes and the people do to a session, each message has one fate and the history no gap", async () => {
    const step = fc.record({
      world: fc.option(fc.constantFrom(...WORLD)),
      first: fc.option(fc.constantFrom(...REPLICA)),
      second: fc.option(fc.constantFrom(...REPLICA)),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 45 }), async (steps) => {
        await emptyStore(store.db);
        const talk = await newTalk(store.db);
        const replicas = [new FakeReplica(store.db), new FakeReplica(store.db)] as const;
        for (const { world, first, second } of steps) {
          // At once: on Postgres they really race.
          await Promise.all([
            world && doToWorld(store.db, talk, world),
            first && replicas[0].act(first),
            second && replicas[1].act(second),
          ]);
          await expectSound(store.db, talk);
        }
        await settle(store.db, replicas[0]);
        await expectSound(store.db, talk);
        await expectAllDone(store.db, talk);
      }),
      { numRuns: 12 },
    );
  }, 60_000);
});

async function doToWorld(db: Kysely<Schema>, talk: Talk, act: WorldAct): Promise<void> {
  if (act === "accept") await accept(db, say(talk));
  else if (act === "accept three") await accept(db, say(talk), say(talk), say(talk));
  else if (act === "expire leases") await expireLeases(db);
  else
    await withTransaction(db, async (trx) => {
      await stopSession(trx, talk.id);
      await withdrawWaiting(trx, talk.id);
    });
}

/** Another process finds everything as it was left and brings it to an end. */
async function settle(db: Kysely<Schema>, replica: FakeReplica): Promise<void> {
  await replica.finish(false);
  for (let round = 0; round < 20; round += 1) {
    await expireLeases(db);
    await replica.claim();
    await replica.finish(false);
  }
}

/** What holds at every moment. */
async function expectSound(db: Kysely<Schema>, talk: Talk): Promise<void> {
  const { rows } = await sql<{
    running: number;
    waiting: number;
    lanes: number;
    head: number;
    seqs: number[];
    stray: number;
  }>`
    select (select count(*) from runs where state = 'running') as running,
      (select count(*) from inbox where state = 'waiting') as waiting,
      (select count(*) from lanes) as lanes,
      (select head_seq from talk_sessions where id = ${talk.id}) as head,
      (select coalesce(jsonb_agg(seq order by seq), '[]') from messages) as seqs,
      (select count(*) from inbox where (state = 'taken') <> (run_id is not null)) as stray`.execute(db);
  const { running, waiting, lanes, head, seqs, stray } = rows[0]!;
  expect(running).toBeLessThanOrEqual(1);
  expect(stray).toBe(0);
  expect(seqs).toEqual(Array.from({ length: head }, (_, index) => index + 1));
  if (running + waiting > 0) expect(lanes).toBe(1);
}

/** What holds when nothing is left to do. */
async function expectAllDone(db: Kysely<Schema>, talk: Talk): Promise<void> {
  const { rows } = await sql<{ message_id: MessageId; state: string; run_state: string | null; merged: number }>`
    select b.message_id, b.state, r.state as run_state,
      (select count(*) from messages m where m.message_id = b.message_id) as merged
    from inbox b left join runs r on r.session_id = b.session_id and r.id = b.run_id
    where b.session_id = ${talk.id} order by b.arrival_no`.execute(db);
  for (const row of rows) {
    const ended = row.run_state === "completed" || row.run_state === "cancelled";
    expect([row.state, ended, row.merged]).toEqual(
      row.state === "taken" ? ["taken", true, 1] : ["withdrawn", false, 0],
    );
  }
  const history = await sql<{ message_id: MessageId }>`
    select message_id from messages where role = 'user' order by seq`.execute(db);
  const taken = rows.filter((row) => row.state === "taken").map((row) => row.message_id);
  expect(history.rows.map((row) => row.message_id)).toEqual(taken);
  expect(await db.selectFrom("lanes").selectAll().execute()).toEqual([]);
}
