import { sql } from "kysely";
import { beforeEach, describe, expect, test } from "vitest";
import { newId, type SessionId } from "../../src/ids.ts";
import { messagesAfter, windows } from "../../src/store/messages.ts";
import type { Db } from "../../src/store/schema.ts";
import { buffers, nodes, planOf, sortedRows } from "./plans.ts";
import { onPostgres, storeEngines } from "../support/store-engines.ts";

/** A history of `count` messages, as merges of two would have made it. */
async function history(db: Db, count: number): Promise<SessionId> {
  const session = newId("ses");
  await sql`
    insert into messages (session_id, seq, message_id, run_id, idx, role, parts, status, agent)
    select ${session}, n, 'msg_' || n, 'run_' || n / 2, n % 2, case n % 2 when 1 then 'user' else 'assistant' end,
           jsonb_build_array(jsonb_build_object('type', 'text', 'text', 'message ' || n || repeat(' x', 200))), 'complete',
           'demo'
    from generate_series(1, ${count}::int) n`.execute(db);
  return session;
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

storeEngines((store) => {
  test("messages of a version that did not write it down are their run's agent's", async () => {
    const session = await history(store.db, 2);
    await sql`update messages set agent = null`.execute(store.db);
    await sql`
      insert into runs (session_id, id, lane, state, agent, policy, input_through, queued_at)
      values (${session}, 'run_1', 0, 'completed', 'demo', 'queue', 1, now())`.execute(store.db);
    const found = await messagesAfter(store.db, session, 0, 10);
    expect(found.map(({ agent }) => agent)).toEqual([null, "demo"]);
  });

  describe("a window", () => {
    test("holds the newest messages of each session, oldest first", async () => {
      const [long, short, empty] = [await history(store.db, 120), await history(store.db, 3), newId("ses")];
      const found = await windows(store.db, [long, short, empty], 50);
      expect(found.get(long)!.messages.map((message) => message.seq)).toEqual(range(71, 120));
      expect(found.get(short)!.messages.map((message) => message.seq)).toEqual([1, 2, 3]);
      expect(found.get(empty)).toEqual({ summary: "", firstKeptSeq: 1, ratios: {}, messages: [] });
      expect(found.get(short)!.messages[0]).toMatchObject({
        messageId: "msg_1",
        runId: "run_0",
        message: { role: "user", status: "complete", parts: [{ type: "text" }] },
        createdAt: expect.any(Date),
      });
      expect(found.get(short)!.messages[0]!.message).not.toHaveProperty("author");
    });

    test("of large messages is short, and holds the newest whatever its size", async () => {
      const session = newId("ses");
      const insert = (from: number, to: number, chars: number) =>
        sql`
        insert into messages (session_id, seq, message_id, run_id, idx, role, parts, status)
        select ${session}, n, 'msg_' || n, 'run_' || n, 0, 'user',
               jsonb_build_array(jsonb_build_object('type', 'text', 'text', repeat('x', ${chars}::int))), 'complete'
        from generate_series(${from}::int, ${to}::int) n`.execute(store.db);
      await insert(1, 20, 300_000);
      expect((await windows(store.db, [session], 50)).get(session)!.messages.map((message) => message.seq)).toEqual(
        range(14, 20),
      );
      await insert(21, 21, 5_000_000);
      expect((await windows(store.db, [session], 50)).get(session)!.messages.map((message) => message.seq)).toEqual([
        21,
      ]);
    });

    test("of no session is none", async () => {
      expect(await windows(store.db, [], 50)).toEqual(new Map());
    });
  });

  test("a history is read on from a seq, page by page", async () => {
    const session = await history(store.db, 25);
    const first = await messagesAfter(store.db, session, 0, 10);
    expect(first.map((message) => message.seq)).toEqual(range(1, 10));
    expect((await messagesAfter(store.db, session, 20, 10)).map((message) => message.seq)).toEqual(range(21, 25));
    expect(await messagesAfter(store.db, session, 25, 10)).toEqual([]);
  });
});

onPostgres((store) => {
  describe("fault-35: in a session of 10,000 messages among 30,000 others", () => {
    let session: SessionId;
    beforeEach(async () => {
      session = await history(store.db, 10_000);
      for (let n = 0; n < 3; n += 1) await history(store.db, 10_000);
      await sql`analyze messages`.execute(store.db);
    });

    test("a window walks the primary key backwards and reads no more rows than it returns", async () => {
      const plan = await planOf(store.db, (db) => windows(db, [session], 50));
      const scan = nodes(plan).find((node) => node["Relation Name"] === "messages")!;
      expect(scan).toMatchObject({ "Scan Direction": "Backward", "Index Name": "messages_pkey", "Actual Rows": 50 });
      expect(scan["Node Type"]).toMatch(/^Index/);
      expect(sortedRows(plan)).toBeLessThanOrEqual(50);
      expect(buffers(plan)).toBeLessThan(60);
    });

    test("so does a page of history, from anywhere", async () => {
      const plan = await planOf(store.db, (db) => messagesAfter(db, session, 5_000, 200));
      const scan = nodes(plan).find((node) => node["Relation Name"] === "messages")!;
      expect(scan).toMatchObject({ "Index Name": "messages_pkey", "Actual Rows": 200 });
      expect(sortedRows(plan)).toBe(0);
      expect(buffers(plan)).toBeLessThan(60);
    });
  });
});
