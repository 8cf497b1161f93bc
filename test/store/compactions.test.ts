import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { newId, type SessionId } from "../../src/ids.ts";
import { type Compaction, keepCompaction } from "../../src/store/compactions.ts";
import { messagesBetween, windows } from "../../src/store/messages.ts";
import { mergeRun } from "../../src/store/runs.ts";
import type { Db } from "../../src/store/schema.ts";
import { onPostgres, storeEngines } from "../support/store-engines.ts";
import { accept, mergeOf, newTalk, say, startRun } from "./arrange.ts";
import { buffers, nodes, planOf, rowsRead, sortedRows } from "./plans.ts";

async function history(db: Db, session: SessionId, count: number): Promise<void> {
  await sql`
    insert into messages (session_id, seq, message_id, run_id, idx, role, parts, status)
    select ${session}, n, 'msg_' || n, 'run_' || n / 2, n % 2, case n % 2 when 1 then 'user' else 'assistant' end,
           jsonb_build_array(jsonb_build_object('type', 'text', 'text', 'message ' || n)), 'complete'
    from generate_series(1, ${count}::int) n`.execute(db);
}

const compaction = (firstKeptSeq: number, summary = `before ${firstKeptSeq}`): Compaction => ({
  firstKeptSeq,
  summary,
  tokensBefore: 9_000,
  tokensAfter: 900,
  model: "",
});

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

storeEngines((store) => {
  test("a summary stands for the messages before its first kept one, and the newest counts; all messages stay", async () => {
    const talk = await newTalk(store.db);
    await accept(store.db, say(talk));
    const run = await startRun(store.db);
    await history(store.db, talk.id, 20);
    const window = async () => (await windows(store.db, [talk.id], 50)).get(talk.id)!;
    expect(await window()).toMatchObject({ summary: "", firstKeptSeq: 1, ratios: {} });

    expect(await keepCompaction(store.db, run, compaction(11, "Zoë\0 likes tea"))).toBe(true);
    const first = await window();
    expect(first).toMatchObject({ summary: "Zoë\uFFFD likes tea", firstKeptSeq: 11 });
    expect(first.messages.map(({ seq }) => seq)).toEqual(range(11, 20));
    // Another run's: prompts begin with the first one already.
    expect(await keepCompaction(store.db, run, compaction(11, "else"))).toBe(true);
    expect((await window()).summary).toBe("Zoë\uFFFD likes tea");
    expect(await keepCompaction(store.db, run, compaction(21))).toBe(true);
    expect(await keepCompaction(store.db, run, compaction(15))).toBe(true);
    expect(await window()).toMatchObject({ summary: "before 21", firstKeptSeq: 21, messages: [] });

    const between = await messagesBetween(store.db, talk.id, 5, 12, 4);
    expect(between.map(({ seq }) => seq)).toEqual([8, 9, 10, 11]);
    const stored = await store.db.selectFrom("messages").select("seq").where("session_id", "=", talk.id).execute();
    expect(stored).toHaveLength(20);
  });

  test("of an attempt that is over is not kept", async () => {
    const talk = await newTalk(store.db);
    await accept(store.db, say(talk));
    const run = await startRun(store.db);
    expect(await keepCompaction(store.db, { ...run, attempt: 2 }, compaction(2))).toBe(false);
    await mergeRun(store.db, mergeOf(run));
    expect(await keepCompaction(store.db, run, compaction(2))).toBe(false);
    expect(await store.db.selectFrom("compactions").selectAll().execute()).toEqual([]);
  });

  test("a merge adds what was learned of one model to what is known of others", async () => {
    const talk = await newTalk(store.db);
    const ratios = async () => (await windows(store.db, [talk.id], 50)).get(talk.id)!.ratios;
    for (const learned of [{ a: 0.7, "": 1 }, { a: 0.8 }, {}]) {
      await accept(store.db, say(talk));
      await mergeRun(store.db, mergeOf(await startRun(store.db), { ratios: learned }));
    }
    expect(await ratios()).toEqual({ a: 0.8, "": 1 });
  });
});

onPostgres((store) => {
  describe("fault-35: a session of 100,000 messages", () => {
    test("costs what one of 100 does: its summary and the messages after it are read by key, and nothing else", async () => {
      const [short, long] = [newId("ses"), newId("ses")];
      await history(store.db, short, 100);
      await history(store.db, long, 100_000);
      const kept = (session: SessionId, from: number) =>
        store.db.insertInto("compactions").values({
          session_id: session,
          first_kept_seq: from,
          summary: "what was before",
          tokens_before: 9_000,
          tokens_after: 900,
          model: "",
          run_id: newId("run"),
        });
      await kept(short, 41).execute();
      for (let from = 941; from < 100_000; from += 1_000) await kept(long, from).execute();
      await sql`analyze messages, compactions`.execute(store.db);

      const read = async (session: SessionId) => {
        const found = (await windows(store.db, [session], 1_000)).get(session)!;
        expect(found.messages).toHaveLength(60);
        const plan = await planOf(store.db, (db) => windows(db, [session], 1_000));
        const scans = nodes(plan).filter((node) => ["messages", "compactions"].includes(String(node["Relation Name"])));
        for (const scan of scans) expect(scan).toMatchObject({ "Scan Direction": "Backward" });
        expect(scans.map((scan) => String(scan["Index Name"])).toSorted()).toEqual([
          "compactions_pkey",
          "messages_pkey",
        ]);
        return { rows: rowsRead(plan), sorted: sortedRows(plan), buffers: buffers(plan) };
      };
      const ofShort = await read(short);
      const ofLong = await read(long);
      expect(ofLong.rows).toBe(ofShort.rows);
      expect(ofLong.sorted).toBe(ofShort.sorted);
      // An index of more levels is all that is left of 99,900 messages.
      expect(ofLong.buffers).toBeLessThan(ofShort.buffers + 10);

      await store.db.deleteFrom("compactions").execute();
      const plan = await planOf(store.db, (db) => windows(db, [long], 1_000));
      const scan = nodes(plan).find((node) => node["Relation Name"] === "messages")!;
      expect(scan).toMatchObject({ "Index Name": "messages_pkey", "Actual Rows": 1_000 });
      const gap = await planOf(store.db, (db) => messagesBetween(db, long, 1, 99_001, 1_000));
      expect(nodes(gap).find((node) => node["Relation Name"] === "messages")).toMatchObject({
        "Index Name": "messages_pkey",
        "Actual Rows": 1_000,
      });
    });
  });
});
