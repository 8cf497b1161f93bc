import { expect, test } from "vitest";
import { pauseRun } from "../../src/store/approvals.ts";
import { stopRun } from "../../src/store/list-runs.ts";
import { noteQueued, runLevels, steerInto } from "../../src/store/run-levels.ts";
import type { Db, Trx } from "../../src/store/schema.ts";
import { stopSession } from "../../src/store/talk-sessions.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { onPostgres, storeEngines } from "../support/store-engines.ts";
import {
  accept,
  laneRows,
  newChat,
  newTalk,
  openTransaction,
  say,
  sayIn,
  startRun,
  type StartedRun,
  untilBlocked,
} from "./arrange.ts";

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
