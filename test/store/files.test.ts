import { sql } from "kysely";
import { expect, it } from "vitest";
import { newId } from "../../src/ids.ts";
import { keepMade, keepTurn, readFiles, type SessionFile } from "../../src/store/files.ts";
import { RETENTION_DAYS } from "../../src/agent/retention.ts";
import { deleteStale } from "../../src/store/housekeeping.ts";
import { mergeRun, runInputs } from "../../src/store/runs.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { storeEngines } from "../support/store-engines.ts";
import { accept, mergeOf, newTalk, say, startRun } from "./arrange.ts";

const file = (bytes = "content"): SessionFile => {
  return { id: newId("fil"), name: "a.txt", mediaType: "text/plain", bytes: Buffer.from(bytes) };
};

storeEngines((store) => {
  async function begun() {
    const message = say(await newTalk(store.db), "look");
    await accept(store.db, message);
    return { run: await startRun(store.db), messageId: message.messageId };
  }

  it("keeps what came of a turn's files with its messages", async () => {
    const { run, messageId } = await begun();
    const kept = file("\0bytes\xff");
    const parts = [
      { type: "file" as const, kind: "document" as const, name: "a", mediaType: "", size: 1, file: kept.id },
    ];
    expect(await withTransaction(store.db, (trx) => keepTurn(trx, run, [{ messageId, parts }], [kept]))).toBe(true);
    expect((await runInputs(store.db, run.session, run.id)).map(({ message }) => message.parts)).toEqual([parts]);
    const [read] = await readFiles(store.db, run.session, [kept.id]);
    expect(read).toMatchObject({ id: kept.id, name: "a.txt", mediaType: "text/plain" });
    expect(Buffer.from(read!.bytes)).toEqual(kept.bytes);
  });

  it("writes nothing for an attempt that is over", async () => {
    const { run, messageId } = await begun();
    const late = { ...run, attempt: 0 };
    const left = file();
    const turn = [{ messageId, parts: [] }];
    expect(await withTransaction(store.db, (trx) => keepTurn(trx, late, turn, [left]))).toBe(false);
    expect(await keepMade(store.db, late, left)).toBe(false);
    expect(await readFiles(store.db, run.session, [left.id])).toEqual([]);
    expect((await runInputs(store.db, run.session, run.id))[0]?.message.parts).toEqual([
      { type: "text", text: "look" },
    ]);
  });

  it("keeps a made file once, and reads none through another session", async () => {
    const { run } = await begun();
    const made = file();
    expect(await keepMade(store.db, run, made)).toBe(true);
    expect(await keepMade(store.db, run, { ...made, bytes: Buffer.from("again") })).toBe(true);
    const [read] = await readFiles(store.db, run.session, [made.id]);
    expect(Buffer.from(read!.bytes).toString()).toBe("content");
    expect(await readFiles(store.db, newId("ses"), [made.id])).toEqual([]);
  });

  it("keeps the whole of a long answer in the merge", async () => {
    const { run } = await begun();
    const whole = { id: newId("fil"), name: "answer.md", text: "große Antwort" };
    expect(await mergeRun(store.db, mergeOf(run, { whole }))).toMatchObject({ kind: "merged" });
    const [read] = await readFiles(store.db, run.session, [whole.id]);
    expect(Buffer.from(read!.bytes).toString()).toBe("große Antwort");
  });

  it("forgets files after thirty days", async () => {
    const { run } = await begun();
    const [old, young] = [file(), file()];
    for (const each of [old, young]) await keepMade(store.db, run, each);
    await sql`update files set created_at = now() - interval '31 days' where id = ${old.id}`.execute(store.db);
    await deleteStale(store.db, RETENTION_DAYS);
    expect((await readFiles(store.db, run.session, [old.id, young.id])).map(({ id }) => id)).toEqual([young.id]);
  });
});
