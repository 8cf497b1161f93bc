import { expect, test } from "vitest";
import { pauseRun } from "../../src/store/approvals.ts";
import { findIdentity } from "../../src/store/identities.ts";
import { openLane } from "../../src/store/lanes.ts";
import { stopRun } from "../../src/store/list-runs.ts";
import { noteQueued, runLevels, steerInto } from "../../src/store/run-levels.ts";
import { insertRuns, mergeRun } from "../../src/store/runs.ts";
import type { Db, Trx } from "../../src/store/schema.ts";
import { stopOwn, stopSession } from "../../src/store/talk-sessions.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { setBlocked } from "../../src/store/users.ts";
import { onPostgres, storeEngines } from "../support/store-engines.ts";
import {
  accept,
  BOT,
  claimAll,
  laneRows,
  ME,
  mergeOf,
  newChat,
  newTalk,
  openTransaction,
  runOn,
  say,
  sayIn,
  startRun,
  type StartedRun,
  untilBlocked,
} from "./arrange.ts";

const fateOfInputs = async (db: Db) =>
  (await db.selectFrom("inbox").select("state").execute()).map(({ state }) => state);

/** Leaves a run to people for ten minutes. */
const pause = (db: Db, run: StartedRun) =>
  pauseRun(db as Trx, { ...run, moreWaits: false }, [], 10, [], { target: null, pages: [] });

storeEngines((store) => {
  test("what comes after a stop does not join the run that was stopped", async () => {
    const talk = await newTalk(store.db);
    await accept(store.db, say(talk));
    const run = { ...(await startRun(store.db)), attempt: 1 };
    await accept(store.db, say(talk));
    expect(await steerInto(store.db, run)).toBe(1);
    await stopSession(store.db, talk.id);
    await accept(store.db, say(talk));
    expect(await steerInto(store.db, run)).toBe(0);
  });

  test("people are to be told of what has waited for a second in their chat, once", async () => {
    const chat = await newChat(store.db);
    await accept(store.db, sayIn(chat));
    const run = { ...(await startRun(store.db)), attempt: 1 };
    const level = async () => (await runLevels(store.db, [run]))[0];
    expect(await level()).toMatchObject({ waits: false, untold: false });
    await accept(store.db, sayIn(chat), say({ id: chat.sessionId, userId: chat.userId }));
    expect(await level()).toMatchObject({ waits: true, untold: false });
    await store.db
      .updateTable("inbox")
      .set({ received_at: new Date(Date.now() - 60_000) })
      .execute();
    expect(await level()).toMatchObject({ waits: true, untold: true });
    expect(await noteQueued(store.db, run)).toMatchObject({ language: "" });
    // What came over the API is nobody's message in a chat.
    expect(await level()).toMatchObject({ waits: true, untold: false });
  });

  /** Ann's and Bob's answers in a group, side by side. */
  async function sideBySide() {
    const ann = await newChat(store.db, { kind: "group", chat: "g", sender: "1" });
    const bob = await newChat(store.db, { kind: "group", chat: "g", sender: "2" });
    const begin = async (place: typeof ann) => {
      await accept(store.db, sayIn(place));
      const [lane] = await claimAll(store.db);
      const { run, inputs } = runOn(lane!);
      const { id, lane: claimed, inputThrough, target, firstPage } = run;
      const of = { agent: "demo", policy: "parallel", language: "", authors: [place.sender], queuedAt: new Date() };
      await insertRuns(store.db, ME, [{ ...of, id, lane: claimed, inputThrough, target, inputs, firstPage }]);
      await openLane(store.db, place.sessionId);
      return run;
    };
    const runs = [await begin(ann), await begin(bob)];
    const stopped = async () => {
      const levels = await runLevels(store.db, runs);
      return runs.map(({ id }) => levels.find((level) => level.id === id)!.stopped);
    };
    return { runs, stopped };
  }

  test("of answers side by side the one of whoever is blocked ends, and what they asked does not come back", async () => {
    const { runs, stopped } = await sideBySide();
    const bob = await findIdentity(store.db, "telegram", "2");
    const blocked = await withTransaction(store.db, (trx) => setBlocked(trx, bob!.userId, true));
    expect(blocked?.stopped).toEqual([runs[1]!.session]);
    expect(await stopped()).toEqual([false, true]);
    await mergeRun(store.db, mergeOf(runs[1]!, { state: "cancelled", endReason: "interrupt", returnInputs: true }));
    expect((await fateOfInputs(store.db)).toSorted()).toEqual(["taken", "withdrawn"]);
  });

  test("of answers side by side the one ends whose button is pressed", async () => {
    const { runs, stopped } = await sideBySide();
    const [, { id, target }] = runs as [StartedRun, StartedRun];
    const at = { account: BOT, chat: target!.chat, thread: "", run: id };
    expect(await stopOwn(store.db, at, { senderId: "1", userId: null })).toEqual([]);
    expect(await stopOwn(store.db, at, { senderId: "2", userId: null })).toEqual([runs[1]!.session]);
    expect(await stopped()).toEqual([false, true]);
  });

  test("a run that was told to end is not left to people", async () => {
    const talk = await newTalk(store.db);
    await accept(store.db, say(talk));
    const run = await startRun(store.db);
    await withTransaction(store.db, (trx) => stopRun(trx, talk.id, run.id));
    expect(await withTransaction(store.db, (trx) => pause(trx, run))).toBe("stopped");
  });
});

onPostgres((store) => {
  test("a run that is told to end while it is left to people is looked at again at once", async () => {
    const talk = await newTalk(store.db);
    await accept(store.db, say(talk));
    const run = await startRun(store.db);
    const pausing = openTransaction(store.db, (trx) => pause(trx, run));
    expect(await pausing.begun).toBe("waits");
    const stopping = withTransaction(store.db, (trx) => stopRun(trx, talk.id, run.id));
    await untilBlocked(store.db);
    await pausing.end();
    expect(await stopping).toEqual({ over: false });
    const [lane] = await laneRows(store.db);
    expect(lane!.owner).toBeNull();
    expect(lane!.readyInMs).toBeLessThanOrEqual(0);
  });
});
