import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { newId, type UserId } from "../../src/ids.ts";
import { findIdentity, upsertIdentity } from "../../src/store/identities.ts";
import {
  countFailedTry,
  currentUser,
  failedTries,
  findOffer,
  heldIdentities,
  holdIdentities,
  joinUser,
  type Linked,
  offerLink,
  partUser,
  useOffer,
  type Who,
} from "../../src/store/links.ts";
import { RETENTION_DAYS } from "../../src/agent/retention.ts";
import { deleteStale } from "../../src/store/housekeeping.ts";
import { findPlace, upsertPlace } from "../../src/store/places.ts";
import type { LinkChat } from "../../src/store/link-chats.ts";
import type { Trx } from "../../src/store/schema.ts";
import { findSession, insertSession } from "../../src/store/talk-sessions.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { onPostgres, storeEngines, type TestStore } from "../support/store-engines.ts";
import { BOT, newChat, newTalk } from "./arrange.ts";

const chat: LinkChat = {
  target: { account: BOT, chat: "7", thread: "", replyTo: null, placeKind: "private" },
  language: "de",
};
const ann: Who = { platform: "telegram", externalId: "7" };
const bob: Who = { platform: "telegram", externalId: "8" };

/** Joins the one to the other as a code does. */
async function join(trx: Trx, joining: Who, to: Who): Promise<void> {
  await offerLink(trx, to, { hash: "code", chat, ttlMs: 1_000 });
  const held = await holdIdentities(trx, joining, "code");
  const [mine, theirs] = [await one(trx, joining, held), await one(trx, to, held)];
  await joinUser(trx, mine, theirs.userId, { here: chat, there: chat, with: to });
}

async function one(trx: Trx, who: Who, held: Who[]): Promise<Linked> {
  const { userId } = (await findIdentity(trx, who.platform, who.externalId))!;
  return (await heldIdentities(trx, userId, held)).find(({ externalId }) => externalId === who.externalId)!;
}

async function userOf({ db }: TestStore, who: Who) {
  return (await findIdentity(db, who.platform, who.externalId))!.userId;
}

storeEngines((store) => {
  test("an identity joins another user with its places and sessions, and leaves with them", async () => {
    const { db } = store;
    const [anns, bobs] = [await newChat(db, { chat: "7" }), await newChat(db, { chat: "8" })];
    const group = await newChat(db, { kind: "group", chat: "-1", sender: "8" });
    const ofApi = await newTalk(db, bobs.userId);
    await withTransaction(db, (trx) => join(trx, bob, ann));
    expect(await userOf(store, bob)).toBe(anns.userId);
    expect(await currentUser(db, bobs.userId)).toBe(anns.userId);
    for (const session of [anns.sessionId, bobs.sessionId, ofApi.id]) {
      expect(await findSession(db, anns.userId, session)).not.toBeNull();
      expect(await findSession(db, bobs.userId, session)).toBeNull();
    }
    expect((await findPlace(db, BOT, group))!.userId).toBe(group.userId);
    const since = newId("ses");
    await insertSession(db, { id: since, userId: anns.userId, agent: "demo", placeId: bobs.id });
    const { own } = await upsertIdentity(db, "telegram", "8", "Bob");
    const where = { kind: "private", chat: "8", thread: "1", title: "" } as const;
    const newer = await upsertPlace(db, BOT, where, anns.userId, "demo", own);
    await withTransaction(db, (trx) => partUser(trx, anns.userId, bobs.userId));
    expect(await findIdentity(db, "telegram", "8")).toMatchObject({ userId: bobs.userId, own: null });
    expect(await currentUser(db, bobs.userId)).toBe(bobs.userId);
    for (const session of [bobs.sessionId, ofApi.id, since, newer.sessionId]) {
      expect(await findSession(db, bobs.userId, session)).not.toBeNull();
    }
    expect(await findSession(db, anns.userId, anns.sessionId)).not.toBeNull();
    for (const place of [bobs, newer]) expect((await findPlace(db, BOT, place))!.userId).toBe(bobs.userId);
  });

  test("what somebody has said of answers is theirs under both names, and goes with them", async () => {
    const { db } = store;
    await sql`delete from feedback`.execute(db);
    const [anns, bobs] = [await newChat(db, { chat: "7" }), await newChat(db, { chat: "8" })];
    const say = async (author: UserId, target: string, id = newId("fb")) =>
      void (await sql`
        insert into feedback (id, target, key, author, user_id, source, rating)
        values (${id}, ${target}, 'k', ${author}, ${author}, 'telegram', 1)`.execute(db));
    await say(bobs.userId, "his");
    await say(bobs.userId, "both");
    await say(anns.userId, "both");
    const rows = async () =>
      (
        await sql<{ row: string }>`
          select concat_ws(' ', target, user_id, author) as row from feedback order by 1`.execute(db)
      ).rows.map(({ row }) => row.replaceAll(anns.userId, "ann").replaceAll(bobs.userId, "bob"));
    await withTransaction(db, (trx) => join(trx, bob, ann));
    expect((await rows()).toSorted()).toEqual(["both ann ann", "both ann bob", "his ann ann"]);
    await withTransaction(db, (trx) => partUser(trx, anns.userId, bobs.userId));
    expect((await rows()).toSorted()).toEqual(["both ann ann", "both bob bob", "his bob bob"]);
  });

  test("a code is the newest of its maker, for its time, until it is used", async () => {
    const { userId } = await upsertIdentity(store.db, "telegram", "7", "Ann");
    await withTransaction(store.db, async (trx) => {
      await offerLink(trx, ann, { hash: "old", chat, ttlMs: 60_000 });
      await offerLink(trx, ann, { hash: "new", chat, ttlMs: 60_000 });
      expect(await findOffer(trx, "old")).toBeNull();
      expect(await findOffer(trx, "new")).toEqual({ maker: { ...ann, userId }, chat });
      await useOffer(trx, "new");
      expect(await findOffer(trx, "new")).toBeNull();
      await offerLink(trx, ann, { hash: "over", chat, ttlMs: -1 });
      expect(await findOffer(trx, "over")).toBeNull();
    });
  });

  test("wrong tries count for an hour from the first, each person's own", async () => {
    const { db } = store;
    const count = (who: Who) => withTransaction(db, (trx) => failedTries(trx, who));
    for (let n = 0; n < 3; n++) await withTransaction(db, (trx) => countFailedTry(trx, ann));
    expect([await count(ann), await count(bob)]).toEqual([3, 0]);
    await db
      .updateTable("link_tries")
      .set({ since: new Date(Date.now() - 3_601_000) })
      .execute();
    expect(await count(ann)).toBe(0);
    await withTransaction(db, (trx) => countFailedTry(trx, ann));
    expect(await count(ann)).toBe(1);
  });

  test("housekeeping takes codes and tries away a day after they are over", async () => {
    const { db } = store;
    await withTransaction(db, async (trx) => {
      await offerLink(trx, ann, { hash: "a", chat, ttlMs: -86_500_000 });
      await offerLink(trx, bob, { hash: "b", chat, ttlMs: -1_000 });
      await countFailedTry(trx, ann);
    });
    expect(await deleteStale(db, RETENTION_DAYS)).toBe(1);
    await db
      .updateTable("link_tries")
      .set({ since: new Date(Date.now() - 86_500_000) })
      .execute();
    expect(await deleteStale(db, RETENTION_DAYS)).toBe(1);
    expect(await db.selectFrom("link_codes").select("hash").execute()).toEqual([{ hash: "b" }]);
  });
});

onPostgres((store) => {
  describe("while a link is being made", () => {
    /** Runs `other` once the link has locked its people, and commits only when `other` waits for that. */
    async function during<T>(other: (trx: Trx) => Promise<T>): Promise<T> {
      const { db } = store;
      const held = Promise.withResolvers<void>();
      const go = Promise.withResolvers<void>();
      const linking = withTransaction(db, async (trx) => {
        await join(trx, bob, ann);
        held.resolve();
        await go.promise;
      });
      await held.promise;
      const result = withTransaction(db, other);
      await waits(db);
      go.resolve();
      await linking;
      return result;
    }

    async function waits(db: TestStore["db"]): Promise<void> {
      const look = sql`
        select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      for (let n = 0; (await look.execute(db)).rows.length === 0; n++) {
        if (n > 500) throw new Error("nobody waits");
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }

    test("a session over the API waits for it, and is the new user's", async () => {
      const [{ userId }, { userId: bobs }] = [
        await newChat(store.db, { chat: "7" }),
        await newChat(store.db, { chat: "8" }),
      ];
      expect(await during((trx) => currentUser(trx, bobs, true))).toBe(userId);
    });

    test("a place that is made waits for it, and is the new user's", async () => {
      const [{ userId }] = [await newChat(store.db, { chat: "7" }), await newChat(store.db, { chat: "8" })];
      expect((await during((trx) => upsertIdentity(trx, "telegram", "8", "Bob"))).userId).toBe(userId);
    });

    test("another link that holds less than it must by now begins anew", async () => {
      const [{ userId }] = [await newChat(store.db, { chat: "7" }), await newChat(store.db, { chat: "8" })];
      let tries = 0;
      const found = await during(async (trx) => {
        tries += 1;
        const held = await holdIdentities(trx, ann, "");
        return heldIdentities(trx, userId, held);
      });
      expect([found.map(({ externalId }) => externalId), tries]).toEqual([["7", "8"], 2]);
    });
  });
});
