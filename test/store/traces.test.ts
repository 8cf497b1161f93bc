import { sql } from "kysely";
import { expect, test } from "vitest";
import { newId, newTraceId, type SessionId } from "../../src/ids.ts";
import { deleteSession } from "../../src/store/delete-session.ts";
import type { Trx } from "../../src/store/schema.ts";
import { type TraceRow, writeTraces } from "../../src/store/traces.ts";
import { onPostgres } from "../support/store-engines.ts";
import { newTalk, openTransaction, untilBlocked } from "./arrange.ts";

function traceOf(session: SessionId): TraceRow {
  const ended = { startedMs: 1, endedMs: 2, firstShownMs: null, status: "ok", model: null } as const;
  const from = { session, run: newId("run"), agent: "demo", account: null, platform: "api" };
  return { traceId: newTraceId(), ...from, ...ended, inputTokens: 0, outputTokens: 0, toolCalls: 0 };
}

onPostgres((store) => {
  test("what is told of a run while its session is being deleted is told of nobody", async () => {
    const talk = await newTalk(store.db);
    const trace = traceOf(talk.id);
    await writeTraces(store.db, [{ ...trace, endedMs: null, status: "running" }], []);
    const deleting = openTransaction(store.db, (trx) => deleteSession(trx as Trx, talk.id));
    await deleting.begun;
    const telling = writeTraces(store.db, [trace], []);
    await untilBlocked(store.db);
    await deleting.end();
    await telling;
    const { rows } = await sql`select session_id from traces`.execute(store.db);
    expect(rows).toEqual([]);
  });
});
