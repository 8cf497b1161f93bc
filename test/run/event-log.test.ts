import { afterEach, beforeEach, expect, it } from "vitest";
import type { RunEvent } from "../../src/agent/run-event.ts";
import { newId, type RunId, type SessionId } from "../../src/ids.ts";
import { EventLog } from "../../src/run/event-log.ts";
import type { Database } from "../../src/store/database.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { eventsAfter } from "../../src/store/run-events.ts";
import { createTestDatabase } from "../support/postgres.ts";

const silent = { info() {}, warn() {}, error() {} };
let made: Awaited<ReturnType<typeof createTestDatabase>>;
let database: Database;
let events: EventLog;

beforeEach(async () => {
  made = await createTestDatabase();
  database = openPostgres(made.url, silent, 3);
  events = new EventLog(database.db, { followed: () => true, written: () => undefined });
});

afterEach(async () => {
  await database.close();
  await made.drop();
});

async function run(): Promise<{ session: SessionId; id: RunId }> {
  const session = newId("ses");
  const id = newId("run");
  const row = { session_id: session, id, lane: 0, state: "running", agent: "a", policy: "queue" } as const;
  const times = { owner: null, input_through: 1, reply_target: null, end_reason: null, error_code: null };
  await database.db
    .insertInto("runs")
    .values({ ...row, ...times, queued_at: new Date() })
    .execute();
  return { session, id };
}

function stored(session: SessionId, id: RunId): ReturnType<typeof eventsAfter> {
  return eventsAfter(database.db, session, id, { attempt: 0, n: 0 }, 100);
}

it("joins texts that wait together, and numbers what it writes without a gap", async () => {
  const { session, id } = await run();
  const log = events.open(session, id, 1);
  log.append({ type: "run.started", agent: "a" });
  log.append({ type: "text.delta", text: "Hello" });
  log.append({ type: "text.delta", text: " Ann" });
  await log.flush();
  log.append({ type: "text.delta", text: "!" });
  await log.flush();
  const rows = await stored(session, id);
  expect(rows.map((row) => [row.n, row.type, row.data["text"] ?? null])).toEqual([
    [1, "run.started", null],
    [2, "text.delta", "Hello Ann"],
    [3, "text.delta", "!"],
  ]);
});

it("joins thoughts of one step that wait together", async () => {
  const { session, id } = await run();
  const log = events.open(session, id, 1);
  for (const [step, text, ms] of [
    [1, "One", 5],
    [1, " more", 10],
    [1, "", 20],
    [2, "Two", 3],
  ] as const) {
    log.append({ type: "reasoning.delta", step, text, ms });
  }
  await log.flush();
  expect((await stored(session, id)).map(({ data }) => data)).toEqual([
    { step: 1, text: "One more", ms: 20 },
    { step: 2, text: "Two", ms: 3 },
  ]);
});

it("does not keep how far a tool was, nor one of an agent that was called", async () => {
  const { session, id } = await run();
  const log = events.open(session, id, 1);
  const progress: RunEvent = { type: "tool.progress", callId: "1", progress: 1, total: 2, text: "page" };
  log.append({ type: "text.delta", text: "Hello" });
  log.append(progress);
  log.append({ type: "child.event", callId: "1", instance: "guide[1]", event: progress });
  log.append({ type: "text.delta", text: " Ann" });
  await log.flush();
  expect((await stored(session, id)).map(({ n, type, data }) => [n, type, data["text"]])).toEqual([
    [1, "text.delta", "Hello Ann"],
  ]);
});

it("says so when another attempt owns the run, and writes nothing", async () => {
  const { session, id } = await run();
  const log = events.open(session, id, 1);
  await database.db.updateTable("runs").set({ attempt: 2 }).where("id", "=", id).execute();
  log.append({ type: "text.delta", text: "late" });
  expect(await log.flush()).toBe(false);
  expect(await stored(session, id)).toEqual([]);
});

it("keeps the numbers of a write that failed, and writes it with the next", async () => {
  const { session, id } = await run();
  const log = events.open(session, id, 1);
  await database.close();
  log.append({ type: "text.delta", text: "one" });
  await expect(log.flush()).rejects.toThrow();
  log.append({ type: "text.delta", text: "two" });
  const rest = await log.takeRest();
  expect(rest.map(({ n, data }) => [n, data])).toEqual([
    [1, { text: "one" }],
    [2, { text: "two" }],
  ]);
  expect(log.closing([{ type: "run.completed", stopReason: "stop" }])).toMatchObject([{ n: 3, type: "run.completed" }]);
  database = openPostgres(made.url, silent, 1);
});

it("shows readers the message of a failure, never its cause", async () => {
  const { session, id } = await run();
  const log = events.open(session, id, 1);
  log.append({ type: "run.failed", code: "model", message: "Try later.", cause: new Error("secret") });
  await log.flush();
  expect((await stored(session, id))[0]?.data).toEqual({ code: "model", message: "Try later." });
});
