import { textOf } from "../../src/agent/message.ts";
import { sql } from "kysely";
import { Client } from "pg";
import { describe, expect, test } from "vitest";
import { newId, type SessionId } from "../../src/ids.ts";
import { changeWaiting } from "../../src/store/change-waiting.ts";
import { deleteSession } from "../../src/store/delete-session.ts";
import { acceptKnown, arrivalsAfter, recordUpdate, withdrawArrivals, withdrawWaiting } from "../../src/store/inbox.ts";
import { readHint } from "../../src/store/notify.ts";
import type { Db, Trx } from "../../src/store/schema.ts";
import { lockSession } from "../../src/store/session-reach.ts";
import { onPostgres, storeEngines } from "../support/store-engines.ts";
import {
  accept,
  BOT,
  laneRows,
  ME,
  newChat,
  newTalk,
  openTransaction,
  OTHER,
  say,
  sayIn,
  startRun,
  untilBlocked,
} from "./arrange.ts";

const arrivalNumbers = async (db: Db, session: SessionId) =>
  (await arrivalsAfter(db, session, 0)).map((row) => row.arrivalNo);
const texts = async (db: Db, session: SessionId) => (await arrivalsAfter(db, session, 0)).map((row) => textOf(row));

storeEngines((store) => {
  describe("accepting", () => {
    test("numbers the messages of each session in the order they are given, on from the last", async () => {
      const [a, b] = [await newTalk(store.db), await newTalk(store.db)];
      await accept(store.db, say(a, "a1"), say(b, "b1"), say(a, "a2"), say(a, "a3"));
      await accept(store.db, say(b, "b2"), say(a, "a4"));
      expect(await texts(store.db, a.id)).toEqual(["a1", "a2", "a3", "a4"]);
      expect(await arrivalNumbers(store.db, a.id)).toEqual([1, 2, 3, 4]);
      expect(await texts(store.db, b.id)).toEqual(["b1", "b2"]);
      expect(await arrivalNumbers(store.db, b.id)).toEqual([1, 2]);
    });

    test("answers in the order of its input, whatever the keys and sessions", async () => {
      const talks = await Promise.all([1, 2, 3].map(() => newTalk(store.db)));
      const messages = [9, 3, 7, 1, 5].map((n) => say(talks[n % 3]!, "x", `${n}`));
      const arrivals = await accept(store.db, ...messages);
      expect(arrivals).toEqual(
        messages.map(({ messageId, session }) => ({ outcome: "stored", messageId, sessionId: session!.id })),
      );
    });

    test("fault-22: knows a repeat by account and key, and answers with the message it made the first time", async () => {
      const talk = await newTalk(store.db);
      const first = say(talk, "once", "key");
      await accept(store.db, first);
      const again = await accept(store.db, say(talk, "new"), { ...first, messageId: newId("msg") });
      expect(again).toMatchObject([
        { outcome: "stored" },
        { outcome: "repeat", messageId: first.messageId, sessionId: talk.id },
      ]);
      expect(await texts(store.db, talk.id)).toEqual(["once", "new"]);
      expect(await arrivalNumbers(store.db, talk.id)).toEqual([1, 2]);
      expect(await laneRows(store.db)).toMatchObject([{ arrivals: 2 }]);
    });

    test("takes the same key of another account as another message", async () => {
      const talk = await newTalk(store.db);
      const message = say(talk, "a", "key");
      const other = { ...say(talk, "b", "key"), account: BOT };
      expect(await accept(store.db, message, other)).toMatchObject([{ outcome: "stored" }, { outcome: "stored" }]);
    });

    test("does not know a session of someone else, or none at all", async () => {
      const talk = await newTalk(store.db);
      const stranger = { ...talk, userId: newId("usr") };
      const missing = { id: newId("ses"), userId: talk.userId };
      const arrivals = await accept(store.db, say(stranger), say(missing), say(talk));
      expect(arrivals.map(({ outcome, sessionId }) => [outcome, sessionId])).toEqual([
        ["unknown", null],
        ["unknown", null],
        ["stored", talk.id],
      ]);
      expect(await arrivalNumbers(store.db, talk.id)).toEqual([1]);
    });

    test("knows a place by account, chat and thread, and takes only approved senders unless it is open", async () => {
      const chat = await newChat(store.db);
      const topic = await newChat(store.db, { chat: chat.chat, thread: "5", sender: chat.sender });
      const closed = await newChat(store.db, { approved: false });
      const open = sayIn(closed);
      open.place!.open = true;
      const nobody = sayIn({ ...chat, sender: "unknown" });
      nobody.place!.open = true;
      const arrivals = await accept(
        store.db,
        sayIn(chat),
        sayIn(topic),
        sayIn(closed),
        open,
        nobody,
        sayIn({ ...chat, thread: "6" }),
      );
      expect(arrivals.map(({ outcome, sessionId }) => [outcome, sessionId])).toEqual([
        ["stored", chat.sessionId],
        ["stored", topic.sessionId],
        ["unknown", null],
        ["stored", closed.sessionId],
        ["unknown", null],
        ["unknown", null],
      ]);
    });

    test("keeps who wrote it where several people talk", async () => {
      const group = await newChat(store.db, { kind: "group", chat: "g", sender: "7" });
      const alone = await newChat(store.db);
      await accept(store.db, sayIn(group), sayIn(alone));
      expect(await arrivalsAfter(store.db, group.sessionId, 0)).toMatchObject([{ author: { id: "7", name: "Ann" } }]);
      expect(await arrivalsAfter(store.db, alone.sessionId, 0)).toMatchObject([{ author: null }]);
    });

    test("wakes one lane per session and counts what arrived", async () => {
      const [a, b] = [await newTalk(store.db), await newTalk(store.db)];
      await accept(store.db, say(a), say(b), say(a));
      await accept(store.db, say(a));
      const lanes = new Map((await laneRows(store.db)).map((lane) => [lane.session_id, lane.arrivals]));
      expect(lanes).toEqual(
        new Map([
          [a.id, 3],
          [b.id, 1],
        ]),
      );
    });

    test("brings a lane that waits for more forward", async () => {
      const talk = await newTalk(store.db);
      await accept(store.db, say(talk));
      await sql`update lanes set ready_at = now() + interval '1 minute'`.execute(store.db);
      await accept(store.db, say(talk));
      expect((await laneRows(store.db))[0]!.readyInMs).toBeLessThanOrEqual(0);
    });

    test("security-10: keeps any text: NUL and lone surrogates are replaced, everything else is as it was", async () => {
      const talk = await newTalk(store.db);
      const odd = ["a\0b", "\ud83d", "x\udc00y", '\\u0000 \\ " \n', "👍🏽", "\uffff", "'; drop table inbox; --"];
      const arrivals = await accept(store.db, ...odd.map((text, n) => say(talk, text, `k\0${n}\ud800`)));
      expect(arrivals.every((arrival) => arrival.outcome === "stored")).toBe(true);
      expect(await texts(store.db, talk.id)).toEqual([
        "a\ufffdb",
        "\ufffd",
        "x\ufffdy",
        '\\u0000 \\ " \n',
        "👍🏽",
        "\uffff",
        "'; drop table inbox; --",
      ]);
      expect(await accept(store.db, say(talk, "again", "k\x000\ud800"))).toMatchObject([
        { outcome: "repeat", messageId: arrivals[0]!.messageId },
      ]);
    });

    test("takes 200 messages of 200 sessions at once", async () => {
      const talks = await Promise.all(Array.from({ length: 200 }, () => newTalk(store.db)));
      const arrivals = await accept(store.db, ...talks.map((talk) => say(talk, "x".repeat(1000))));
      expect(arrivals.filter((arrival) => arrival.outcome === "stored")).toHaveLength(200);
      expect(await laneRows(store.db)).toHaveLength(200);
    });
  });

  test("an update without a message is recorded once", async () => {
    const update = { account: BOT, key: "5", messageId: newId("msg"), state: "handled" as const };
    expect(await recordUpdate(store.db, update)).toBe(true);
    expect(await recordUpdate(store.db, { ...update, messageId: newId("msg"), state: "failed" })).toBe(false);
    expect(await recordUpdate(store.db, { ...update, key: "6" })).toBe(true);
  });

  test("an edit replaces the text of a message that waits, not of one that a run has taken", async () => {
    const chat = await newChat(store.db);
    const message = sayIn(chat, "before");
    await accept(store.db, message);
    const id = message.place!.chatMessageId;
    const at = { account: BOT, chat: chat.chat, session: chat.sessionId, awaited: true };
    await changeWaiting(store.db, { ...at, chatMessageId: id }, "after\0");
    expect(await texts(store.db, chat.sessionId)).toEqual(["after\ufffd"]);
    await changeWaiting(store.db, { ...at, chatMessageId: "another" }, "x");
    expect(await texts(store.db, chat.sessionId)).toEqual(["after\ufffd"]);
    await startRun(store.db);
    await changeWaiting(store.db, { ...at, chatMessageId: id }, "too late");
    expect(await texts(store.db, chat.sessionId)).toEqual(["after\ufffd"]);
  });

  test("an edit leaves what came with the message as it is", async () => {
    const chat = await newChat(store.db);
    const context = { type: "context", kind: "reply", author: "Bob", text: "seen?" } as const;
    const file = { type: "file", kind: "image", name: "", mediaType: "", size: 1, ref: "f" } as const;
    const message = { ...sayIn(chat), parts: [context, { type: "text" as const, text: "before" }, file] };
    await accept(store.db, message);
    const at = {
      account: BOT,
      chat: chat.chat,
      session: chat.sessionId,
      awaited: true,
      chatMessageId: message.place!.chatMessageId,
    };
    const parts = async () => (await arrivalsAfter(store.db, chat.sessionId, 0))[0]!.parts;
    await changeWaiting(store.db, at, "after");
    expect(await parts()).toEqual([context, { type: "text", text: "after" }, file]);
    await changeWaiting(store.db, at, "");
    expect(await parts()).toEqual([context, file]);
  });

  test("an edit that comes before its message changes it when it comes, a deletion withdraws it", async () => {
    const chat = await newChat(store.db);
    const [edited, deleted, other] = [sayIn(chat, "before"), sayIn(chat, "gone"), sayIn(chat, "as it was")];
    const at = { account: BOT, chat: chat.chat, session: chat.sessionId, awaited: true };
    await changeWaiting(store.db, { ...at, chatMessageId: edited.place!.chatMessageId }, "first");
    await changeWaiting(store.db, { ...at, chatMessageId: edited.place!.chatMessageId }, "after");
    await changeWaiting(store.db, { ...at, session: null, chatMessageId: deleted.place!.chatMessageId }, null);
    await changeWaiting(store.db, { ...at, awaited: false, chatMessageId: other.place!.chatMessageId }, "among people");
    expect(
      await store.db.selectFrom("early_edits").select("parts").where("chat", "=", chat.chat).execute(),
    ).toHaveLength(2);
    await accept(store.db, edited, deleted, other);
    expect(await texts(store.db, chat.sessionId)).toEqual(["after", "as it was"]);
    const rows = await store.db
      .selectFrom("inbox")
      .select("state")
      .where("session_id", "=", chat.sessionId)
      .orderBy("arrival_no")
      .execute();
    expect(rows.map(({ state }) => state)).toEqual(["waiting", "withdrawn", "waiting"]);
  });

  test("what waits can be withdrawn, all or by number; what was taken stays taken", async () => {
    const talk = await newTalk(store.db);
    await accept(store.db, say(talk));
    const run = await startRun(store.db);
    await accept(store.db, say(talk), say(talk), say(talk));
    await withdrawArrivals(store.db, talk.id, []);
    await withdrawArrivals(store.db, talk.id, [1, 2]);
    expect(await withdrawWaiting(store.db, talk.id)).toHaveLength(2);
    expect(await withdrawWaiting(store.db, talk.id)).toEqual([]);
    const rows = await store.db.selectFrom("inbox").select(["state", "run_id"]).orderBy("arrival_no").execute();
    expect(rows.map((row) => row.state)).toEqual(["taken", "withdrawn", "withdrawn", "withdrawn"]);
    expect(rows.map((row) => row.run_id)).toEqual([run.id, null, null, null]);
    expect(await arrivalNumbers(store.db, talk.id)).toEqual([1]);
  });

  test("arrivals are read on from a number, 200 at a time", async () => {
    const talk = await newTalk(store.db);
    for (let batch = 0; batch < 2; batch += 1) {
      await accept(store.db, ...Array.from({ length: 150 }, () => say(talk)));
    }
    expect((await arrivalNumbers(store.db, talk.id)).at(-1)).toBe(200);
    expect((await arrivalsAfter(store.db, talk.id, 200)).map((row) => row.arrivalNo)).toEqual(
      Array.from({ length: 100 }, (_, n) => 201 + n),
    );
  });
});

onPostgres((store) => {
  test("a message that meets the end of its session is no repeat, so it goes to the session that is open there then", async () => {
    const chat = await newChat(store.db);
    const deleting = openTransaction(store.db, async (trx) => {
      await lockSession(trx as Trx, { reach: { kind: "all" }, user: null }, chat.sessionId);
      await deleteSession(trx as Trx, chat.sessionId);
    });
    await deleting.begun;
    const message = sayIn(chat);
    const arriving = accept(store.db, message);
    await untilBlocked(store.db);
    await deleting.end();
    expect(await arriving).toEqual([{ outcome: "unknown", messageId: message.messageId, sessionId: null }]);
    expect(await accept(store.db, message)).toMatchObject([{ outcome: "stored" }]);
  });

  test("fault-22: the same key on two connections at once is stored once, and both are told the same message", async () => {
    const talk = await newTalk(store.db);
    const first = say(talk, "hi", "key");
    const second = { ...say(talk, "hi", "key"), messageId: newId("msg") };
    const transaction = openTransaction(store.db, (trx) => acceptKnown(trx, [first], ME));
    await transaction.begun;
    const late = acceptKnown(store.db, [second, say(talk, "other")], OTHER);
    await untilBlocked(store.db);
    await transaction.end();
    expect(await late).toMatchObject([
      { outcome: "repeat", messageId: first.messageId, sessionId: talk.id },
      { outcome: "stored" },
    ]);
    expect(await texts(store.db, talk.id)).toEqual(["hi", "other"]);
    expect(await laneRows(store.db)).toMatchObject([{ arrivals: 2 }]);
  });

  test("many batches over the same sessions in any order block nobody for good and leave no gap", async () => {
    const talks = await Promise.all(Array.from({ length: 12 }, () => newTalk(store.db)));
    let rounds = 0;
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let round = 0; round < 25; round += 1) {
        const order = talks.toSorted(() => Math.random() - 0.5).slice(0, 6);
        // Not tried again: a dead-lock would reject.
        const arrivals = await accept(store.db, ...order.map((talk, n) => say(talk, "x", `${writer} ${round} ${n}`)));
        expect(arrivals.every((arrival) => arrival.outcome === "stored")).toBe(true);
        rounds += 1;
      }
    });
    await Promise.all(writers);
    expect(rounds).toBe(200);
    for (const talk of talks) {
      const { rows } = await sql<{ n: number }>`
        select arrival_no as n from inbox where session_id = ${talk.id} order by 1`.execute(store.db);
      expect(rows.map(({ n }) => n)).toEqual(rows.map((_, index) => index + 1));
    }
  });

  test("the hint of a full batch names every session and fits into a notification", async () => {
    const listener = new Client({ connectionString: store.url });
    await listener.connect();
    const { promise: heard, resolve: hear } = Promise.withResolvers<string>();
    listener.on("notification", ({ payload }) => hear(payload ?? ""));
    await listener.query("listen parley");
    const talks = await Promise.all(Array.from({ length: 200 }, () => newTalk(store.db)));
    await accept(store.db, ...talks.map((talk) => say(talk)));
    const payload = await heard;
    expect(Buffer.byteLength(payload)).toBeLessThan(8_000);
    expect(readHint(payload, OTHER).toSorted()).toEqual(talks.map((talk) => talk.id).toSorted());
    expect(readHint(payload, ME)).toEqual([]);
    await listener.end();
  });
});
