import { beforeEach, describe, expect, test } from "vitest";
import { Delivery } from "../../src/delivery/delivery.ts";
import { findDrafts } from "../../src/delivery/find-drafts.ts";
import { LiveMessages } from "../../src/delivery/live-messages.ts";
import { newId, type OutboxId } from "../../src/ids.ts";
import { GatewayError } from "../../src/errors.ts";
import type { PlatformAdapter } from "../../src/platform/platform-adapter.ts";
import { type DraftPost, markSending, pagesOfRun, recordDraftFailure, recordDrafts } from "../../src/store/outbox.ts";
import { mergeRun } from "../../src/store/runs.ts";
import { silentLog, storeEngines } from "../support/store-engines.ts";
import { accept, mergeOf, newChat, outboxRow, pageOf, sayIn, startRun, type StartedRun } from "../store/arrange.ts";

/** The one stream that goes on in the thread, whichever mark is looked for. */
const STREAM = "1.5";

storeEngines((store) => {
  describe("a stream that is found without a mark", () => {
    let adapter: PlatformAdapter;
    let run: StartedRun;

    async function ask(): Promise<StartedRun> {
      await accept(store.db, sayIn(await newChat(store.db, { kind: "group", chat: "g", sender: "7" })));
      return startRun(store.db);
    }

    function draftOf({ session, id, attempt, target }: StartedRun, row: OutboxId, page = 0): DraftPost {
      return { id: row, session, run: id, attempt, page, target: target!, content: { text: "Let me" } };
    }

    async function lose(row: OutboxId): Promise<void> {
      await markSending(store.db, [draftOf(run, row)]);
      await recordDraftFailure(store.db, row, "unknown", "timed out");
    }

    async function look() {
      const pages = await pagesOfRun(store.db, run.session, run.id);
      return findDrafts(store.db, adapter, run.target!, { ...run, lane: { lane: 0 } }, pages, (work) => work());
    }

    /** An answer whose last words are still to be shown. */
    async function endOther(): Promise<void> {
      const row = run.firstPage!;
      await markSending(store.db, [draftOf(run, row)]);
      await recordDrafts(store.db, [{ id: row, messageId: STREAM }]);
      await mergeRun(store.db, mergeOf(run, { pages: [pageOf(row, 0)] }));
    }

    beforeEach(async () => {
      run = await ask();
      const { account } = run.target!;
      adapter = {
        account,
        marks: { find: async () => ({ account, chat: run.target!.chat, messageId: STREAM }) },
        nativeStream: {},
        send: () => Promise.reject(new GatewayError("unavailable", "No answer.", { delivered: "unknown" })),
      } as unknown as PlatformAdapter;
    });

    test("is the post that a dead attempt had not recorded", async () => {
      await lose(run.firstPage!);
      expect(await look()).toMatchObject([{ state: "sent", message_id: STREAM }]);
    });

    test("is one lost post's, the last one's", async () => {
      const [first, second] = [run.firstPage!, newId("out")];
      await lose(first);
      await lose(second);
      expect((await look()).map(({ id, message_id }) => [id, message_id])).toEqual([
        [first, null],
        [second, STREAM],
      ]);
    });

    test("is not taken away where the page goes on in it under another row", async () => {
      const [lost, known] = [run.firstPage!, newId("out")];
      await lose(lost);
      await markSending(store.db, [draftOf(run, known)]);
      await recordDrafts(store.db, [{ id: known, messageId: STREAM }]);
      await look();
      expect(await outboxRow(store.db, lost)).toMatchObject({ state: "uncertain", message_id: null, remove: false });
    });

    test("is not taken from the answer before", async () => {
      await endOther();
      run = await ask();
      await lose(run.firstPage!);
      expect(await look()).toMatchObject([{ state: "uncertain", message_id: null }]);
    });

    test.each([
      ["goes on as the same message", false, STREAM],
      ["is not taken from the answer before", true, null],
    ])("of an attempt that lives %s", async (_, isOthers, messageId) => {
      if (isOthers) {
        await endOther();
        run = await ask();
      }
      const closing = new AbortController();
      const live = new LiveMessages({
        delivery: new Delivery(store.db, new Map(), silentLog),
        adapter,
        target: run.target!,
        run,
        firstPage: run.firstPage!,
        known: [],
        flushLog: () => Promise.resolve(),
        onGone: () => {},
        mayBeNative: true,
        onFirstShown: () => {},
        onPosting: () => closing.abort(),
        signal: closing.signal,
        mayCall: () => true,
        giveBack: () => {},
      });
      await live.post(0, { text: "Let me" }, { text: "Let me" });
      expect([live.pages[0]!.messageId, live.lostPosts]).toEqual([messageId, isOthers ? 1 : 0]);
    });
  });
});
