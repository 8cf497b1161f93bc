import { changeWaiting } from "../../src/store/change-waiting.ts";
import { runsToEnd } from "./arrange.ts";
import { expect, test } from "vitest";
import { accountId, newId, type SessionId } from "../../src/ids.ts";
import { holdIntake, leaveIntake } from "../../src/store/accounts.ts";
import { approvePairing, findIdentity, pairingFor, upsertIdentity } from "../../src/store/identities.ts";
import { currentUser } from "../../src/store/links.ts";
import { acceptKnown, arrivalsAfter, recordUpdate, withdrawArrivals, withdrawWaiting } from "../../src/store/inbox.ts";
import { claimLanes, deleteLane, laneBacklog, readLanes, releaseLane, renewLeases } from "../../src/store/lanes.ts";
import { messagesAfter, windows } from "../../src/store/messages.ts";
import { migrationsFit } from "../../src/store/migrate.ts";
import { notifySessions } from "../../src/store/notify.ts";
import {
  claimDuePages,
  claimPages,
  insertReply,
  markSending,
  pagesOfRun,
  recordDraftFailure,
  recordDrafts,
  recordReceipts,
} from "../../src/store/outbox.ts";
import { listTrouble } from "../../src/store/troubled-pages.ts";
import { blockChat, markChatGone, moveChat, openSessionAt, upsertPlace } from "../../src/store/places.ts";
import { thisProcess } from "../../src/store/process-identity.ts";
import { RETENTION_DAYS } from "../../src/agent/retention.ts";
import { deleteStale } from "../../src/store/housekeeping.ts";
import { listReplicas, registerReplica, releaseReplicas } from "../../src/store/replicas.ts";
import { appendEvents, eventsAfter, eventsOfRun } from "../../src/store/run-events.ts";
import { handOverRun, insertRuns, mergeRun, runInputs, sessionActivity, takeOverRun } from "../../src/store/runs.ts";
import { joinPoint, runsSince } from "../../src/store/join-point.ts";
import type { RunTarget } from "../../src/store/schema.ts";
import { findSession, insertSession, listSessions, stopSession } from "../../src/store/talk-sessions.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { storeEngines } from "../support/store-engines.ts";

const account = accountId("telegram", "1");
const replica = newId("rep");

storeEngines((store) => {
  test("every statement runs", async () => {
    const { db } = store;
    await registerReplica(db, replica, thisProcess());
    await listReplicas(db);
    await holdIntake(db, { id: account, platform: "telegram" }, replica, 1000);
    await leaveIntake(db, account, replica);
    const stranger = { platform: "telegram", externalId: "7", name: "Ann" };
    const { code } = await pairingFor(db, stranger, "ABC", { ttlMs: 1000, tries: 5 });
    await pairingFor(db, stranger, "ABD", { ttlMs: 1000, tries: 5 });
    const approved = (await approvePairing(db, code))!;
    const person = await upsertIdentity(db, "telegram", "7", "Ann");
    expect(person).toEqual({ userId: approved.userId, own: null, approved: true, blocked: false });
    expect(await findIdentity(db, "telegram", "7")).toEqual(person);
    expect(await currentUser(db, person.userId)).toBe(person.userId);
    const incoming = { kind: "private", chat: "7", thread: "", title: "Ann" } as const;
    const place = await withTransaction(db, (trx) => upsertPlace(trx, account, incoming, person.userId, "demo"));
    await openSessionAt(db, place.id, place.sessionId);
    await blockChat(db, account, "7", 0);
    await markChatGone(db, account, "7", false);
    const api = newId("ses");
    await insertSession(db, { id: api, userId: person.userId, agent: "demo", placeId: null });
    expect(
      await listSessions(db, person.userId, { limit: 5, before: new Date(Date.now() + 1e6), place: place.id }),
    ).toHaveLength(1);
    expect(await findSession(db, person.userId, api)).toMatchObject({ headSeq: 0 });

    const message = (session: SessionId | null, key: string) => ({
      account,
      updateKey: key,
      messageId: newId("msg"),
      parts: [{ type: "text" as const, text: "hi" }],
      language: "",
      writtenAt: new Date(),
      session: session && { id: session, userId: person.userId },
      place: session
        ? null
        : {
            chat: "7",
            thread: "",
            platform: "telegram",
            senderId: "7",
            senderName: "Ann",
            authored: false,
            open: false,
            chatMessageId: "55",
            burst: null,
          },
    });
    const arrivals = await acceptKnown(
      db,
      [message(null, "1"), message(api, "2"), message(newId("ses"), "3")],
      replica,
    );
    expect(arrivals.map((arrival) => arrival.outcome)).toEqual(["stored", "stored", "unknown"]);
    expect(await acceptKnown(db, [message(null, "1")], replica)).toMatchObject([
      { outcome: "repeat", messageId: arrivals[0]!.messageId },
    ]);
    await recordUpdate(db, { account, key: "9", messageId: newId("msg"), state: "handled" });
    await changeWaiting(
      db,
      { account, chat: "7", session: place.sessionId, chatMessageId: "55", awaited: true },
      "hello",
    );
    expect(await arrivalsAfter(db, place.sessionId, 0)).toMatchObject([{ arrivalNo: 1, parts: [{ text: "hello" }] }]);
    await withdrawArrivals(db, api, [1]);
    expect(await withdrawWaiting(db, api)).toEqual([]);
    await notifySessions(db, replica, [api]);

    expect((await laneBacklog(db)).waiting).toBe(2);
    const target: RunTarget = { account, chat: "7", thread: "", replyTo: null, placeKind: "private" };
    const run = newId("run");
    const firstPage = newId("out");
    const lane = await withTransaction(db, async (trx) => {
      const lanes = await claimLanes(trx, replica, 5, false);
      expect(lanes).toHaveLength(2);
      const states = await readLanes(trx, lanes);
      const idle = states.find((state) => state.session_id === api)!;
      expect(await deleteLane(trx, idle, idle.arrivals)).toBe(true);
      const busy = states.find((state) => state.session_id === place.sessionId)!;
      await insertRuns(trx, replica, [
        {
          id: run,
          lane: busy,
          agent: "demo",
          policy: "interrupt",
          language: "",
          inputThrough: 1,
          authors: [],
          target,
          queuedAt: new Date(),
          inputs: [1],
          firstPage,
        },
      ]);
      return busy;
    });
    expect((await renewLeases(db, replica, [lane])).kept).toHaveLength(1);
    expect(await runInputs(db, place.sessionId, run)).toHaveLength(1);
    expect(await runsToEnd(db, [{ session: place.sessionId, id: run }])).toEqual([]);
    expect(await runsSince(db, place.sessionId, 0)).toHaveLength(1);
    expect(await joinPoint(db, place.sessionId)).toMatchObject({ open: [{ id: run, attempt: 1 }], arrivalNo: 0 });
    expect(await sessionActivity(db, place.sessionId)).toEqual({ running: true, asks: false, waiting: 0 });
    expect(await takeOverRun(db, replica, place.sessionId, run)).toBe(2);
    const events = [{ n: 1, type: "run.started", data: {} }];
    expect(await appendEvents(db, [{ session: place.sessionId, run, attempt: 2, events }])).toEqual(
      new Map([[run, 2]]),
    );
    expect(await eventsAfter(db, place.sessionId, run, { attempt: 0, n: 0 }, 10)).toHaveLength(1);
    expect(await eventsOfRun(db, place.sessionId, run)).toHaveLength(1);
    const draft = {
      id: firstPage,
      session: place.sessionId,
      run,
      attempt: 2,
      page: 0,
      target,
      content: { text: "Let me" },
    };
    expect(await markSending(db, [draft])).toEqual(new Set([firstPage]));
    await recordDraftFailure(db, firstPage, "no", "x");
    expect(await markSending(db, [draft])).toEqual(new Set([firstPage]));
    await recordDrafts(db, [{ id: firstPage, messageId: "66" }]);
    expect(await pagesOfRun(db, place.sessionId, run)).toMatchObject([{ message_id: "66", state: "sent" }]);
    await stopSession(db, api);
    expect(await handOverRun(db, { session: place.sessionId, id: run, attempt: 1, lane })).toBe(false);
    const page = {
      id: firstPage,
      messageId: null,
      page: 0,
      content: { text: "hi" },
      shown: false,
      remove: false,
      repeat: true,
    };
    const merged = await mergeRun(db, {
      session: place.sessionId,
      run,
      attempt: 2,
      lane,
      arrivals: lane.arrivals,
      keepLane: false,
      state: "completed",
      endReason: "stop",
      errorCode: null,
      block: [
        {
          messageId: newId("msg"),
          message: { role: "user", parts: [{ type: "text", text: "hi" }], status: "complete" },
        },
      ],
      title: "hi",
      events: [{ n: 2, type: "run.completed", data: {} }],
      target,
      pages: [page],
      usage: [],
      returnInputs: false,
      ratios: {},
    });
    expect(merged).toEqual({ kind: "merged", firstSeq: 1, laneGone: true });
    expect((await windows(db, [place.sessionId, api], 5)).get(place.sessionId)!.messages).toHaveLength(1);
    expect(await messagesAfter(db, place.sessionId, 0, 5)).toHaveLength(1);

    expect(await claimPages(db, replica, [firstPage])).toMatchObject([{ id: firstPage }]);
    await recordReceipts(db, replica, [{ id: firstPage, kind: "done", messageId: null }]);
    await insertReply(db, { id: newId("out"), session: null, target, content: { text: "x" } });
    expect(await claimDuePages(db, replica, 5)).toHaveLength(1);
    expect(await listTrouble(db, { limit: 5 })).toEqual([]);
    await moveChat(db, account, "7", "-1007");
    await releaseLane(db, lane, 10);
    await releaseReplicas(db, [replica]);
    await deleteStale(db, RETENTION_DAYS);
    expect(await migrationsFit(db)).toBe(true);
  });
});
