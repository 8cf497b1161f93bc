import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SpanNode } from "../../src/http/trace-json.ts";
import { newId, newTraceId, type SessionId } from "../../src/ids.ts";
import { writeTraces } from "../../src/store/traces.ts";
import { callTool, finish, scriptedModel } from "../fakes/scripted-model.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { until } from "../support/test-gateway.ts";
import { KEY, startHttp, type TestHttp } from "./start-http.ts";

let http: TestHttp;
let agentA: string;
let agentB: string;
const model = scriptedModel();

beforeAll(async () => {
  http = await startHttp({ model, tools: scriptedTools({ look_up: { answer: "found the CANARY-RESULT" } }) });
  agentA = await http.key({ kind: "agent", agent: "far" });
  agentB = await http.key({ kind: "agent", agent: "other" });
});
afterAll(() => http.stop());

interface TraceJson {
  trace_id: string;
  status: string;
  spans: { span_id: string; name: string }[];
  tree: SpanNode[];
  [field: string]: unknown;
}

/** Says something, waits for the answer, and returns the trace of its run. */
async function ask(session: string, text: string, user = "ann"): Promise<TraceJson> {
  const list = async () => {
    return (await http.call("GET", `/v1/traces?session_id=${session}`, { user })).json<TraceJson[]>();
  };
  const before = (await list()).length;
  await http.call("POST", `/v1/sessions/${session}/messages`, { user, body: { text } });
  await until("the trace has ended", async () => {
    const found = await list();
    return found.length === before + 1 && found[0]!.status !== "running";
  });
  const id = (await list())[0]!.trace_id;
  return (await http.call("GET", `/v1/traces/${id}`, { user })).json<TraceJson>();
}

/** Lines that are indented like the tree. */
function outline(nodes: readonly SpanNode[], depth = 0): string[] {
  return nodes.flatMap((node) => [`${"  ".repeat(depth)}${node.name}`, ...outline(node.children, depth + 1)]);
}

describe("the trace of a run", () => {
  it("has its steps as a tree, without a word of what was said, and is its user's alone", async () => {
    const session = await http.session();
    model.push(
      ["Let me see.", callTool("look_up", `{"q":"CANARY-ARGS"}`), finish("stop", { inputTokens: 10, outputTokens: 2 })],
      ["It is CANARY-ANSWER.", finish("stop", { inputTokens: 20, outputTokens: 3, cachedTokens: 4 })],
    );
    const trace = await ask(session, "CANARY-QUESTION");
    expect(outline(trace.tree)).toEqual([
      "run tester",
      "  accept",
      "  wait",
      "  invoke_agent tester",
      "    chat scripted",
      "    execute_tool look_up",
      "    chat scripted",
    ]);
    expect(trace).toMatchObject({
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      session_id: session,
      agent_id: "tester",
      platform: "api",
      status: "ok",
      model: "scripted",
      tool_calls: 1,
      prompt_tokens: 30,
      completion_tokens: 5,
      span_count: 7,
    });
    const [run] = trace.tree;
    expect(run!.end_time! - run!.start_time).toBeCloseTo((trace["duration_ms"] as number) / 1000, 2);
    const last = run!.children[2]!.children[2]!;
    expect(last).toMatchObject({
      kind: "client",
      status: "ok",
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.conversation.id": session,
        "gen_ai.response.model": "scripted",
        "gen_ai.usage.input_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.response.finish_reasons": ["stop"],
      },
    });
    expect(JSON.stringify(trace)).not.toContain("CANARY");
    const events = await http.database.db.selectFrom("runs").select("trace_id").execute();
    expect(events.map(({ trace_id }) => trace_id)).toContain(trace.trace_id);
    for (const [user, status] of [
      ["ann", 200],
      ["nosy", 404],
    ] as const) {
      expect((await http.call("GET", `/v1/traces/${trace.trace_id}`, { user })).statusCode).toBe(status);
    }
    expect((await http.call("GET", "/v1/traces", { user: "nosy" })).json()).toEqual([]);
    expect((await http.call("GET", `/v1/traces/${trace.trace_id}`, { key: agentA })).statusCode).toBe(404);
  });

  it("tells why it failed by a code", async () => {
    const session = await http.session();
    model.push(["Half an answer", finish("refusal")]);
    const trace = await ask(session, "well?");
    expect(trace.status).toBe("error");
    const attempt = trace.tree[0]!.children.at(-1)!;
    expect(attempt).toMatchObject({ name: "invoke_agent tester", status: "error" });
    expect(attempt.attributes["error.type"]).toEqual(expect.stringMatching(/^\w+$/));
  });
});

describe("a trace that an agent tells", () => {
  /** The seed project's shape: ids of its own, and times of a clock that counts from anywhere. */
  const told = {
    trace_id: "trace_0123456789abcdef",
    started_at: "2026-04-28T10:00:00.000000+00:00",
    ended_at: "2026-04-28T10:00:02.500000+00:00",
    model: "granite",
    session_id: "sess_0123456789abcdef",
    status: "ok",
    spans: [
      {
        trace_id: "trace_0123456789abcdef",
        span_id: "span_1",
        parent_span_id: null,
        name: "request",
        start_time: 1234.5,
        end_time: 1237,
        status: "ok",
        attributes: {},
        events: [],
      },
      {
        trace_id: "trace_0123456789abcdef",
        span_id: "span_2",
        parent_span_id: "span_1",
        name: "model_call",
        start_time: 1234.75,
        end_time: 1236,
        status: "ok",
        attributes: { prompt_tokens: 12, completion_tokens: 5 },
        events: [{ name: "first" }],
      },
    ],
  };

  it("is read as it was told, and told again", async () => {
    const saved = await http.call("POST", "/v1/traces", { key: agentA, body: told });
    expect([saved.statusCode, saved.json()]).toEqual([201, { trace_id: told.trace_id, saved: true }]);
    const read = (await http.call("GET", `/v1/traces/${told.trace_id}`, { key: agentA })).json<TraceJson>();
    expect(read).toMatchObject({
      ...told,
      started_at: "2026-04-28T10:00:00.000Z",
      ended_at: "2026-04-28T10:00:02.500Z",
      agent_id: "far",
      user_id: null,
      duration_ms: 2500,
      prompt_tokens: 12,
      completion_tokens: 5,
    });
    expect(outline(read.tree)).toEqual(["request", "  model_call"]);
    await http.call("POST", "/v1/traces", { key: agentA, body: { ...told, status: "error", spans: [] } });
    const again = (await http.call("GET", "/v1/traces?status=error", { key: agentA })).json<TraceJson[]>();
    expect(again).toMatchObject([{ trace_id: told.trace_id, status: "error", span_count: 2 }]);
  });

  it("security-16: is its agent's alone, and another agent's trace id is refused", async () => {
    await http.call("POST", "/v1/traces", { key: agentA, body: told });
    const foreign = await http.call("POST", "/v1/traces", { key: agentB, body: { ...told, status: "taken" } });
    expect([foreign.statusCode, foreign.json()]).toMatchObject([403, { detail: "This trace is another agent's." }]);
    expect((await http.call("GET", `/v1/traces/${told.trace_id}`, { key: agentB })).statusCode).toBe(404);
    expect((await http.call("GET", "/v1/traces", { key: agentB })).json()).toEqual([]);
    const posing = await http.call("POST", "/v1/traces", { key: agentB, body: { ...told, agent_id: "far" } });
    expect(posing.statusCode).toBe(403);
    // A run's trace is the gateway's, whoever knows its id.
    model.push("Yes.");
    const session = await http.session();
    const { trace_id, status } = await ask(session, "well?");
    const mine = await http.key({ kind: "agent", agent: "tester" });
    expect(
      (await http.call("POST", "/v1/traces", { key: agentA, body: { ...told, trace_id, spans: [] } })).statusCode,
    ).toBe(403);
    const more = { span_id: "inner", name: "rerank", start_time: 1, end_time: 2 };
    const root = (await http.call("GET", `/v1/traces/${trace_id}`)).json<TraceJson>().tree[0]!.span_id;
    const body = { trace_id, started_at: told.started_at, status: "x", spans: [more, { ...more, span_id: root }] };
    expect((await http.call("POST", "/v1/traces", { key: mine, body })).statusCode).toBe(201);
    const after = (await http.call("GET", `/v1/traces/${trace_id}`)).json<TraceJson>();
    expect(after).toMatchObject({ status, session_id: session });
    expect(after.tree.map(({ name }) => name).toSorted()).toEqual(["rerank", "run tester"]);
  });

  it("security-45: goes where the session goes that its agent calls by its own id, told before it or after", async () => {
    const canary = "what zoe said";
    const tell = (id: string, session: string) => {
      const spans = [{ span_id: "a", attributes: { input: canary } }];
      const body = { trace_id: id, started_at: told.started_at, session_id: session, spans };
      return http.call("POST", "/v1/traces", { key: agentA, body });
    };
    await tell("before", "talk");
    const body = { session_id: "talk", user: "zoe" };
    const made = await http.call("POST", "/v1/sessions", { key: agentA, body });
    const { id: session, user_id: user } = made.json<{ id: string; user_id: string }>();
    await tell("after", "talk");
    await tell("elsewhere", "other-talk");
    const listed = async (key: string, id: string) =>
      (await http.call("GET", `/v1/traces?session_id=${id}`, { key })).json<TraceJson[]>();
    const shown = (await listed(agentA, "talk")).map((each) =>
      [each.trace_id, each["session_id"], each["user_id"]].join(),
    );
    expect(shown.toSorted()).toEqual([`after,talk,${user}`, `before,talk,${user}`]);
    expect(await listed(agentB, "talk")).toEqual([]);
    const owner = await http.key({ kind: "operator", role: "owner" });
    expect((await listed(owner, session)).map((each) => each["session_id"])).toEqual([session, session]);
    const rated = { rating: -1, trace_id: "after", comment: canary };
    await http.call("POST", "/v1/feedback", { key: agentA, body: rated });
    const opinions = await http.call("GET", "/v1/feedback?session_id=talk", { key: agentA });
    expect(opinions.json()).toMatchObject([{ session_id: session, user_id: user, trace_id: "after" }]);
    const counted = await http.call("GET", "/v1/feedback/stats?session_id=talk", { key: agentA });
    expect(counted.json()).toMatchObject([{ agent_id: "far", thumbs_down: 1 }]);
    expect((await http.call("GET", `/v1/users/${user}/export`)).body).toContain(canary);
    expect((await http.call("DELETE", "/v1/sessions/talk", { key: agentA })).statusCode).toBe(200);
    for (const [id, status] of Object.entries({ before: 404, after: 404, elsewhere: 200 })) {
      expect((await http.call("GET", `/v1/traces/${id}`, { key: agentA })).statusCode, id).toBe(status);
    }
  });

  it("says what is wrong with it", async () => {
    const post = async (body: unknown) => (await http.call("POST", "/v1/traces", { key: agentA, body })).json();
    expect(await post({ resourceSpans: [] })).toMatchObject({ status: 400, detail: expect.stringContaining("OTLP") });
    expect(await post({ ...told, started_at: "yesterday" })).toMatchObject({ status: 400 });
    expect(await post({ ...told, trace_id: "no good" })).toMatchObject({ status: 400 });
    expect(await post({ ...told, owner: "me" })).toMatchObject({ status: 400 });
    expect(await post({ ...told, spans: [{ ...told.spans[0], trace_id: "another" }] })).toMatchObject({ status: 400 });
    const person = await http.call("POST", "/v1/traces", { body: told });
    expect(person.statusCode).toBe(403);
  });

  it("may tell of spans in a ring", async () => {
    const ring = ["a", "b", "c"].map((id, n) => ({ span_id: id, parent_span_id: "bca"[n], name: id, start_time: n }));
    const body = { trace_id: "ring", started_at: told.started_at, spans: ring };
    await http.call("POST", "/v1/traces", { key: agentA, body });
    const { tree } = (await http.call("GET", "/v1/traces/ring", { key: agentA })).json<TraceJson>();
    expect(outline(tree)).toEqual(["a", "  c", "    b"]);
  });
});

describe("the list of traces", () => {
  it("is filtered, newest first, and goes on where a page ended", async () => {
    const key = await http.key({ kind: "agent", agent: "lister" });
    for (let n = 0; n < 5; n++) {
      const at = (s: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, s)).toISOString();
      const body = {
        trace_id: `t${n}`,
        started_at: at(n),
        ended_at: at(n + n),
        model: n % 2 ? "odd" : "even",
        session_id: "s",
      };
      await http.call("POST", "/v1/traces", { key, body });
    }
    const ids = async (query: string) => {
      const answer = await http.call("GET", `/v1/traces?${query}`, { key });
      return [
        answer
          .json<TraceJson[]>()
          .map(({ trace_id }) => trace_id)
          .join(" "),
        answer.headers["link"],
      ] as const;
    };
    const [first, link] = await ids("limit=2&session_id=s");
    expect(first).toBe("t4 t3");
    const next = /^<\/v1\/traces\?(.*)>; rel="next"$/.exec(String(link))![1]!;
    const [second, on] = await ids(next);
    expect(second).toBe("t2 t1");
    const rest = /^<\/v1\/traces\?(.*)>; rel="next"$/.exec(String(on))![1]!;
    expect(await ids(rest)).toEqual(["t0", undefined]);
    expect((await ids("model=odd"))[0]).toBe("t3 t1");
    expect((await ids("min_duration_ms=3000"))[0]).toBe("t4 t3");
    expect((await ids("since=2026-01-01T00:00:01Z&until=2026-01-01T00:00:03Z"))[0]).toBe("t2 t1");
    expect((await ids("limit=2&offset=3"))[0]).toBe("t1 t0");
    expect((await ids("since=2d"))[0]).toBe("");
    await http.call("POST", "/v1/feedback", { key, body: { trace_id: "t2", rating: -1 } });
    expect((await ids("has_feedback=true"))[0]).toBe("t2");
    expect((await ids("has_feedback=false"))[0]).toBe("t4 t3 t1 t0");
    for (const bad of ["since=soon", "cursor=x", "limit=0", "has_feedback=maybe", "colour=red"]) {
      expect((await http.call("GET", `/v1/traces?${bad}`, { key })).statusCode, bad).toBe(400);
    }
    const headers = { authorization: `Bearer ${KEY}` };
    const all = await http.app.inject({ url: "/v1/traces?agent_id=lister", headers });
    expect(all.json()).toHaveLength(5);
  });

  it("leaves none out of runs that began within the same millisecond, as those of one commit do", async () => {
    const session = (await http.session("burst")) as SessionId;
    const startedMs = Date.UTC(2026, 0, 2) + 0.678;
    const about = { session, agent: "tester", account: null, platform: "api", model: null, status: "ok" as const };
    const spent = {
      startedMs,
      endedMs: startedMs + 1,
      inputTokens: 0,
      outputTokens: 0,
      toolCalls: 0,
      firstShownMs: null,
    };
    const rows = Array.from({ length: 5 }, () => ({ ...about, ...spent, traceId: newTraceId(), run: newId("run") }));
    await writeTraces(http.database.db, rows, []);
    const seen: string[] = [];
    for (let query = "limit=2"; query !== "";) {
      const page = await http.call("GET", `/v1/traces?session_id=${session}&${query}`, { user: "burst" });
      seen.push(...page.json<TraceJson[]>().map(({ trace_id }) => trace_id));
      const cursor = page.headers["x-next-cursor"];
      query = cursor === undefined ? "" : `limit=2&cursor=${String(cursor)}`;
    }
    expect(seen.toSorted()).toEqual(rows.map(({ traceId }) => traceId).toSorted());
  });
});
