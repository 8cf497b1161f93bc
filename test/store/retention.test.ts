import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { readSettings } from "../../src/agent/agent-settings.ts";
import { RETENTION_DAYS } from "../../src/agent/retention.ts";
import { deleteStale } from "../../src/store/housekeeping.ts";
import {
  holdHousekeeping,
  housekeepingState,
  leaveHousekeeping,
  recordHousekeeping,
} from "../../src/store/housekeeping-lease.ts";
import { copyHistory } from "../../src/store/make-session.ts";
import { insertPast, windows } from "../../src/store/messages.ts";
import { mergeRun } from "../../src/store/runs.ts";
import { findSession } from "../../src/store/talk-sessions.ts";
import { withTransaction } from "../../src/store/transaction.ts";
import { allWords } from "../support/all-words.ts";
import { storeEngines } from "../support/store-engines.ts";
import {
  accept,
  ME,
  mergeOf,
  newTalk,
  OTHER,
  pageOf,
  newChat,
  said,
  say,
  sayIn,
  startRun,
  type Talk,
} from "./arrange.ts";

const KEEP = { ...RETENTION_DAYS, messages: 365 };

storeEngines((store) => {
  async function turn(talk: Talk, text: string, daysAgo: number): Promise<void> {
    await accept(store.db, say(talk, text));
    const run = await startRun(store.db);
    await mergeRun(store.db, mergeOf(run, { block: [said("user", text), said("assistant", `${text}!`)], title: "" }));
    await sql`update runs set ended_at = now() - ${daysAgo} * interval '1 day' where id = ${run.id}`.execute(store.db);
  }

  const summary = (talk: Talk, firstKept: number) => sql`
    insert into compactions (session_id, first_kept_seq, summary, tokens_before, tokens_after, model, run_id)
    values (${talk.id}, ${firstKept}, 'so far', 9, 1, 'm', 'run_1')`;

  it("deletes traces few at a time, because each has many spans, and all of them", async () => {
    await sql`
      insert into traces (trace_id, started_at, status)
      select md5(n::text), now() - interval '400 days', 'ok' from generate_series(1, 1200) n`.execute(store.db);
    const batches: number[] = [];
    await deleteStale(store.db, KEEP, {
      onDeleted: (table, rows) => void (table === "traces" && batches.push(rows)),
    });
    expect(batches).toEqual([500, 500, 200]);
  });

  describe("security-45: old turns", () => {
    it("go whole, with all that tells of them, and what is left is a valid history", async () => {
      const { db } = store;
      const talk = await newTalk(db);
      for (const [text, days] of [
        ["first", 400],
        ["second", 366],
        ["third", 364],
      ] as const)
        await turn(talk, text, days);
      expect(await deleteStale(db, KEEP)).toBeGreaterThan(0);
      const left = await allWords(db);
      for (const word of ["first", "second"]) expect(left).not.toContain(word);
      const window = (await windows(db, [talk.id], 10)).get(talk.id);
      expect(window?.messages.map(({ seq, message }) => [seq, message.role])).toEqual([
        [5, "user"],
        [6, "assistant"],
      ]);
      // Nothing is missing, so no run looks for it.
      expect(window).toMatchObject({ firstKeptSeq: 5, summary: "" });
      await turn(talk, "fourth", 0);
      expect(await findSession(db, talk.userId, talk.id)).toMatchObject({ headSeq: 8 });
    });

    it("leave the newest summary, and the order of a talk without any message left", async () => {
      const { db } = store;
      const talk = await newTalk(db);
      await turn(talk, "first", 400);
      await turn(talk, "second", 400);
      await summary(talk, 3).execute(db);
      await deleteStale(db, KEEP);
      const window = (await windows(db, [talk.id], 10)).get(talk.id);
      expect(window).toMatchObject({ firstKeptSeq: 5, summary: "so far", messages: [] });
    });

    it("stay for ever unless it is set, and while a page of theirs is to be shown", async () => {
      const { db } = store;
      const chat = await newChat(db, { chat: "7" });
      await accept(db, sayIn(chat, "unsent"));
      const run = await startRun(db);
      await mergeRun(db, mergeOf(run, { pages: [pageOf(run.firstPage!, 0)] }));
      await sql`update runs set ended_at = now() - interval '400 days'`.execute(db);
      await deleteStale(db, RETENTION_DAYS);
      await deleteStale(db, KEEP);
      expect(await allWords(db)).toContain("question");
      await sql`update outbox set due_at = null`.execute(db);
      await deleteStale(db, KEEP);
      expect(await db.selectFrom("messages").selectAll().execute()).toEqual([]);
    });
  });

  it("security-45: old turns of a fork go as those they were copied from, and what a client brought", async () => {
    const { db } = store;
    const talk = await newTalk(db);
    await turn(talk, "first", 400);
    await turn(talk, "second", 0);
    const fork = await newTalk(db, talk.userId);
    await withTransaction(db, (trx) => copyHistory(trx, talk.id, fork.id, null));
    await sql`update messages set created_at = now() - interval '400 days' where seq <= 2`.execute(db);
    const brought = await newTalk(db, talk.userId);
    await withTransaction(db, (trx) => insertPast(trx, brought.id, [said("user", "first").message]));
    await sql`update messages set created_at = now() - interval '400 days' where session_id = ${brought.id}`.execute(
      db,
    );
    await deleteStale(db, KEEP);
    const left = await allWords(db);
    expect(left).not.toContain("first");
    expect(left).toContain("second");
    expect((await windows(db, [fork.id], 10)).get(fork.id)).toMatchObject({ firstKeptSeq: 3, summary: "" });
  });

  it("security-45: traces go with their spans when they are as old as the policy says, and younger ones stay", async () => {
    const { db } = store;
    await sql`delete from traces`.execute(db);
    for (const [id, days] of [
      ["old", 31],
      ["young", 29],
    ] as const) {
      await sql`
        insert into traces (trace_id, started_at, status) values (${id}, now() - ${days} * interval '1 day', 'ok')`.execute(
        db,
      );
      await sql`
        insert into spans (trace_id, span_id, name, kind, start_time, status, attributes, events)
        values (${id}, '1', 'chat', 'client', 0, 'ok', '{}', '[]')`.execute(db);
    }
    await deleteStale(db, RETENTION_DAYS);
    for (const table of ["traces", "spans"]) {
      const { rows } = await sql`select trace_id from ${sql.table(table)}`.execute(db);
      expect(rows).toEqual([{ trace_id: "young" }]);
    }
  });

  it("what cannot be deleted of one table keeps no other, and is told", async () => {
    const { db } = store;
    const old = sql`insert into early_edits (account_id, chat, chat_message_id, created_at)
      values ('telegram:1', '1', '1', now() - interval '2 days')`;
    await old.execute(db);
    await sql`insert into inbox (account_id, update_key, message_id, state, received_at)
      values ('telegram:1', 'old', 'msg_1', 'handled', now() - interval '8 days')`.execute(db);
    await sql`create function broken() returns trigger language plpgsql as $$ begin raise 'broken'; end $$`.execute(db);
    await sql`create trigger broken before delete on inbox for each row execute function broken()`.execute(db);
    try {
      await expect(deleteStale(db, RETENTION_DAYS)).rejects.toThrow("stale rows of inbox");
    } finally {
      await sql`drop trigger broken on inbox`.execute(db);
      await sql`drop function broken`.execute(db);
    }
    expect(await db.selectFrom("early_edits").select("chat").execute()).toEqual([]);
  });

  it("the lease is one replica's at a time, until it leaves or is gone", async () => {
    const { db } = store;
    expect(await holdHousekeeping(db, ME, 60_000)).toEqual({ idleMs: Infinity });
    expect(await holdHousekeeping(db, OTHER, 60_000)).toBeNull();
    await recordHousekeeping(db, OTHER);
    expect(await housekeepingState(db)).toMatchObject({ holder: ME, succeededAt: null });
    await recordHousekeeping(db, ME);
    expect((await holdHousekeeping(db, ME, -1))?.idleMs).toBeLessThan(60_000);
    expect(await holdHousekeeping(db, OTHER, 60_000)).not.toBeNull();
    await leaveHousekeeping(db, ME);
    expect((await housekeepingState(db)).holder).toBe(OTHER);
    await leaveHousekeeping(db, OTHER);
    expect((await housekeepingState(db)).holder).toBeNull();
  });
});

describe("retention in parley.yaml", () => {
  it("names some kinds, and leaves the others as they are", () => {
    expect(readSettings("retention: { messages: 365, files: 0 }").retention).toEqual({
      ...RETENTION_DAYS,
      messages: 365,
      files: 0,
    });
    expect(readSettings("agents: {}").retention).toBeUndefined();
  });

  it.each([
    ["retention: 7", "must be a mapping"],
    ["retention: { words: 7 }", "retention.words: is not a kind"],
    ["retention: { files: -1 }", "retention.files: must be a whole number"],
    ["retention: { files: 1.5 }", "retention.files: must be a whole number"],
  ])("refuses %s", (text, fault) => {
    expect(() => readSettings(text)).toThrow(fault);
  });
});
