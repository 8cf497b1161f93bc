import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { accountId, newId, type UserId } from "../../src/ids.ts";
import { markChatGone, moveChat, openSessionAt, upsertPlace } from "../../src/store/places.ts";
import type { Db } from "../../src/store/schema.ts";
import { findSession, insertSession, listSessions, stopSession } from "../../src/store/talk-sessions.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { storeEngines } from "../support/store-engines.ts";
import { accept, BOT, newChat, newTalk, say, sayIn } from "./arrange.ts";

/** Where a chat's messages go; undefined = it is no place. */
const at = (db: Db, chat: string, thread = "", account = BOT) =>
  db
    .selectFrom("places")
    .select(["id", "kind", "user_id as userId", "session_id as sessionId"])
    .where("account_id", "=", account)
    .where("chat", "=", chat)
    .where("thread", "=", thread)
    .executeTakeFirst();

storeEngines((store) => {
  describe("a place", () => {
    test("is made with its session once; a private one stands for the person", async () => {
      const person = newId("usr");
      const incoming = { kind: "private", chat: "7", thread: "", title: "Ann\0" } as const;
      const made = await withTransaction(store.db, (trx) => upsertPlace(trx, BOT, incoming, person, "demo"));
      expect(made).toMatchObject({ account: BOT, chat: "7", thread: "", kind: "private", userId: person });
      expect(await upsertPlace(store.db, BOT, { ...incoming, title: "Anna" }, person, "other")).toEqual(made);
      expect(made).toMatchObject((await at(store.db, "7"))!);
      expect(await findSession(store.db, person, made.sessionId)).toMatchObject({ agent: "demo", placeId: made.id });
    });

    test("with several people stands for a user of its own", async () => {
      const group = await newChat(store.db, { kind: "group", chat: "-5", sender: "7" });
      const users = await store.db.selectFrom("users").select(["id", "kind"]).execute();
      expect(users.find((user) => user.id === group.userId)).toMatchObject({ kind: "place" });
      expect(users).toHaveLength(2);
    });

    test("is another one in another thread or account", async () => {
      const [a, b] = [
        await newChat(store.db, { chat: "7" }),
        await newChat(store.db, { chat: "7", thread: "2", sender: "7" }),
      ];
      expect(a.userId).toBe(b.userId);
      expect(new Set([a.id, b.id, a.sessionId, b.sessionId]).size).toBe(4);
      expect(await at(store.db, "7", "3")).toBeUndefined();
      expect(await at(store.db, "7", "", accountId("telegram", "2"))).toBeUndefined();
    });

    test("takes what comes later into the session that was opened there last", async () => {
      const chat = await newChat(store.db);
      await accept(store.db, sayIn(chat, "old"));
      const session = newId("ses");
      await insertSession(store.db, { id: session, userId: chat.userId, agent: "demo", placeId: chat.id });
      await openSessionAt(store.db, chat.id, session);
      expect(await accept(store.db, sayIn(chat, "new"))).toMatchObject([{ sessionId: session }]);
      expect(await at(store.db, chat.chat)).toMatchObject({ sessionId: session });
    });

    test("fault-19: follows its chat to a new id, with threads and sessions, however often it is told", async () => {
      const chat = await newChat(store.db, { chat: "-5", kind: "group", sender: "7" });
      const topic = await newChat(store.db, { chat: "-5", kind: "group", thread: "2", sender: "7" });
      for (let n = 0; n < 2; n += 1) await moveChat(store.db, BOT, "-5", "-1005");
      await moveChat(store.db, BOT, "-1005", "-1005");
      expect(await at(store.db, "-5")).toBeUndefined();
      expect(await at(store.db, "-1005")).toMatchObject({ id: chat.id, sessionId: chat.sessionId });
      expect(await at(store.db, "-1005", "2")).toMatchObject({ id: topic.id, sessionId: topic.sessionId });
    });

    describe("fault-19: whose new address was heard from before the move", () => {
      const known = (where: Awaited<ReturnType<typeof newChat>>) =>
        listSessions(store.db, where.userId, { limit: 10, place: where.id }).then((all) => all.map(({ id }) => id));

      test("goes on with its talk there, and lists what was begun meanwhile", async () => {
        const old = await newChat(store.db, { chat: "-5", kind: "group", sender: "7" });
        const early = await newChat(store.db, { chat: "-1005", kind: "group", sender: "7" });
        await accept(store.db, sayIn(early, "too early"));
        for (let n = 0; n < 2; n += 1) await moveChat(store.db, BOT, "-5", "-1005");
        expect(await at(store.db, "-5")).toBeUndefined();
        expect(await at(store.db, "-1005")).toMatchObject({ id: early.id, sessionId: old.sessionId });
        expect((await known(early)).toSorted()).toEqual([old.sessionId, early.sessionId].toSorted());
        expect(await accept(store.db, sayIn(early))).toMatchObject([{ sessionId: old.sessionId }]);
      });

      test("keeps the talk that has history there by then, and lists its old one", async () => {
        const old = await newChat(store.db, { chat: "-5", kind: "group", sender: "7" });
        const later = await newChat(store.db, { chat: "-1005", kind: "group", sender: "7" });
        await store.db.updateTable("talk_sessions").set({ head_seq: 2 }).where("id", "=", later.sessionId).execute();
        await moveChat(store.db, BOT, "-5", "-1005");
        expect(await at(store.db, "-1005")).toMatchObject({ id: later.id, sessionId: later.sessionId });
        expect((await known(later)).toSorted()).toEqual([old.sessionId, later.sessionId].toSorted());
      });
    });

    test("is gone until somebody is there again", async () => {
      const chat = await newChat(store.db);
      const goneAt = async () =>
        (await store.db.selectFrom("places").select("gone_at").where("id", "=", chat.id).executeTakeFirstOrThrow())
          .gone_at;
      await markChatGone(store.db, BOT, chat.chat, true);
      expect(await goneAt()).toBeInstanceOf(Date);
      const { kind, thread } = chat;
      await upsertPlace(store.db, BOT, { kind, chat: chat.chat, thread, title: "" }, chat.userId, "demo");
      expect(await goneAt()).toBeNull();
      await markChatGone(store.db, BOT, chat.chat, true);
      await markChatGone(store.db, BOT, chat.chat, false);
      expect(await goneAt()).toBeNull();
    });
  });

  describe("sessions", () => {
    test("security-16: are found by their user only", async () => {
      const talk = await newTalk(store.db);
      expect(await findSession(store.db, talk.userId, talk.id)).toMatchObject({ id: talk.id, title: "", headSeq: 0 });
      expect(await findSession(store.db, newId("usr"), talk.id)).toBeNull();
      expect(await findSession(store.db, talk.userId, newId("ses"))).toBeNull();
    });

    test("are made once, however often they are asked for: the first answer may have been lost", async () => {
      const talk = { id: newId("ses"), userId: newId("usr"), agent: "demo", placeId: null };
      await insertSession(store.db, { ...talk, title: "first" });
      await insertSession(store.db, talk);
      expect(await findSession(store.db, talk.userId, talk.id)).toMatchObject({ title: "first" });
    });

    test("are listed last used first, page by page, of one place if asked", async () => {
      const userId: UserId = newId("usr");
      const talks = [await newTalk(store.db, userId), await newTalk(store.db, userId), await newTalk(store.db, userId)];
      await newTalk(store.db);
      for (const [age, talk] of talks.entries()) {
        await sql`update talk_sessions set updated_at = now() - ${3 - age} * interval '1 minute' where id = ${talk.id}`.execute(
          store.db,
        );
      }
      await accept(store.db, say(talks[1]!));
      const all = await listSessions(store.db, userId, { limit: 10 });
      expect(all.map((session) => session.id)).toEqual([talks[1]!.id, talks[2]!.id, talks[0]!.id]);
      const [first] = await listSessions(store.db, userId, { limit: 1 });
      const rest = await listSessions(store.db, userId, { limit: 10, before: first!.updatedAt });
      expect(rest.map((session) => session.id)).toEqual([talks[2]!.id, talks[0]!.id]);
      expect(await listSessions(store.db, userId, { limit: 10, place: newId("plc") })).toEqual([]);
    });

    test("are stopped up to what has arrived", async () => {
      const talk = await newTalk(store.db);
      await accept(store.db, say(talk), say(talk));
      await stopSession(store.db, talk.id);
      await accept(store.db, say(talk));
      const row = await store.db
        .selectFrom("talk_sessions")
        .selectAll()
        .where("id", "=", talk.id)
        .executeTakeFirstOrThrow();
      expect([row.arrival_no, row.stop_through]).toEqual([3, 2]);
    });
  });
});
