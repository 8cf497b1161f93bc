import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { newId, type ReplicaId, type UserId } from "../../src/ids.ts";
import {
  type ClaimedLane,
  claimLanes,
  deleteLane,
  laneBacklog,
  readLanes,
  releaseLane,
  renewLeases,
} from "../../src/store/lanes.ts";
import { withdrawWaiting } from "../../src/store/inbox.ts";
import { blockChat } from "../../src/store/places.ts";
import { appendEvents } from "../../src/store/run-events.ts";
import { insertRuns, runInputs } from "../../src/store/runs.ts";
import type { Db } from "../../src/store/schema.ts";
import { stopSession } from "../../src/store/talk-sessions.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { onPostgres, storeEngines } from "../support/store-engines.ts";
import {
  accept,
  BOT,
  claimAll,
  expireLeases,
  laneRows,
  ME,
  newChat,
  newTalk,
  openTransaction,
  OTHER,
  runOn,
  say,
  sayIn,
  signal,
  startRun,
  startRuns,
  type Talk,
  untilBlocked,
} from "./arrange.ts";
import { planOf, rowsRead } from "./plans.ts";

/** Sessions of one user with a message each, the first ready longest. */
async function readyTalks(db: Db, count: number, userId: UserId = newId("usr")): Promise<Talk[]> {
  const talks: Talk[] = [];
  for (let n = 0; n < count; n += 1) {
    const talk = await newTalk(db, userId);
    await accept(db, say(talk));
    talks.push(talk);
  }
  return talks;
}

const ids = (lanes: { session_id: string }[]) => lanes.map((lane) => lane.session_id).toSorted();
const idsOf = (talks: Talk[]) => talks.map((talk) => talk.id).toSorted();

storeEngines((store) => {
  describe("a claim", () => {
    test("takes the lanes that have waited longest, as many as there are slots", async () => {
      const talks = [...(await readyTalks(store.db, 1)), ...(await readyTalks(store.db, 1))];
      await readyTalks(store.db, 1);
      expect(ids(await claimLanes(store.db, ME, 2, false))).toEqual(idsOf(talks));
      expect(await claimLanes(store.db, ME, 10, false)).toHaveLength(1);
      expect(await claimLanes(store.db, ME, 10, true)).toEqual([]);
    });

    test("is fair: a user's second lane waits for every other user's first", async () => {
      const busy = await readyTalks(store.db, 5);
      const [late] = await readyTalks(store.db, 1);
      expect(ids(await claimLanes(store.db, ME, 2, false))).toEqual(idsOf([busy[0]!, late!]));
      const [later] = await readyTalks(store.db, 1);
      // The busy user has one lane at work already.
      expect(ids(await claimLanes(store.db, ME, 1, false))).toEqual([later!.id]);
      expect(ids(await claimLanes(store.db, ME, 1, false))).toEqual([busy[1]!.id]);
    });

    test("is fair also where one user has more ready lanes than a claim looks at", async () => {
      const userId = newId("usr");
      await sql`insert into lanes (session_id, lane, user_id, ready_at)
        select 'ses_' || n, 0, ${userId}, now() - interval '1 minute' from generate_series(1, 1500) n`.execute(
        store.db,
      );
      const [late] = await readyTalks(store.db, 1);
      expect(ids(await claimLanes(store.db, ME, 2, false))).toContain(late!.id);
    });

    test("costs no more for a user who has very many lanes", async () => {
      const userId = newId("usr");
      await sql`insert into lanes (session_id, lane, user_id, ready_at)
        select 'ses_' || n, 0, ${userId}, now() - interval '1 minute' from generate_series(1, 5000) n`.execute(
        store.db,
      );
      await sql`analyze lanes`.execute(store.db);
      const plan = await planOf(store.db, (db) => claimLanes(db, ME, 10, true));
      // Every lane of the user a few times, not once for each that is looked at.
      expect(rowsRead(plan)).toBeLessThan(50_000);
    });

    test("leaves a lane alone until it is ready", async () => {
      const [talk] = await readyTalks(store.db, 1);
      const [lane] = await claimLanes(store.db, ME, 1, false);
      await releaseLane(store.db, lane!, 60_000);
      expect((await laneRows(store.db))[0]!.readyInMs).toBeGreaterThan(59_000);
      expect(await claimLanes(store.db, ME, 1, true)).toEqual([]);
      await accept(store.db, say(talk!));
      expect(await claimLanes(store.db, ME, 1, false)).toHaveLength(1);
    });

    test("takes a lane over when its lease has run out, and only if it may", async () => {
      await readyTalks(store.db, 1);
      const [mine] = await claimLanes(store.db, ME, 1, false);
      expect(await claimLanes(store.db, OTHER, 1, true)).toEqual([]);
      await expireLeases(store.db);
      expect(await claimLanes(store.db, OTHER, 1, false)).toEqual([]);
      const [theirs] = await claimLanes(store.db, OTHER, 1, true);
      expect(theirs).toEqual({ ...mine, lease_no: mine!.lease_no + 1 });
    });
  });

  describe("a lease", () => {
    test("is renewed for its own number and owner, and the answer tells which", async () => {
      await readyTalks(store.db, 3);
      const lanes = await claimLanes(store.db, ME, 3, false);
      const [stale, kept, foreign] = lanes as [ClaimedLane, ClaimedLane, ClaimedLane];
      await expireLeases(store.db);
      const renew = async (who: ReplicaId, which: ClaimedLane[]) => (await renewLeases(store.db, who, which)).kept;
      expect(await renew(ME, [kept])).toEqual([kept]);
      const taken = await claimLanes(store.db, OTHER, 3, true);
      expect(ids(taken)).toEqual(ids([stale, foreign]));
      expect(await renew(ME, lanes)).toEqual([kept]);
      const newer = taken.map((lane) => ({ ...lane }));
      expect(await renew(ME, newer)).toEqual([]);
      expect(ids(await renew(OTHER, taken))).toEqual(ids(taken));
      expect(await renew(ME, [])).toEqual([]);
    });

    test("that was lost releases and deletes nothing", async () => {
      await readyTalks(store.db, 1);
      const [mine] = await claimLanes(store.db, ME, 1, false);
      await expireLeases(store.db);
      await claimLanes(store.db, OTHER, 1, true);
      await releaseLane(store.db, mine!, 0);
      expect(await deleteLane(store.db, mine!, 1)).toBe(false);
      expect(await laneRows(store.db)).toMatchObject([{ owner: OTHER }]);
    });
  });

  describe("a lane", () => {
    test("shows the session, its place, what waits, and no run", async () => {
      const chat = await newChat(store.db, { kind: "group", chat: "g", sender: "7" });
      await blockChat(store.db, BOT, "g", 60_000);
      await accept(store.db, sayIn(chat, "one"), sayIn(chat, "two"));
      const [lane] = await claimAll(store.db);
      expect(lane).toMatchObject({
        session_id: chat.sessionId,
        lane: 0,
        arrivals: 2,
        user_id: chat.userId,
        agent: "demo",
        stop_through: 0,
        run: null,
        place: { id: chat.id, account_id: BOT, chat: "g", thread: "", kind: "group" },
        waiting: [
          { arrival_no: 1, author: { id: "7", name: "Ann" }, parts: [{ type: "text", text: "one" }] },
          { arrival_no: 2, account_id: BOT },
        ],
      });
      expect(lane!.place!.blocked_ms! - lane!.now_ms).toBeGreaterThan(55_000);
      expect(Math.abs(lane!.now_ms - lane!.waiting[0]!.received_ms)).toBeLessThan(60_000);
    });

    test("shows its run with attempt, authors and target", async () => {
      const chat = await newChat(store.db);
      await accept(store.db, sayIn(chat));
      const run = await startRun(store.db);
      await accept(store.db, sayIn(chat));
      await expireLeases(store.db);
      const [lane] = await claimAll(store.db, OTHER, true);
      expect(lane).toMatchObject({
        arrivals: 2,
        run: { id: run.id, attempt: 1, crashes: 0, input_through: 1, authors: [], reply_target: run.target },
        waiting: [{ arrival_no: 2 }],
      });
    });

    test("shows when its run last did something, however long that is under way", async () => {
      await accept(store.db, say(await newTalk(store.db)));
      const run = await startRun(store.db);
      const events = [
        { n: 1, type: "run.started", data: {} },
        { n: 2, type: "text.delta", data: { text: "x" } },
      ];
      await sql`update runs set started_at = now() - interval '20 minutes'`.execute(store.db);
      const aliveAgo = async () => {
        await expireLeases(store.db);
        const [lane] = await claimAll(store.db, OTHER, true);
        return Math.round((lane!.now_ms - lane!.run!.alive_ms) / 60_000);
      };
      expect(await aliveAgo()).toBe(20);
      await appendEvents(store.db, [{ session: run.session, run: run.id, attempt: 1, events }]);
      await sql`update run_events set created_at = now() - n * interval '5 minutes'`.execute(store.db);
      expect(await aliveAgo()).toBe(10);
      await sql`delete from run_events where n = 2`.execute(store.db);
      expect(await aliveAgo()).toBe(5);
    });

    test("shows at most 200 of what waits, the oldest", async () => {
      const talk = await newTalk(store.db);
      await accept(store.db, ...Array.from({ length: 150 }, () => say(talk)));
      await accept(store.db, ...Array.from({ length: 150 }, () => say(talk)));
      const [lane] = await claimAll(store.db);
      expect(lane!.waiting.map((input) => input.arrival_no)).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
    });

    test("is deleted only when nothing arrived since it was read", async () => {
      const [talk] = await readyTalks(store.db, 1);
      const [lane] = await claimAll(store.db);
      await accept(store.db, say(talk!));
      expect(await deleteLane(store.db, lane!, lane!.arrivals)).toBe(false);
      expect(await deleteLane(store.db, lane!, lane!.arrivals + 1)).toBe(true);
      expect(await laneRows(store.db)).toEqual([]);
    });
  });

  test("the backlog counts ready lanes that nobody works on", async () => {
    expect(await laneBacklog(store.db)).toEqual({ waiting: 0, oldestMs: 0 });
    await readyTalks(store.db, 3);
    await claimLanes(store.db, ME, 1, false);
    expect((await laneBacklog(store.db)).waiting).toBe(2);
  });

  test("a run takes its inputs in order of arrival, and no other", async () => {
    const [a, b] = [await newTalk(store.db), await newTalk(store.db)];
    await accept(store.db, say(a, "1"), say(b, "x"), say(a, "2"), say(a, "3"));
    const runs = await startRuns(store.db);
    await accept(store.db, say(a, "4"));
    const run = runs.find((each) => each.session === a.id)!;
    const inputs = await runInputs(store.db, a.id, run.id);
    expect(inputs.map(({ message }) => message.parts)).toEqual(["1", "2", "3"].map((text) => [{ type: "text", text }]));
  });
});

onPostgres((store) => {
  test("two claimers never get the same lane, and share what is ready", async () => {
    const talks = await readyTalks(store.db, 40);
    const first = openTransaction(store.db, (trx) => claimLanes(trx, ME, 10, false));
    const mine = await first.begun;
    const theirs = await claimLanes(store.db, OTHER, 10, false);
    await first.end();
    expect([mine.length, theirs.length]).toEqual([10, 10]);
    const both = ids([...mine, ...theirs]);
    expect(new Set(both).size).toBe(20);
    expect(idsOf(talks)).toEqual(expect.arrayContaining(both));
  });

  test("no lane is claimed twice by ten claimers at once", async () => {
    const talks = (await Promise.all(Array.from({ length: 30 }, () => readyTalks(store.db, 2)))).flat();
    const claimed: ClaimedLane[] = [];
    const claimers = Array.from({ length: 10 }, async () => {
      const replica = newId("rep");
      for (;;) {
        const lanes = await claimLanes(store.db, replica, 4, true);
        claimed.push(...lanes);
        if (claimed.length >= talks.length) return;
      }
    });
    await Promise.all(claimers);
    expect(ids(claimed)).toEqual(idsOf(talks));
    expect(claimed.every((lane) => lane.lease_no === 1)).toBe(true);
  });

  test("no wake-up is lost: what is accepted between the look and the deletion keeps the lane", async () => {
    const [talk] = await readyTalks(store.db, 1);
    const [lane] = await claimAll(store.db);
    const accepting = openTransaction(store.db, (trx) => accept(trx, say(talk!)));
    await accepting.begun;
    const deleting = deleteLane(store.db, lane!, lane!.arrivals);
    await untilBlocked(store.db);
    await accepting.end();
    expect(await deleting).toBe(false);
    await releaseLane(store.db, lane!, 0);
    expect((await claimAll(store.db))[0]!.waiting).toHaveLength(2);
  });

  test("what is accepted while the lane is being deleted gets a lane of its own", async () => {
    const [talk] = await readyTalks(store.db, 1);
    const [lane] = await claimAll(store.db);
    const deleting = openTransaction(store.db, (trx) => deleteLane(trx, lane!, lane!.arrivals));
    expect(await deleting.begun).toBe(true);
    const accepting = accept(store.db, say(talk!));
    await untilBlocked(store.db);
    await deleting.end();
    expect(await accepting).toMatchObject([{ outcome: "stored" }]);
    expect(await laneRows(store.db)).toMatchObject([{ arrivals: 1, owner: null }]);
  });

  test("a stop between the look and the start of a run: the run does not begin with what was withdrawn", async () => {
    const [talk] = await readyTalks(store.db, 1);
    const looked = signal();
    const stopped = signal();
    let rounds = 0;
    const claiming = withTransaction(store.db, async (trx) => {
      rounds += 1;
      const [lane] = await readLanes(trx, await claimLanes(trx, ME, 1, false));
      looked.give();
      await stopped.given;
      if (lane!.waiting.length === 0) return deleteLane(trx, lane!, lane!.arrivals);
      const { run, inputs } = runOn(lane!);
      const { id, inputThrough } = run;
      const bound = { authors: [], target: null, queuedAt: new Date(), firstPage: null };
      await insertRuns(trx, ME, [
        { ...bound, id, lane: run.lane, agent: "demo", policy: "interrupt", language: "", inputThrough, inputs },
      ]);
      return false;
    });
    await looked.given;
    await withTransaction(store.db, async (trx) => {
      await stopSession(trx, talk!.id);
      expect(await withdrawWaiting(trx, talk!.id)).toHaveLength(1);
    });
    stopped.give();
    expect(await claiming).toBe(true);
    expect(rounds).toBe(2);
    expect(await store.db.selectFrom("runs").selectAll().execute()).toEqual([]);
    expect(await laneRows(store.db)).toEqual([]);
  });

  test("renewals and accepts of the same sessions in any order do not block each other", async () => {
    const talks = await readyTalks(store.db, 30);
    const lanes = await claimLanes(store.db, ME, 30, false);
    const accepts = Array.from({ length: 3 }, async () => {
      for (let round = 0; round < 60; round += 1) {
        await accept(store.db, ...talks.toSorted(() => Math.random() - 0.5).map((talk) => say(talk)));
      }
    });
    const renewals = Array.from({ length: 3 }, async () => {
      for (let round = 0; round < 120; round += 1) {
        const { kept } = await renewLeases(
          store.db,
          ME,
          lanes.toSorted(() => Math.random() - 0.5),
        );
        expect(kept).toHaveLength(30);
      }
    });
    await Promise.all([...accepts, ...renewals]);
  });
});
