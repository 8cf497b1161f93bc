import { beforeEach, describe, expect, test } from "vitest";
import { newId } from "../../src/ids.ts";
import {
  claimDuePages,
  type DraftPost,
  markSending,
  pagesOfRun,
  recordDraftFailure,
  recordDrafts,
  recordReceipts,
  settleDraft,
} from "../../src/store/outbox.ts";
import { listTrouble } from "../../src/store/troubled-pages.ts";
import { mergeRun, takeOverRun } from "../../src/store/runs.ts";
import type { Db } from "../../src/store/schema.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { onPostgres, storeEngines } from "../support/store-engines.ts";
import {
  accept,
  reply,
  claimAll,
  expireLeases,
  ME,
  mergeOf,
  newChat,
  openTransaction,
  OTHER,
  outboxRow,
  pageOf,
  sayIn,
  startRun,
  type StartedRun,
  untilBlocked,
} from "./arrange.ts";

async function announce(db: Db, draft: DraftPost): Promise<boolean> {
  return (await markSending(db, [draft])).has(draft.id);
}

storeEngines((store) => {
  describe("a draft post", () => {
    let run: StartedRun;
    let draft: DraftPost;

    beforeEach(async () => {
      await accept(store.db, sayIn(await newChat(store.db, { kind: "group", chat: "g", sender: "7" })));
      run = await startRun(store.db);
      const { session, id, attempt } = run;
      draft = {
        id: run.firstPage!,
        session,
        run: id,
        attempt,
        page: 0,
        target: run.target!,
        content: { text: "Let me" },
      };
    });

    async function takeOver(): Promise<number> {
      await expireLeases(store.db);
      await claimAll(store.db, OTHER, true);
      return withTransaction(store.db, (trx) => takeOverRun(trx, OTHER, run.session, run.id));
    }

    test("may be announced again by its attempt, and a further page is a row of its own that replies to nothing", async () => {
      expect(await announce(store.db, draft)).toBe(true);
      expect(await announce(store.db, draft)).toBe(true);
      const second = { ...draft, id: newId("out"), page: 1 };
      expect(await announce(store.db, second)).toBe(true);
      const pages = await pagesOfRun(store.db, run.session, run.id);
      expect(pages).toMatchObject([
        { id: run.firstPage, page: 0, state: "sending", reply_to: run.target!.replyTo },
        { id: second.id, page: 1, state: "sending", reply_to: null },
      ]);
      await recordDrafts(store.db, [{ id: second.id, messageId: "m" }]);
      expect(await announce(store.db, second)).toBe(false);
    });

    test("of an attempt that is over, or of a run that has ended, is not announced", async () => {
      expect(await takeOver()).toBe(2);
      expect(await announce(store.db, draft)).toBe(false);
      expect(await outboxRow(store.db, draft.id)).toMatchObject({ state: "planned" });
      const second = { ...draft, attempt: 2 };
      expect(await announce(store.db, second)).toBe(true);
      await store.db.updateTable("runs").set({ state: "failed" }).execute();
      expect(await announce(store.db, { ...second, id: newId("out"), page: 1 })).toBe(false);
    });

    test("waits for older posts of its chat and thread, not for edits, drafts or other threads", async () => {
      const blocker = await reply(store.db, { ...run.target!, replyTo: null });
      expect(await announce(store.db, draft)).toBe(false);
      await claimDuePages(store.db, ME, 5);
      expect(await announce(store.db, draft)).toBe(false);
      await recordReceipts(store.db, ME, [{ id: blocker, kind: "done", messageId: "m" }]);
      await reply(store.db, { ...run.target!, thread: "9" });
      await reply(store.db, { ...run.target!, chat: "elsewhere" });
      await store.db.updateTable("outbox").set({ due_at: new Date() }).where("id", "=", blocker).execute();
      expect(await announce(store.db, draft)).toBe(true);
    });

    test("is announced together with others, each by its own right", async () => {
      const over = { ...draft, id: newId("out"), page: 1, attempt: 2 };
      const second = { ...draft, id: newId("out"), page: 1 };
      expect(await markSending(store.db, [over, draft, second])).toEqual(new Set([draft.id, second.id]));
      const rows = await pagesOfRun(store.db, run.session, run.id);
      expect(rows.map(({ id, state }) => [id, state])).toEqual([
        [draft.id, "sending"],
        [second.id, "sending"],
      ]);
    });

    test("that certainly failed may be tried again; one that may have been applied is listed", async () => {
      await announce(store.db, draft);
      await recordDraftFailure(store.db, draft.id, "no", "refused\0");
      expect(await announce(store.db, draft)).toBe(true);
      await recordDraftFailure(store.db, draft.id, "unknown", "timed out");
      expect(await announce(store.db, draft)).toBe(false);
      expect(await listTrouble(store.db, { limit: 5 })).toMatchObject([
        { id: draft.id, state: "uncertain", error: "timed out" },
      ]);
    });

    test("whose attempt was taken for dead and knows that it never posted is in doubt no more", async () => {
      await announce(store.db, draft);
      await takeOver();
      expect(await listTrouble(store.db, { limit: 5 })).toHaveLength(1);
      await recordDraftFailure(store.db, draft.id, "unknown", "timed out");
      expect(await listTrouble(store.db, { limit: 5 })).toHaveLength(1);
      await recordDraftFailure(store.db, draft.id, "no", "it was not its time");
      expect(await outboxRow(store.db, draft.id)).toMatchObject({ state: "uncertain", due: false });
      expect(await listTrouble(store.db, { limit: 5 })).toEqual([]);
    });

    test("whose attempt died in the middle is uncertain, and is removed if it turns out to be there", async () => {
      await announce(store.db, draft);
      await takeOver();
      expect(await outboxRow(store.db, draft.id)).toMatchObject({ state: "uncertain", due: false });
      await recordDrafts(store.db, [{ id: draft.id, messageId: "late" }]);
      expect(await outboxRow(store.db, draft.id)).toMatchObject({ message_id: "late", remove: true, due: true });
      expect(await claimDuePages(store.db, OTHER, 5)).toMatchObject([
        { id: draft.id, message_id: "late", remove: true },
      ]);
      await recordReceipts(store.db, OTHER, [{ id: draft.id, kind: "done", messageId: null }]);
      expect(await outboxRow(store.db, draft.id)).toMatchObject({ state: "sent", due: false });
      expect(await listTrouble(store.db, { limit: 5 })).toEqual([]);
    });

    test("that was uncertain is settled by the attempt that looked for it, and by no other", async () => {
      const { session, id } = run;
      await announce(store.db, draft);
      await takeOver();
      expect(await settleDraft(store.db, { session, id, attempt: 1 }, draft.id, "m")).toBe(false);
      expect(await settleDraft(store.db, { session, id, attempt: 2 }, draft.id, "m")).toBe(true);
      expect(await outboxRow(store.db, draft.id)).toMatchObject({ state: "sent", message_id: "m", remove: false });
      expect(await listTrouble(store.db, { limit: 5 })).toEqual([]);
      // The dead attempt's own word comes too late to take it away.
      await recordDrafts(store.db, [{ id: draft.id, messageId: "m" }]);
      expect(await outboxRow(store.db, draft.id)).toMatchObject({ message_id: "m", remove: false, due: false });
    });

    test("that certainly is not there is not listed, and is removed if it turns out to be there after all", async () => {
      await announce(store.db, draft);
      const attempt = await takeOver();
      const settled = await settleDraft(store.db, { session: run.session, id: run.id, attempt }, draft.id, null);
      expect(settled).toBe(true);
      expect(await listTrouble(store.db, { limit: 5 })).toEqual([]);
      await recordDrafts(store.db, [{ id: draft.id, messageId: "late" }]);
      expect(await outboxRow(store.db, draft.id)).toMatchObject({ message_id: "late", remove: true, due: true });
      expect(await settleDraft(store.db, { session: run.session, id: run.id, attempt }, draft.id, "late")).toBe(false);
    });

    test("that is known stays as it is through a take-over", async () => {
      await announce(store.db, draft);
      await recordDrafts(store.db, [{ id: draft.id, messageId: "m" }]);
      await takeOver();
      expect(await outboxRow(store.db, draft.id)).toMatchObject({ state: "sent", message_id: "m", remove: false });
    });

    test("becomes the final page of its run", async () => {
      await announce(store.db, draft);
      await recordDrafts(store.db, [{ id: draft.id, messageId: "m" }]);
      await mergeRun(store.db, mergeOf(run, { pages: [pageOf(draft.id, 0), pageOf(newId("out"), 1)] }));
      expect(await claimDuePages(store.db, ME, 5)).toMatchObject([
        { page: 0, message_id: "m", state: "sent", content: { text: "page 0" } },
        { page: 1, message_id: null, state: "sending" },
      ]);
    });
  });
});

onPostgres((store) => {
  async function startDraft() {
    await accept(store.db, sayIn(await newChat(store.db)));
    const run = await startRun(store.db);
    const { session, id, attempt } = run;
    await expireLeases(store.db);
    await claimAll(store.db, OTHER, true);
    const content = { text: "Let me" };
    return { run, draft: { id: run.firstPage!, session, run: id, attempt, page: 0, target: run.target!, content } };
  }

  test("a take-over that waits for the announcement of a post makes it uncertain", async () => {
    const { run, draft } = await startDraft();
    const announcing = openTransaction(store.db, (trx) => announce(trx, draft));
    expect(await announcing.begun).toBe(true);
    const taking = withTransaction(store.db, (trx) => takeOverRun(trx, OTHER, run.session, run.id));
    await untilBlocked(store.db);
    await announcing.end();
    expect(await taking).toBe(2);
    expect(await outboxRow(store.db, draft.id)).toMatchObject({ state: "uncertain" });
  });

  test("an announcement that waits for a take-over is refused", async () => {
    const { run, draft } = await startDraft();
    const taking = openTransaction(store.db, (trx) => takeOverRun(trx, OTHER, run.session, run.id));
    await taking.begun;
    const announcing = announce(store.db, draft);
    await untilBlocked(store.db);
    await taking.end();
    expect(await announcing).toBe(false);
    expect(await outboxRow(store.db, draft.id)).toMatchObject({ state: "planned" });
  });
});
