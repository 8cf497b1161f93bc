import { sql } from "kysely";
import { beforeEach, describe, expect, test } from "vitest";
import { accountId, newId, type OutboxId } from "../../src/ids.ts";
import { claimDuePages, claimPages, insertReply, type Receipt, recordReceipts } from "../../src/store/outbox.ts";
import { listTrouble } from "../../src/store/troubled-pages.ts";
import { renewLeases } from "../../src/store/lanes.ts";
import { blockChat, moveChat } from "../../src/store/places.ts";
import { mergeRun } from "../../src/store/runs.ts";
import { onPostgres, storeEngines } from "../support/store-engines.ts";
import {
  accept,
  HERE,
  idsOf,
  reply,
  BOT,
  claimAll,
  expireLeases,
  hurryOutbox,
  ME,
  mergeOf,
  newChat,
  OTHER,
  outboxRow,
  outboxRows,
  pageOf,
  sayIn,
  startRun,
} from "./arrange.ts";

storeEngines((store) => {
  const take = async (limit = 50, replica = ME) => idsOf(await claimDuePages(store.db, replica, limit));
  const receive = (receipt: Receipt, replica = ME) => recordReceipts(store.db, replica, [receipt]);

  describe("due pages", () => {
    test("are posted one at a time in order within a chat and thread", async () => {
      const pages = [await reply(store.db), await reply(store.db), await reply(store.db)];
      const elsewhere = [
        await reply(store.db, { ...HERE, thread: "2" }),
        await reply(store.db, { ...HERE, chat: "d" }),
      ];
      expect((await take()).toSorted()).toEqual([pages[0]!, ...elsewhere].toSorted());
      expect(await take()).toEqual([]);
      await receive({ id: pages[0]!, kind: "done", messageId: "m" });
      expect(await take()).toEqual([pages[1]]);
      await receive({ id: pages[1]!, kind: "again", dueInMs: 60_000, error: "later" });
      expect(await take()).toEqual([]);
      expect(idsOf(await claimPages(store.db, ME, pages))).toEqual([]);
      await hurryOutbox(store.db);
      expect(idsOf(await claimPages(store.db, ME, pages))).toEqual([pages[1]]);
      await receive({ id: pages[1]!, kind: "failed", error: "refused" });
      expect(await take()).toEqual([pages[2]]);
    });

    test("that were made in one statement go in the order of their pages", async () => {
      await accept(store.db, sayIn(await newChat(store.db)));
      const run = await startRun(store.db);
      const pages = [run.firstPage!, newId("out"), newId("out"), newId("out")];
      await mergeRun(store.db, mergeOf(run, { pages: pages.map((id, page) => pageOf(id, page)) }));
      for (const page of pages) {
        expect(await take()).toEqual([page]);
        await receive({ id: page, kind: "done", messageId: "m" });
      }
    });

    test("that edit or remove a message wait for no post", async () => {
      const first = await reply(store.db);
      const [edited, removed] = [await reply(store.db), await reply(store.db)];
      await store.db.updateTable("outbox").set({ state: "sent", message_id: "m" }).where("id", "=", edited).execute();
      await store.db
        .updateTable("outbox")
        .set({ state: "sent", message_id: "n", remove: true })
        .where("id", "=", removed)
        .execute();
      expect((await take()).toSorted()).toEqual([first, edited, removed].toSorted());
    });

    test("are claimed by one replica only, up to the limit, and what it tries is counted", async () => {
      for (const chat of ["a", "b", "c"]) await reply(store.db, { ...HERE, chat });
      const mine = await claimDuePages(store.db, ME, 2);
      const theirs = await claimDuePages(store.db, OTHER, 2);
      expect([mine.length, theirs.length]).toEqual([2, 1]);
      expect(mine[0]).toMatchObject({ state: "sending", tries: 1, session_id: null, age_ms: expect.any(Number) });
    });

    test("of a dead replica: posts are uncertain and never claimed again, edits are done by another", async () => {
      const post = await reply(store.db);
      const edit = await reply(store.db, { ...HERE, chat: "d" });
      await store.db.updateTable("outbox").set({ state: "sent", message_id: "m" }).where("id", "=", edit).execute();
      expect(await take()).toHaveLength(2);
      await expireLeases(store.db);
      expect(await take(5, OTHER)).toEqual([edit]);
      expect(await outboxRow(store.db, post)).toMatchObject({ state: "uncertain", due: false, owner: null });
      await hurryOutbox(store.db);
      await expireLeases(store.db);
      expect(await take(5, OTHER)).toEqual([edit]);
      expect(idsOf(await claimPages(store.db, OTHER, [post]))).toEqual([]);
      expect(await listTrouble(store.db, { limit: 5 })).toMatchObject([{ id: post, state: "uncertain" }]);
    });

    test("of a dead replica are taken as doubtful where posts can be found again, and left to those who can", async () => {
      const post = await reply(store.db);
      await take();
      await expireLeases(store.db);
      const elsewhere = { id: accountId("slack", "T1"), marks: true };
      expect(await claimDuePages(store.db, OTHER, 5, [elsewhere])).toEqual([]);
      expect(await outboxRow(store.db, post)).toMatchObject({ state: "sending" });
      const here = [elsewhere, { id: BOT, marks: true }];
      expect(await claimDuePages(store.db, OTHER, 5, here)).toMatchObject([{ id: post, doubtful: true }]);
      expect(await claimDuePages(store.db, ME, 5, here)).toEqual([]);
      await receive({ id: post, kind: "done", messageId: "m" }, OTHER);
      expect(await outboxRow(store.db, post)).toMatchObject({ state: "sent", message_id: "m", due: false });
    });

    test("that are being posted for long are kept by their replica's renewals", async () => {
      const post = await reply(store.db);
      await take();
      await expireLeases(store.db);
      await renewLeases(store.db, ME, [], [post]);
      expect(await take(5, OTHER)).toEqual([]);
      expect(await outboxRow(store.db, post)).toMatchObject({ state: "sending", owner: ME });
    });

    test("that wait for an uncertain post go on", async () => {
      const [post, next] = [await reply(store.db), await reply(store.db)];
      await take();
      await receive({ id: post, kind: "uncertain", error: "timed out" });
      expect(await take()).toEqual([next]);
    });
  });

  describe("a receipt", () => {
    let post: OutboxId;
    beforeEach(async () => {
      post = await reply(store.db);
      await take();
    });

    test.each([
      [
        { kind: "done", messageId: "m" },
        { state: "sent", message_id: "m", due: false, owner: null },
      ],
      [
        { kind: "again", dueInMs: 5_000, error: "x\0" },
        { state: "planned", message_id: null, due: true, error: "x\ufffd" },
      ],
      [{ kind: "repost" }, { state: "planned", message_id: null, due: true }],
      [{ kind: "thread_gone" }, { state: "planned", due: true, thread: "" }],
      [
        { kind: "uncertain", error: "x" },
        { state: "uncertain", due: false, error: "x" },
      ],
      [
        { kind: "failed", error: "e".repeat(600) },
        { state: "failed", due: false, error: "e".repeat(500) },
      ],
    ] as const)("$kind of a post", async (receipt, row) => {
      await receive({ id: post, ...receipt });
      expect(await outboxRow(store.db, post)).toMatchObject(row);
    });

    test.each([
      [
        { kind: "done", messageId: null },
        { state: "sent", message_id: "m", due: false },
      ],
      [
        { kind: "again", dueInMs: 5_000, error: "x" },
        { state: "sent", message_id: "m", due: true },
      ],
      [{ kind: "repost" }, { state: "planned", message_id: null, due: true }],
      [
        { kind: "failed", error: "x" },
        { state: "failed", message_id: "m", due: false },
      ],
    ] as const)("$kind of an edit", async (receipt, row) => {
      await receive({ id: post, kind: "done", messageId: "m" });
      await store.db.updateTable("outbox").set({ due_at: new Date() }).execute();
      await take();
      await receive({ id: post, ...receipt });
      expect(await outboxRow(store.db, post)).toMatchObject(row);
    });

    test("of someone who does not own the page changes nothing", async () => {
      await receive({ id: post, kind: "done", messageId: "m" }, OTHER);
      expect(await outboxRow(store.db, post)).toMatchObject({ state: "sending", owner: ME, message_id: null });
    });

    test("that comes late clears up an uncertain post: it is there, or certainly not", async () => {
      await expireLeases(store.db);
      await take(5, OTHER);
      await receive({ id: post, kind: "again", dueInMs: 0, error: "refused" });
      expect(await take(5, OTHER)).toEqual([post]);
      await expireLeases(store.db);
      await take();
      expect(await outboxRow(store.db, post)).toMatchObject({ state: "uncertain" });
      await receive({ id: post, kind: "done", messageId: "m" }, OTHER);
      expect(await outboxRow(store.db, post)).toMatchObject({ state: "sent", message_id: "m", due: false });
    });

    test("may come with many others", async () => {
      const pages = await Promise.all(["x", "y", "z"].map((chat) => reply(store.db, { ...HERE, chat })));
      await take();
      const receipts = pages.map((id): Receipt => ({ id, kind: "done", messageId: `m ${id}` }));
      await recordReceipts(store.db, ME, receipts);
      for (const id of pages) expect(await outboxRow(store.db, id)).toMatchObject({ message_id: `m ${id}` });
      await recordReceipts(store.db, ME, []);
    });
  });

  describe("a chat", () => {
    test("fault-16: that is blocked gets nothing before its time, also what comes later, and other chats do", async () => {
      const chat = await newChat(store.db, { chat: "c" });
      await newChat(store.db, { chat: "c", thread: "5" });
      const before = await reply(store.db);
      await blockChat(store.db, BOT, "c", 60_000);
      const [after, topic, other] = [
        await reply(store.db),
        await reply(store.db, { ...HERE, thread: "5" }),
        await reply(store.db, { ...HERE, chat: "d" }),
      ];
      expect(await take()).toEqual([other]);
      expect(idsOf(await claimPages(store.db, ME, [before, after, topic]))).toEqual([]);
      await accept(store.db, sayIn(chat));
      expect((await claimAll(store.db))[0]!.place!.blocked_ms).toBeGreaterThan(Date.now() + 50_000);
      await store.db.updateTable("places").set({ blocked_until: null }).execute();
      await hurryOutbox(store.db);
      expect((await take()).toSorted()).toEqual([before, topic].toSorted());
    });

    test("that is blocked again for less keeps what is due later", async () => {
      await newChat(store.db, { chat: "c" });
      const page = await reply(store.db);
      await store.db
        .updateTable("outbox")
        .set({ due_at: sql<Date>`now() + interval '1 hour'` })
        .execute();
      await blockChat(store.db, BOT, "c", 1_000);
      const { rows } = await sql<{ s: number }>`
        select extract(epoch from due_at - now())::float8 as s from outbox where id = ${page}`.execute(store.db);
      expect(rows[0]!.s).toBeGreaterThan(3_500);
    });

    test("fault-19: that moved takes what is to be shown with it, in order", async () => {
      const pages = [await reply(store.db), await reply(store.db)];
      const shown = await reply(store.db);
      await store.db.updateTable("outbox").set({ due_at: null, state: "sent" }).where("id", "=", shown).execute();
      const elsewhere = await reply(store.db, { ...HERE, account: "telegram:2" as typeof BOT });
      await moveChat(store.db, BOT, "c", "-100");
      expect((await outboxRows(store.db)).filter((row) => row.chat === "-100").map((row) => row.id)).toEqual(pages);
      expect((await take()).toSorted()).toEqual([pages[0]!, elsewhere].toSorted());
    });

    test.each([
      ["with other messages there posts anew what was to be edited, and removes nothing", false],
      ["with its messages goes on with them", true],
    ])("fault-19: that moved %s", async (_name, sameMessages) => {
      const [edit, removal] = [await reply(store.db), await reply(store.db)];
      const sent = { state: "sent", message_id: "5", reply_to: "4", due_at: new Date() } as const;
      await store.db.updateTable("outbox").set(sent).execute();
      await store.db.updateTable("outbox").set({ remove: true }).where("id", "=", removal).execute();
      await moveChat(store.db, BOT, "c", "-100", sameMessages);
      const columns = ["id", "state", "message_id", "reply_to"] as const;
      const due = await store.db.selectFrom("outbox").select(columns).where("due_at", "is not", null).execute();
      const anew = [{ id: edit, state: "planned", message_id: null, reply_to: null }];
      const same = [edit, removal].map((id) => ({ id, state: "sent", message_id: "5", reply_to: "4" }));
      expect(due.toSorted((a, b) => (a.id === edit ? -1 : b.id === edit ? 1 : 0))).toEqual(sameMessages ? same : anew);
    });
  });
});

onPostgres((store) => {
  test("replicas that claim, receive, renew, block and move at once neither double a page nor block each other", async () => {
    const CHATS = ["a", "b", "c", "d"];
    for (const chat of CHATS) await newChat(store.db, { chat });
    for (let n = 0; n < 40; n += 1) {
      const target = { ...HERE, chat: CHATS[n % 4]! };
      await insertReply(store.db, { id: newId("out"), session: null, target, content: { text: `${n}` } });
    }
    const shown: { id: OutboxId; chat: string; text: string }[] = [];
    const dispatcher = async (replica: typeof ME) => {
      while (shown.length < 40) {
        const pages = await claimDuePages(store.db, replica, 10);
        shown.push(...pages.map(({ id, chat, content }) => ({ id, chat, text: content!.text })));
        const receipts = pages
          .toSorted(() => Math.random() - 0.5)
          .map(({ id }): Receipt => ({ id, kind: "done", messageId: id }));
        await recordReceipts(store.db, replica, receipts);
      }
    };
    const disturb = async () => {
      while (shown.length < 40) {
        await renewLeases(store.db, ME, []);
        await blockChat(store.db, BOT, CHATS[Math.floor(Math.random() * 4)]!, 0);
        await moveChat(store.db, BOT, "nobody", "nowhere");
      }
    };
    await Promise.all([dispatcher(ME), dispatcher(OTHER), dispatcher(newId("rep")), disturb(), disturb()]);
    expect(new Set(shown.map((page) => page.id)).size).toBe(40);
    for (const chat of CHATS) {
      const numbers = shown.filter((page) => page.chat === chat).map((page) => Number(page.text));
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
  });
});
