import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Metrics } from "../../src/observe/metrics.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { finish, scriptedModel } from "../fakes/scripted-model.ts";
import type { RunId } from "../../src/ids.ts";
import { until } from "../support/test-gateway.ts";
import { KEY, startHttp, type TestHttp } from "./start-http.ts";

let http: TestHttp;
let metrics: Metrics;
const model = scriptedModel();

beforeAll(async () => {
  metrics = createMetrics();
  http = await startHttp({ metrics, model });
});
beforeEach(async () => {
  metrics.feedback.reset();
  await http.database.db.deleteFrom("feedback").execute();
});
afterAll(async () => {
  await http.stop();
  metrics.close();
});

type Json = Record<string, unknown>;

const list = async (query = "", user = "ann") =>
  (await http.call("GET", `/v1/feedback${query}`, { user })).json<Json[]>();
const asOperator = (method: "GET" | "POST" | "PATCH" | "DELETE", url: string, payload?: Json) =>
  http.app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${KEY}` },
    ...(payload ? { payload } : {}),
  });

/** A session with an answer in it. */
async function answered(user = "ann"): Promise<{ session: string; run: RunId; message: string }> {
  const session = await http.session(user);
  model.push(["Yes.", finish("stop", { inputTokens: 1, outputTokens: 1, cachedTokens: 0 })]);
  await http.call("POST", `/v1/sessions/${session}/messages`, { user, body: { text: "hello" } });
  const messages = async () => {
    const read = await http.call("GET", `/v1/sessions/${session}/messages`, { user });
    return read.json<{ messages: { role: string; message_id: string; run_id?: string }[] }>().messages;
  };
  await until("the answer", async () => (await messages()).some(({ role }) => role === "assistant"));
  const message = (await messages()).find(({ role }) => role === "assistant")!;
  const row = await http.database.db
    .selectFrom("runs")
    .select("id")
    .where("session_id", "=", session as never)
    .executeTakeFirstOrThrow();
  return { session, run: row.id, message: message.message_id };
}

async function rate(body: Json, user = "ann"): Promise<string> {
  const response = await http.call("POST", "/v1/feedback", { user, body });
  return response.json<{ feedback_id: string }>().feedback_id;
}

describe("feedback over the API", () => {
  it("takes the seed project's body and tells the id", async () => {
    const body = {
      rating: -1,
      trace_id: "trace_4711",
      comment: "wrong year",
      correction: "1969",
      model_id: "m-1",
      latency_ms: 12.5,
      turn_index: 3,
      agent_type: "research",
    };
    const response = await http.call("POST", "/v1/feedback", { body });
    expect(response.statusCode).toBe(201);
    const { feedback_id: id } = response.json<{ feedback_id: string }>();
    expect(id).toMatch(/^fb_[0-9a-f]{32}$/);
    expect((await http.call("GET", `/v1/feedback/${id}`)).json()).toMatchObject({
      ...body,
      feedback_id: id,
      key: "user_feedback",
      source: "api",
      agent_id: null,
    });
  });

  it("ties an opinion to the run: its session, agent, and the person of the key", async () => {
    const { session, run, message } = await answered();
    await rate({ rating: 1, run_id: run, agent_type: "says-the-body" });
    await rate({ rating: 1, message_id: message, session_id: session });
    const { trace_id: trace } = await http.database.db
      .selectFrom("runs")
      .select("trace_id")
      .where("id", "=", run)
      .executeTakeFirstOrThrow();
    await rate({ rating: -1, trace_id: trace });
    const [ofMessage, ofRun, ...more] = await list();
    expect(more).toEqual([]);
    const of = { trace_id: trace, session_id: session, run_id: run, agent_id: "tester", model_id: "scripted" };
    expect(ofRun).toMatchObject({ ...of, message_id: null, rating: -1 });
    expect(ofMessage).toMatchObject({ ...of, message_id: message, agent_type: "tester" });
    expect(ofRun!["user_id"]).toMatch(/^usr_/);
  });

  it("is one per thing, key and person: again changes it", async () => {
    const { session } = await answered();
    const id = await rate({ rating: -1, session_id: session, comment: "no" });
    const again = await http.call("POST", "/v1/feedback", { body: { rating: 1, session_id: session } });
    expect([again.statusCode, again.json()]).toEqual([200, { feedback_id: id }]);
    expect(await list()).toMatchObject([{ rating: 1, comment: "no" }]);
    await rate({ rating: 1, session_id: session, key: "tone" });
    await rate({ rating: 1, session_id: session, turn_index: 1 });
    expect(await list()).toHaveLength(3);
    const { values } = await metrics.feedback.get();
    expect(values.find(({ labels }) => labels.agent === "tester" && labels.rating === "down")?.value).toBe(1);
  });

  it("knows nothing of sessions and runs of others", async () => {
    const { session, run, message } = await answered("bob");
    const { trace_id } = await http.database.db
      .selectFrom("runs")
      .select("trace_id")
      .where("id", "=", run)
      .executeTakeFirstOrThrow();
    for (const names of [
      { session_id: session },
      { trace_id },
      { run_id: run },
      { session_id: session, message_id: message },
      { run_id: run, session_id: await http.session() },
      { run_id: `run_${"0".repeat(32)}` },
      { session_id: "x" },
    ]) {
      const refused = await http.call("POST", "/v1/feedback", { body: { rating: 1, ...names } });
      expect([refused.statusCode, refused.json<Json>()["detail"]]).toEqual([
        404,
        "There is no such session, run, message or trace.",
      ]);
    }
    expect(await list("", "bob")).toEqual([]);
  });

  it("is changed and taken back by its author or an operator, and by nobody else", async () => {
    const id = await rate({ rating: -1, trace_id: "t1", comment: "why" });
    for (const [method, body] of [["GET"], ["PATCH", { rating: 1 }], ["DELETE"]] as const) {
      const foreign = await http.call(method, `/v1/feedback/${id}`, { user: "bob", ...(body ? { body } : {}) });
      expect([foreign.statusCode, foreign.json<Json>()["detail"]]).toEqual([404, "There is no such feedback."]);
      expect((await http.call(method, "/v1/feedback/fb_1", body ? { body } : {})).json<Json>()["code"]).toBe(
        "not_found",
      );
    }
    const patched = await http.call("PATCH", `/v1/feedback/${id}`, {
      body: { rating: null, comment: "", correction: "x" },
    });
    expect(patched.json()).toMatchObject({ rating: -1, comment: null, correction: "x" });
    expect((await asOperator("PATCH", `/v1/feedback/${id}`, { rating: 1 })).json()).toMatchObject({ rating: 1 });
    expect((await http.call("DELETE", `/v1/feedback/${id}`)).json()).toEqual({ deleted: true });
    const audited = await http.database.db.selectFrom("audit_log").select(["action", "target"]).execute();
    expect(audited).toEqual([{ action: "feedback.change", target: id }]);
    expect((await http.call("GET", `/v1/feedback/${id}`)).statusCode).toBe(404);
  });

  it("is triaged by operators alone, and is new again when its author changes it", async () => {
    const { run } = await answered();
    const id = await rate({ run_id: run, rating: -1 });
    const url = `/v1/feedback/${id}`;
    const { user_id: user } = (await list())[0]!;
    const key = await http.key({ kind: "person", user: user as never });
    expect((await http.call("PATCH", url, { key, body: { triage: "done" } })).statusCode).toBe(403);
    expect((await asOperator("PATCH", url, { triage: "done" })).json()).toMatchObject({ triage: "done", rating: -1 });
    const log = await asOperator("GET", `/v1/audit?target=${id}`);
    expect(log.json<{ entries: Json[] }>().entries).toMatchObject([{ action: "feedback.change" }]);
    expect([await list("?triage=new"), (await list("?triage=done")).length]).toEqual([[], 1]);
    await rate({ run_id: run, rating: -1, tags: ["slow"] });
    expect(await list("?triage=new")).toEqual([]);
    await rate({ run_id: run, rating: 1 });
    expect(await list("?triage=new")).toMatchObject([{ feedback_id: id }]);
  });

  it("security-31: an agent's key tells what its people think, and knows of its own agent's answers alone", async () => {
    const { session, run } = await answered("bob");
    const { trace_id } = await http.database.db
      .selectFrom("runs")
      .select("trace_id")
      .where("id", "=", run)
      .executeTakeFirstOrThrow();
    const [own, other] = [
      await http.key({ kind: "agent", agent: "tester" }),
      await http.key({ kind: "agent", agent: "other" }),
    ];
    const post = (key: string, body: Json) => http.call("POST", "/v1/feedback", { key, body: { rating: -1, ...body } });
    expect((await post(other, { trace_id })).statusCode).toBe(403);
    expect((await post(other, { session_id: session })).statusCode).toBe(404);
    expect((await post(other, { trace_id: "t", agent_type: "x" })).statusCode).toBe(201);
    const told = await post(own, { session_id: session, trace_id });
    expect(told.statusCode).toBe(201);
    await rate({ rating: 1, run_id: run }, "bob");
    const ofOwn = (await http.call("GET", "/v1/feedback", { key: own })).json<Json[]>();
    expect(ofOwn.map((row) => [row["agent_id"], row["rating"]])).toEqual([
      ["tester", 1],
      ["tester", -1],
    ]);
    expect(ofOwn[0]!["user_id"]).toBe(ofOwn[1]!["user_id"]);
    const [bobs, agents] = ofOwn.map((row) => `/v1/feedback/${String(row["feedback_id"])}`);
    expect((await http.call("PATCH", bobs!, { key: own, body: { rating: -1 } })).statusCode).toBe(403);
    expect((await http.call("DELETE", agents!, { key: other })).statusCode).toBe(404);
    expect((await http.call("DELETE", agents!, { key: own })).statusCode).toBe(200);
    expect((await http.call("GET", "/v1/feedback", { key: other })).json<Json[]>()).toMatchObject([
      { agent_id: "other", agent_type: "x" },
    ]);
  });

  it.each([
    [{ rating: 0 }, "rating"],
    [{}, "rating"],
    [{ rating: 1, latency_ms: -1 }, "latency_ms"],
    [{ rating: 1, user_id: "usr_1" }, "user_id"],
    [{ rating: 1, agent_id: "other" }, "agent_id"],
    [{ rating: 1, source: "telegram" }, "source"],
  ])("refuses %j", async (body, field) => {
    const refused = await http.call("POST", "/v1/feedback", { body });
    expect(refused.statusCode).toBe(400);
    expect(refused.json<Json>()["detail"]).toContain(field);
  });
});

describe("the list of feedback", () => {
  it("is narrowed by what the operator asks for, over all agents and people in one request", async () => {
    const { session, run } = await answered("bob");
    await rate({ rating: -1, trace_id: "t1", comment: "50% wrong", source: "web" });
    await rate({ rating: 1, trace_id: "t2" });
    await rate({ rating: -1, run_id: run }, "bob");
    const queries = {
      "?rating=-1&since=7d": 2,
      "?rating=1": 1,
      [`?agent_id=tester`]: 1,
      [`?session_id=${session}&run_id=${run}`]: 1,
      "?trace_id=t2": 1,
      "?source=web": 1,
      "?has_comment=true": 1,
      "?has_comment=false": 2,
      "?q=50%25%20w": 1,
      "?q=5__": 0,
      "?until=1d": 0,
      [`?since=${encodeURIComponent("2020-01-01T00:00:00+00:00")}`]: 3,
      "?agent_type=tester&window_is=": -1,
    };
    for (const [query, count] of Object.entries(queries)) {
      const response = await asOperator("GET", `/v1/feedback${query}`);
      expect([query, count < 0 ? -response.statusCode : response.json<Json[]>().length]).toEqual([
        query,
        count < 0 ? -400 : count,
      ]);
    }
    expect(await list("?rating=-1")).toHaveLength(1);
  });

  it("goes on by its cursor, also among rows of one moment", async () => {
    const at = new Date("2026-05-01T10:00:00Z");
    await fill(5, at);
    const seen: unknown[] = [];
    let url: string | null = "/v1/feedback?limit=2";
    while (url) {
      const page = await asOperator("GET", url);
      seen.push(...page.json<Json[]>().map((row) => row["trace_id"]));
      url = /^<(.+)>; rel="next"$/.exec(String(page.headers["link"] ?? ""))?.[1] ?? null;
      expect(page.headers["x-next-cursor"] === undefined).toBe(url === null);
    }
    expect(seen).toHaveLength(5);
    expect(new Set(seen).size).toBe(5);
    expect((await asOperator("GET", "/v1/feedback?limit=2&offset=4")).json<Json[]>()).toHaveLength(1);
  });

  it.each([
    "?since=yesterday",
    "?until=2026-13-01",
    "?since=7y",
    "?cursor=abc",
    "?limit=0",
    "?limit=1001",
    "?rating=2",
  ])("refuses %s", async (query) => {
    expect((await asOperator("GET", `/v1/feedback${query}`)).statusCode).toBe(400);
  });

  it("is counted by hour, day or week per agent", async () => {
    await fill(3, new Date("2026-05-01T10:59:00Z"));
    await fill(2, new Date("2026-05-01T11:00:00Z"), -1);
    const stats = async (query: string) => (await asOperator("GET", `/v1/feedback/stats${query}`)).json<Json[]>();
    expect(await stats("?window=day")).toEqual([
      {
        window_start: "2026-05-01T00:00:00.000Z",
        window_end: "2026-05-02T00:00:00.000Z",
        agent_id: "tester",
        agent_type: "tester",
        thumbs_up: 3,
        thumbs_down: 2,
        total: 5,
      },
    ]);
    expect((await stats("?window=hour&agent_type=tester")).map((row) => row["total"])).toEqual([3, 2]);
    expect((await stats("?window=week"))[0]).toMatchObject({ window_start: "2026-04-27T00:00:00.000Z" });
    expect(await stats("?agent_id=other")).toEqual([]);
    expect((await asOperator("GET", "/v1/feedback/stats?window=month")).statusCode).toBe(400);
  });
});

describe("the export of feedback", () => {
  it("brings every row, batch by batch", async () => {
    await fill(2_500, new Date("2026-05-01T10:00:00Z"));
    const exported = await asOperator("GET", "/v1/feedback/export?format=jsonl&agent_id=tester");
    const ids = exported.body
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as Json)["feedback_id"]);
    expect(new Set(ids).size).toBe(2_500);
    expect(exported.headers["content-type"]).toMatch(/^application\/jsonl/);
  });

  it("is CSV that no spreadsheet calculates", async () => {
    await rate({
      rating: -1,
      trace_id: "t",
      comment: '=HYPERLINK("http://x"),"\nnext',
      correction: " @sum",
      tags: ["a", "b"],
    });
    const { body, headers } = await http.call("GET", "/v1/feedback/export?format=csv");
    expect(headers["content-disposition"]).toContain('filename="feedback.csv"');
    const [head, ...rest] = body.split("\r\n");
    expect(head).toMatch(/^feedback_id,rating,key,/);
    expect(rest.join("\r\n")).toContain(`,-1,user_feedback,,a b,api,"'=HYPERLINK(""http://x""),""\nnext",' @sum,`);
  });

  it("is of one's own rows", async () => {
    await rate({ rating: -1, trace_id: "t", comment: "of ann" });
    expect((await http.call("GET", "/v1/feedback/export", { user: "bob" })).body).toBe("");
    expect((await http.call("GET", "/v1/feedback/export")).body).toContain("of ann");
  });
});

/** Rows of one moment, as many agents' people may leave them. */
async function fill(count: number, at: Date, rating = 1): Promise<void> {
  await sql`
    insert into feedback (id, target, key, author, user_id, agent, agent_type, source, rating, trace_id, created_at)
    select 'fb_' || md5(n || ${at.toISOString()}), n || ${at.toISOString()}, 'k', 'usr_1', 'usr_1', 'tester', 'tester', 'api', ${rating},
           n || ${at.toISOString()}, ${at}::timestamptz
    from generate_series(1, ${count}::int) as n`.execute(http.database.db);
}
