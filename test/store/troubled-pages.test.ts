import { expect, test } from "vitest";
import { claimDuePages, markSending, recordDraftFailure, recordReceipts } from "../../src/store/outbox.ts";
import { mergeRun } from "../../src/store/runs.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { resolvePage, retryPage } from "../../src/store/troubled-pages.ts";
import { newId } from "../../src/ids.ts";
import { onPostgres } from "../support/store-engines.ts";
import {
  accept,
  expireLeases,
  ME,
  mergeOf,
  newChat,
  OTHER,
  outboxRow,
  pageOf,
  reply,
  sayIn,
  startRun,
} from "./arrange.ts";

onPostgres((store) => {
  test("the first words of an answer that is there as a whole are not posted again", async () => {
    const { db } = store;
    const chat = await newChat(db);
    await accept(db, sayIn(chat));
    const run = await startRun(db);
    const [lost, whole] = [run.firstPage!, newId("out")];
    const { session, attempt, target } = run;
    const draft = { id: lost, session, run: run.id, attempt, page: 0, target: target!, content: { text: "The first" } };
    await markSending(db, [draft]);
    await recordDraftFailure(db, lost, "unknown", "timed out");
    await mergeRun(db, mergeOf(run, { pages: [pageOf(whole, 0, { messageId: "5", shown: true })] }));
    expect(await withTransaction(db, (trx) => retryPage(trx, lost, true))).toBe("empty");
    expect(await withTransaction(db, (trx) => resolvePage(trx, lost, "dropped"))).toBe("done");
  });

  test("what an operator has dropped is not shown, whatever a replica that was taken for dead says later", async () => {
    const { db } = store;
    const id = await reply(db);
    await claimDuePages(db, ME, 10);
    await expireLeases(db);
    await claimDuePages(db, OTHER, 10);
    expect(await outboxRow(db, id)).toMatchObject({ state: "uncertain" });
    expect(await withTransaction(db, (trx) => resolvePage(trx, id, "dropped"))).toBe("done");
    await recordReceipts(db, ME, [{ id, kind: "again", dueInMs: 0, error: "refused" }]);
    expect(await outboxRow(db, id)).toMatchObject({ state: "uncertain", due: false });
  });
});
