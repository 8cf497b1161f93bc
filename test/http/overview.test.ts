import { sql } from "kysely";
import { afterEach, expect, it } from "vitest";
import { newId } from "../../src/ids.ts";
import { finish, scriptedModel } from "../fakes/scripted-model.ts";
import { insertRow } from "../support/filled-tables.ts";
import { until } from "../support/test-gateway.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

interface Sums {
  runs: number;
  completed: number;
  failed: number;
  first_text_ms_p50: number | null;
  first_text_ms_p95: number | null;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number;
  unpriced: boolean;
  thumbs_up: number;
  thumbs_down: number;
}
interface Overview {
  since: string;
  total: Sums;
  points: (Sums & { at: string })[];
}

let http: TestHttp;
afterEach(() => http.stop());

const overview = async (query = "") => (await http.call("GET", `/v1/overview${query}`)).json<Overview>();

it("an answer over the API is in the hour it was asked in, with its first words, tokens and thumbs", async () => {
  http = await startHttp({
    model: scriptedModel(["An ", "answer.", finish("stop", { inputTokens: 9, outputTokens: 1 })]),
  });
  const session = await http.session();
  await http.call("POST", `/v1/sessions/${session}/messages`, { body: { text: "well?" } });
  await until("the trace", async () => (await overview()).total.completed === 1);
  const [run] = (await http.call("GET", `/v1/sessions/${session}/runs`)).json<{ runs: { run_id: string }[] }>().runs;
  await http.call("POST", "/v1/feedback", { body: { run_id: run!.run_id, rating: -1 } });

  const { total, points } = await overview("?since=3h");
  expect(total).toMatchObject({ runs: 1, completed: 1, failed: 0, input_tokens: 9, output_tokens: 1, thumbs_down: 1 });
  expect(total).toMatchObject({ cost_usd: 0, unpriced: true });
  expect(total.first_text_ms_p50).toBeGreaterThan(0);
  expect(points.length).toBeGreaterThanOrEqual(4);
  expect(points.map(({ at }) => at)).toEqual(points.map(({ at }) => `${at.slice(0, 13)}:00:00.000Z`));
  expect(points.reduce((sum, point) => sum + point.completed + point.thumbs_down, 0)).toBe(2);
});

it("buckets are whole and in UTC, empty ones among them, and one agent may be looked at alone", async () => {
  http = await startHttp();
  const trace = (id: string, at: string, more: object) =>
    insertRow("traces", { trace_id: id, run_id: id, agent: "a", started_at: at, status: "ok", ...more });
  const rows = [
    trace("1", "2026-03-01T23:59:59Z", { first_shown_at: "2026-03-02T00:00:00Z" }),
    trace("2", "2026-03-02T00:00:00Z", { first_shown_at: "2026-03-02T00:00:03Z", status: "error" }),
    trace("3", "2026-03-04T10:00:00Z", { agent: "b", status: "cancelled" }),
    trace("4", "2026-03-04T10:00:00Z", { run_id: null }),
    insertRow("feedback", { ...FEEDBACK, id: "f", agent: "b", rating: 1, created_at: "2026-03-04T10:00:00Z" }),
    insertRow("run_usage", { ...USED, run_id: "1", agent: "a", cost_micros: 2_500_000, at: "2026-03-01T00:00:00Z" }),
    insertRow("run_usage", { ...USED, run_id: "2", agent: "b", at: "2026-03-05T00:00:00Z" }),
  ];
  for (const row of rows) await row.execute(http.database.db);

  const days = "?since=2026-03-01T12:00&until=2026-03-05&bucket=day";
  const all = await overview(days);
  expect(all.since).toBe("2026-03-01T00:00:00.000Z");
  expect(all.points.map(({ runs, failed }) => [runs, failed])).toEqual([
    [1, 0],
    [1, 1],
    [0, 0],
    [1, 0],
  ]);
  expect(all.total).toMatchObject({ runs: 3, first_text_ms_p50: 2000, cost_usd: 2.5, unpriced: false, thumbs_up: 1 });
  const ofB = await overview(`${days}&agent_id=b`);
  expect(ofB.total).toMatchObject({ runs: 1, first_text_ms_p50: null, input_tokens: 0, thumbs_up: 1 });
  expect(ofB.points.map(({ thumbs_up: up }) => up)).toEqual([0, 0, 0, 1]);
});

it("what would be too much is refused with a word what to ask for", async () => {
  http = await startHttp();
  const tooMany = await http.call("GET", "/v1/overview?since=90d&bucket=hour");
  expect([tooMany.statusCode, tooMany.json()]).toEqual([
    400,
    expect.objectContaining({ detail: expect.stringContaining("ask for days") }),
  ]);
  expect((await http.call("GET", "/v1/overview?since=1h&until=2h")).statusCode).toBe(400);
  expect((await http.call("GET", "/v1/overview?since=90d&bucket=day")).statusCode).toBe(200);
});

it("platforms tell who hears each bot, when it last said something, what waits, and for how long it must not call", async () => {
  http = await startHttp({ readiness: async () => ({ ready: true, checks: { telegram: "taking in" } }) });
  const { db } = http.database;
  const minutes = (count: number) => new Date(Date.now() + count * 60_000).toISOString();
  const page = { account_id: "telegram:1", chat: "9", thread: "", place_kind: "private", kind: "answer" };
  const rows = [
    insertRow("accounts", { id: "telegram:1", platform: "telegram", intake_owner: "rep_a", intake_until: minutes(1) }),
    insertRow("accounts", { id: "slack:T1", platform: "slack", intake_owner: "rep_a", intake_until: minutes(-1) }),
    ...["waiting", "handled"].map((state, index) =>
      insertRow("inbox", { ...INBOX, update_key: state, state, received_at: minutes(-1 - index) }),
    ),
    insertRow("outbox", { ...page, id: newId("out"), state: "planned", due_at: minutes(0), created_at: minutes(-2) }),
    insertRow("outbox", { ...page, id: newId("out"), state: "uncertain" }),
    insertRow("outbox", { ...page, id: newId("out"), state: "failed", resolved: "dropped" }),
    // A replica of its own: the one that answers here writes its load whenever it likes.
    sql`insert into replicas (id, host, boot_id, pid, started_at, load, seen_at)
        values ('rep_b', 'elsewhere', 'boot', 7, now(), ${JSON.stringify({ "telegram:1": { answers: 3, paused: { post: 60_000 } } })}::jsonb,
                now() + interval '1 minute')`,
  ];
  for (const row of rows) await row.execute(db);

  const { ready, checks, platforms, replicas } = (await http.call("GET", "/v1/platforms")).json<{
    ready: boolean;
    checks: Record<string, string>;
    platforms: Record<string, unknown>[];
    replicas: Record<string, unknown>[];
  }>();
  expect([ready, checks]).toEqual([true, { telegram: "taking in" }]);
  const [slack, telegram] = platforms;
  expect(slack).toMatchObject({ account: "slack:T1", state: "unknown", holder: null, heard_at: null, waiting: 0 });
  expect(telegram).toMatchObject({
    account: "telegram:1",
    state: "taking in",
    holder: "rep_a",
    heard_at: expect.any(String),
    waiting: 1,
    due: 1,
    uncertain: 1,
    failed: 0,
    answers: 3,
  });
  expect(telegram!["paused_ms"]).toBeGreaterThan(50_000);
  expect(replicas).toContainEqual(expect.objectContaining({ replica: "rep_b", answers: 3 }));
  expect(replicas).toHaveLength(2);
});

const FEEDBACK = { target: "t", key: "k", author: "usr_1", source: "api" };
const USED = {
  session_id: "s",
  model: "m",
  input_tokens: 9,
  cached_tokens: 0,
  output_tokens: 1,
  reasoning_tokens: 0,
  cost_micros: null,
};
const INBOX = { account_id: "telegram:1", message_id: "m", written_at: "2026-01-01" };
