import { fastify, type LightMyRequestResponse } from "fastify";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newId, type UserId } from "../../src/ids.ts";
import { answerErrors } from "../../src/http/answer-errors.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { withReach } from "../../src/store/reach.ts";
import { insertSession } from "../../src/store/talk-sessions.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { insertRow } from "../support/filled-tables.ts";
import { type Browser, signedIn } from "./browser.ts";
import { OPEN, OPERATORS, NAMING, FOR_PEOPLE, LISTS, TOLD, OWN, OTHERS } from "./route-owners.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

const CANARY = "canary of ben";

let http: TestHttp;
/** What is Ben's, by the name of a parameter and the resource before it. */
let his: Record<string, string>;
let keys: { person: string; agent: string };
let browser: Browser;

beforeAll(async () => {
  const card = {
    description: "",
    instruction: "Help.",
    model: null,
    useHistory: true,
    sampling: {},
    maxSteps: 3,
    idleMs: null,
  };
  http = await startHttp({
    model: scriptedModel(),
    cards: [
      { ...card, name: "alpha", default: true },
      { ...card, name: "beta", default: false },
    ],
  });
  const { db } = http.database;
  const made = await http.call("POST", "/v1/sessions", { user: "ben", body: { agent: "beta", title: CANARY } });
  const { session_id: session, user_id: user } = made.json<{ session_id: string; user_id: UserId }>();
  const run = newId("run");
  his = {
    "sessions/id": session,
    user,
    "users/id": user,
    agent: "beta",
    "agents/name": "beta",
    run,
    file: newId("fil"),
    approval: newId("apr"),
    "feedback/id": newId("fb"),
    "traces/id": "feedfacefeedfacefeedfacefeedface",
    "keys/id": newId("key"),
  };
  const owner = { session_id: session, user_id: user, agent: "beta", run_id: run };
  const rows: [string, object][] = [
    [
      "runs",
      {
        ...owner,
        id: run,
        lane: 0,
        state: "completed",
        policy: "interrupt",
        input_through: 0,
        queued_at: "2026-01-01",
      },
    ],
    [
      "messages",
      {
        ...owner,
        seq: 1,
        message_id: newId("msg"),
        idx: 0,
        role: "user",
        parts: [{ type: "text", text: CANARY }],
        status: "complete",
      },
    ],
    ["run_events", { ...owner, attempt: 1, n: 1, type: "text", data: { text: CANARY } }],
    [
      "files",
      { ...owner, id: his["file"], name: CANARY, media_type: "text/plain", size: 1, content: String.raw`\x41` },
    ],
    [
      "approvals",
      {
        ...owner,
        id: his["approval"],
        call_id: "c",
        tool: CANARY,
        args: "{}",
        args_sha256: "x",
        again: false,
        approvers: [],
        expires_at: "2100-01-01",
      },
    ],
    [
      "feedback",
      {
        ...owner,
        id: his["feedback/id"],
        target: `run:${run}`,
        key: "rating",
        author: user,
        source: "api",
        rating: -1,
        comment: CANARY,
      },
    ],
    [
      "traces",
      { ...owner, trace_id: his["traces/id"], started_at: "2026-01-01", status: "ok", model: CANARY, tool_calls: 0 },
    ],
    [
      "spans",
      {
        trace_id: his["traces/id"],
        span_id: "1".repeat(16),
        name: CANARY,
        kind: "internal",
        start_time: 0,
        status: "ok",
        attributes: {},
        events: [],
      },
    ],
    [
      "api_keys",
      { id: his["keys/id"], name: CANARY, hash: String.raw`\x00`, agent: "beta", scopes: [], created_by: "admin" },
    ],
  ];
  for (const [table, row] of rows) await insertOwn(table, row);
  await sql`update talk_sessions set head_seq = 1 where id = ${session}`.execute(db);
  const ann = (await http.call("POST", "/v1/sessions", { user: "ann", body: { agent: "alpha" } })).json<{
    user_id: UserId;
  }>();
  browser = await signedIn(http, "ann");
  keys = {
    person: await http.key({ kind: "person", user: ann.user_id }),
    agent: await http.key({ kind: "agent", agent: "alpha" }),
  };
});
afterAll(() => http.stop());

/** With the columns alone that the table has. */
async function insertOwn(table: string, row: object): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    select attname as name from pg_attribute where attrelid = ${table}::regclass and attnum > 0`.execute(
    http.database.db,
  );
  const names = new Set(rows.map(({ name }) => name));
  const own = Object.fromEntries(Object.entries(row).filter(([name]) => names.has(name)));
  await insertRow(table, own).execute(http.database.db);
}

interface Asker {
  who: string;
  ask: (
    method: "GET" | "POST",
    url: string,
    body?: object,
    headers?: Record<string, string>,
  ) => Promise<LightMyRequestResponse>;
}
const askers = (): Asker[] => [
  {
    who: "a person",
    ask: (method, url, body, headers = {}) => http.call(method, url, { key: keys.person, body, headers }),
  },
  {
    who: "an agent",
    ask: (method, url, body, headers = {}) => http.call(method, url, { key: keys.agent, body, headers }),
  },
  { who: "a browser", ask: (method, url, body, headers = {}) => browser.call(method, url, { body, headers }) },
];

/** The method and the path of a route, about Ben's things. */
function aboutHim(route: string, session = his["sessions/id"]!): { method: "GET"; path: string } {
  const [method, url] = route.split(" ") as ["GET", string];
  const fill = (_: string, name: string) => {
    const key = `${url.split("/")[2]}/${name}`;
    return key === "sessions/id" ? session : (his[name] ?? his[key] ?? "unknown");
  };
  return { method, path: url.replaceAll(/\{(\w+)\}/g, fill) };
}

const bodyOf = (route: string): object | undefined =>
  JSON.parse(JSON.stringify(NAMING[route] ?? null).replace("{run}", his["run"]!)) ?? undefined;

/** Everything in the database that names Ben or what is his, but the counters of what was asked. */
async function allOfHis(): Promise<string[]> {
  const { rows } = await sql<{ table: string }>`
    select relname as table from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
    order by relname`.execute(http.database.db);
  const found: string[] = [];
  for (const { table } of rows) {
    const { rows: lines } = await sql<{ line: string }>`
      select to_jsonb(t)::text as line from ${sql.table(table)} t order by 1`.execute(http.database.db);
    found.push(
      ...lines.flatMap(({ line }) => (Object.values(his).some((id) => line.includes(id)) ? [`${table} ${line}`] : [])),
    );
  }
  return found;
}

describe("security-16: keys of a person and of an agent, the cookie of a browser, and what is somebody else's", () => {
  it("every route of the description has its place here", async () => {
    const { paths } = (await http.app.inject("/openapi.json")).json<{ paths: Record<string, object> }>();
    const routes = Object.entries(paths).flatMap(([url, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${url}`),
    );
    expect([...OPEN, ...OPERATORS, ...Object.keys(NAMING), ...LISTS, ...OTHERS, ...OWN, TOLD].toSorted()).toEqual(
      routes.toSorted(),
    );
  });

  it("what is an operator's is refused", async () => {
    for (const { who, ask } of askers()) {
      for (const route of OPERATORS) {
        const { method, path } = aboutHim(route);
        const answer = await ask(method, path, method === "GET" ? undefined : {});
        expect(answer.statusCode, `${who}: ${route}`).toBe(403);
        expect(answer.body).not.toContain(CANARY);
      }
    }
  });

  it("what is named is not there, also under an id of the caller's own, and stays as it is", async () => {
    const before = await allOfHis();
    expect(before.length).toBeGreaterThan(5);
    for (const { who, ask } of askers()) {
      const own = (await ask("POST", "/v1/sessions", {})).json<{ session_id: string }>().session_id;
      for (const route of Object.keys(NAMING)) {
        const abouts = [aboutHim(route), ...(/\{.*\{/.test(route) ? [aboutHim(route, own)] : [])];
        for (const { method, path } of abouts) {
          const answer = await ask(method, path, bodyOf(route));
          const status = who === "an agent" && FOR_PEOPLE.includes(route) ? 403 : 404;
          expect(answer.statusCode, `${who}: ${route}: ${answer.body}`).toBe(status);
          expect(answer.body, `${who}: ${route}`).not.toContain(CANARY);
        }
      }
      const usage = await ask("GET", `/v1/sessions/${own}/usage?run_id=${his["run"]}`);
      expect(usage.statusCode, who).toBe(404);
    }
    for (const { who, ask } of askers()) {
      const body = { trace_id: his["traces/id"], started_at: "2026-01-02T00:00:00Z", model: "taken" };
      const told = await ask("POST", "/v1/traces", body);
      expect(told.statusCode, who).toBe(403);
    }
    expect(await allOfHis()).toEqual(before);
  });

  it("what a body or a header names is not there either, and stays as it is", async () => {
    const session = his["sessions/id"]!;
    const asked = { model: "alpha", messages: [{ role: "user", content: "Hi" }] };
    const trace = { rating: 1, trace_id: his["traces/id"] };
    const named: [string, object, Record<string, string>?][] = [
      ["/v1/chat/completions", { ...asked, session_id: session }],
      ["/v1/chat/completions", { ...asked, metadata: { session_id: session } }],
      ["/v1/chat/completions", asked, { "x-session-id": session }],
      ["/v1/feedback", { rating: 1, session_id: session }],
      ["/v1/feedback", trace],
    ];
    const before = await allOfHis();
    for (const { who, ask } of askers()) {
      for (const [path, body, headers = {}] of named) {
        const answer = await ask("POST", path, body, headers);
        // Who may ask for a person, and who wrote which trace, is no secret.
        const status = who === "an agent" && (path.includes("chat") || body === trace) ? 403 : 404;
        expect(answer.statusCode, `${who}: ${path} ${JSON.stringify(body)}: ${answer.body}`).toBe(status);
      }
    }
    expect(await allOfHis()).toEqual(before);
  });

  it("lists show nothing of it, whatever the filter names", async () => {
    const { user, agent, run } = his;
    const session = his["sessions/id"];
    const filters = ["", `user_id=${user}`, `agent_id=${agent}`, `session_id=${session}`, `run_id=${run}`];
    for (const { who, ask } of askers()) {
      for (const route of LISTS) {
        for (const filter of filters) {
          const answer = await ask("GET", `${aboutHim(route).path}?${filter}`);
          const what = `${who}: ${route}?${filter}: ${answer.body}`;
          // A filter that a list does not have, or that such a key may not use, is refused.
          expect([200, ...(filter === "" ? [] : [400, 403, 404])], what).toContain(answer.statusCode);
          for (const canary of [CANARY, session, run]) expect(answer.body, what).not.toContain(canary);
        }
      }
    }
  });

  it("and the operator, who reaches all of it, sees it in the same places", async () => {
    for (const route of [
      "GET /v1/sessions/{id}",
      "GET /v1/feedback/{id}",
      "GET /v1/sessions",
      "GET /v1/feedback",
      "GET /v1/traces/{id}",
    ]) {
      const answer = await http.call("GET", aboutHim(route).path, { headers: {}, user: "ben" });
      expect(answer.body, route).toContain(CANARY);
    }
  });

  it("and where a statement is not scoped, the database refuses, which is told to the operator as a bug", async () => {
    const metrics = createMetrics();
    const app = fastify();
    answerErrors(app, metrics);
    const { user } = his;
    app.post("/", () =>
      withReach(http.database.db, { kind: "agent", agent: "alpha" }, (trx) =>
        insertSession(trx, { id: newId("ses"), userId: user as UserId, agent: "beta", placeId: null }),
      ),
    );
    const answer = await app.inject({ method: "POST", url: "/" });
    expect(answer.statusCode).toBe(403);
    expect(answer.json()).toMatchObject({ detail: "This key may not do that.", code: "forbidden" });
    expect(await metrics.render()).toContain("parley_row_refusals_total 1");
    metrics.close();
    await app.close();
  });
});
