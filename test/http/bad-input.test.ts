import * as fc from "fast-check";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import type { UserId } from "../../src/ids.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { until } from "../support/test-gateway.ts";
import { KEY, startHttp, type TestHttp } from "./start-http.ts";

/** What no answer may hold: stacks, statements, paths, and the names of what is inside. */
const INSIDE = /node_modules|node:internal|\.ts\b|\n\s+at |select |insert |update |FST_|SQLSTATE|syntax error|kysely/i;

let http: TestHttp;
let session: string;
const model = scriptedModel();

beforeAll(async () => {
  http = await startHttp({ model });
  session = await http.session();
});
afterAll(() => http.stop());

interface Answer {
  statusCode: number;
  body: string;
  headers: Record<string, unknown>;
}

/** The answer is one that a client can use, and nothing failed inside. */
function expectSound(answer: Answer, what: string): void {
  expect(answer.statusCode, what).toBeLessThan(500);
  expect(answer.body, what).not.toMatch(INSIDE);
  if (answer.statusCode < 400) return;
  expect(answer.headers["content-type"], what).toBe("application/problem+json; charset=utf-8");
  expect(JSON.parse(answer.body), what).toMatchObject({ type: "about:blank", status: answer.statusCode });
}

function post(payload: string | Buffer, headers: Record<string, string> = {}) {
  return http.app.inject({
    method: "POST",
    url: `/v1/sessions/${session}/messages`,
    headers: { authorization: `Bearer ${KEY}`, "parley-user": "ann", "content-type": "application/json", ...headers },
    payload,
  });
}

const deep = (open: string, close: string, depth: number): string => open.repeat(depth) + close.repeat(depth);

describe("security-10: a hostile body", () => {
  it.each([
    ["nothing", ""],
    ["no JSON", "{"],
    ["half a string", '{"text":"'],
    ["JSON that is no object", "null"],
    ["a number", "1e999"],
    ["a list", "[]"],
    ["100,000 lists in each other", deep("[", "]", 100_000)],
    ["100,000 objects in each other", `{"text":${deep('{"a":', "}", 100_000).replace("}", "1}")}}`],
    ["50,000 fields", `{${Array.from({ length: 50_000 }, (_, n) => `"f${n}":1`).join(",")}}`],
    ["a prototype", '{"text":"x","__proto__":{"admin":true}}'],
    ["a prototype in escapes", '{"text":"x","\\u005f_proto__":{"admin":true}}'],
    ["a constructor", '{"text":"x","constructor":{"prototype":{"admin":true}}}'],
    ["another encoding", Buffer.from('{"text":"x"}', "utf16le")],
    ["compressed bytes that are none", Buffer.from([0x1f, 0x8b, 0x08, 0x00])],
  ])("is refused by name: %s", async (name, payload) => {
    const answer = await post(payload);
    expect(answer.statusCode, name).toBe(400);
    expectSound(answer, name);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it("of very many fields is refused without naming them", async () => {
    const fields = Array.from({ length: 50_000 }, (_, n) => `"f${n}":1`).join(",");
    expect((await post(`{${fields}}`)).json()).toMatchObject({ status: 400, detail: "body is too large" });
  });

  it("that is one long text is refused as that", async () => {
    const answer = await post(JSON.stringify("x".repeat(500_000)));
    expect(answer.json()).toMatchObject({ status: 400, detail: "body must be object" });
  });

  it.each([
    "text/plain",
    "application/xml",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "x",
  ])("of the type %s is refused as that", async (type) => {
    const answer = await post('{"text":"x"}', { "content-type": type });
    expect([answer.statusCode, answer.json<{ detail: string }>().detail]).toEqual([415, "Send application/json."]);
  });

  it.each([
    ["NUL", '{"text":"a\\u0000b"}', "a\ufffdb"],
    ["a lone surrogate", '{"text":"a\\ud800b"}', "a\ufffdb"],
    ["bytes that are no UTF-8", Buffer.from('{"text":"a\xffb"}', "latin1"), "a\ufffdb"],
    ["a byte order mark before", '\ufeff{"text":"x"}', "x"],
    ["a whole emoji", '{"text":"a😀b"}', "a😀b"],
    ["SQL", `{"text":"'; drop table messages; --"}`, "'; drop table messages; --"],
  ])("that says %s is stored as text", async (_name, payload, stored) => {
    session = await http.session();
    model.push("ok");
    expect((await post(payload)).statusCode).toBe(202);
    const read = async () =>
      (await http.call("GET", `/v1/sessions/${session}`)).json<{ messages: { text: string }[] }>().messages;
    await until("the history", async () => (await read()).length === 2);
    expect((await read())[0]?.text).toBe(stored);
  });

  it("of any JSON is answered soundly", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const text = JSON.stringify(value);
        expectSound(await post(text), text);
        const made = await http.call("POST", "/v1/sessions", {
          body: JSON.parse(text),
          headers: { "content-type": "application/json" },
        });
        expectSound(made, text);
      }),
      { numRuns: 60 },
    );
  });

  it("of any bytes is answered soundly", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        expectSound(await post(Buffer.from(bytes)), Buffer.from(bytes).toString("hex"));
      }),
      { numRuns: 60 },
    );
  });
});

describe("security-43: filters, ids, cursors, names and keys", () => {
  const NASTY = [
    "'",
    "' or '1'='1",
    "1; drop table talk_sessions; --",
    '"',
    "\\",
    "%00",
    "%ff",
    "$1",
    "{}",
    "[]",
    "-1",
    "0",
    "1e9",
    "99999999999999999999",
    "NaN",
    "null",
    "__proto__",
    "../../etc/passwd",
    "${jndi:ldap://x}",
    "\u202e",
    "😀",
  ];
  const encoded = (text: string): string => (text.startsWith("%") ? text : encodeURIComponent(text));

  it("are parameters and nothing else, whatever they hold", async () => {
    const { rows: before } = await sql<{ n: number }>`select count(*) as n from talk_sessions`.execute(
      http.database.db,
    );
    for (const text of NASTY) {
      const value = encoded(text);
      const urls = [
        `/v1/sessions?before=${value}`,
        `/v1/sessions?limit=${value}`,
        `/v1/sessions?${value}=1`,
        `/v1/sessions/${session}?after=${value}`,
        `/v1/sessions/${session}/messages?after=${value}&limit=${value}`,
        `/v1/sessions/${session}/messages?limit=1&limit=2`,
        `/v1/sessions/${value}`,
        `/v1/pairings/${value}/approve`,
        `/v1/deliveries?state=${value}&limit=${value}`,
        `/${value}`,
      ];
      for (const url of urls) {
        const method = url.includes("pairings") ? "POST" : "GET";
        expectSound(await http.call(method, url), url);
      }
      const header = Buffer.from(text, "utf8").toString("latin1");
      if (!/[\u0000-\u001f\u007f]/.test(header)) {
        expectSound(await http.call("GET", "/v1/sessions", { user: header }), `as ${text}`);
        expectSound(await post('{"text":"x"}', { "idempotency-key": header }), `with ${text}`);
      }
    }
    const { rows: after } = await sql<{ n: number }>`select count(*) as n from talk_sessions`.execute(http.database.db);
    expect(after).toEqual(before);
  });

  it("security-10: with NUL, and times that no calendar has, are refused wherever one is taken", async () => {
    const { paths } = (await http.app.inject("/openapi.json")).json<{
      paths: Record<string, Record<string, { parameters?: { name: string; in: string; schema: object }[] }>>;
    }>();
    const cursor = Buffer.from("0000-01-01T00:00:00.000Z x").toString("base64url");
    const urls = Object.entries(paths).flatMap(([path, { get }]) => {
      const plain = path.replaceAll(/\{\w+\}/g, "a%00");
      const names = (get?.parameters ?? []).flatMap((each) => (each.in === "query" ? [each.name] : []));
      const valuesOf = (name: string) =>
        name === "cursor" ? ["AA", cursor] : /since|until/.test(name) ? ["0000-01-01"] : ["a%00"];
      return get ? [plain, ...names.flatMap((name) => valuesOf(name).map((value) => `${plain}?${name}=${value}`))] : [];
    });
    expect(urls.length).toBeGreaterThan(100);
    for (const url of urls) expectSound(await http.call("GET", url), url);
  });

  it("security-10: of what is kept are refused where they cannot be", async () => {
    const [agent, person] = [{ kind: "agent", agent: "mira" } as const, { kind: "person" } as const];
    const { user_id: user } = (await http.call("GET", `/v1/sessions/${session}`)).json<{ user_id: UserId }>();
    const [asAgent, asPerson] = [await http.key(agent), await http.key({ ...person, user })];
    const nul = "a\0";
    const lists = deep("[", "]", 5_000);
    const trace = { trace_id: "t", started_at: "2026-01-01T00:00:00Z" };
    const tokens = { span_id: "a", attributes: { prompt_tokens: Number.MAX_SAFE_INTEGER } };
    await http.call("PUT", "/v1/sessions/mine", { key: asAgent, body: { messages: [] } });
    const refused: [string, string, string | undefined, unknown][] = [
      ["POST", "/v1/traces", asAgent, { ...trace, status: nul }],
      ["POST", "/v1/traces", asAgent, { ...trace, started_at: "0000-01-01T00:00:00Z" }],
      ["POST", "/v1/traces", undefined, { ...trace, agent_id: nul }],
      ["POST", "/v1/feedback", asPerson, { rating: 1, trace_id: nul }],
      ["POST", "/v1/sessions", asAgent, { user: nul }],
      ["POST", "/v1/keys", undefined, { name: "x", user: nul }],
      ["POST", "/v1/keys", undefined, { name: "x", role: "viewer", expires_at: "2099-12-31T23:59:60Z" }],
      ["POST", "/v1/agents", undefined, { name: "x", url: "https://x.example", description: nul }],
      ["PUT", "/v1/sessions/mine", asAgent, `{"messages":[{"role":"user","content":${lists}}]}`],
      ["PATCH", "/v1/sessions/mine", asAgent, `{"metadata":{"a":${lists}}}`],
    ];
    for (const [method, url, key, body] of refused) {
      const headers = { "content-type": "application/json" };
      const answer = await http.call(method, url, { ...(key && { key }), body, headers });
      expect(answer.statusCode, `${method} ${url} ${JSON.stringify(body).slice(0, 100)}: ${answer.body}`).toBe(400);
      expectSound(answer, url);
    }
    const kept: [string, string, unknown][] = [
      ["POST", "/v1/traces", { ...trace, spans: [tokens, { ...tokens, span_id: "b" }] }],
      ["PATCH", "/v1/sessions/mine", { metadata: { [nul]: 1 } }],
      ["PATCH", "/v1/sessions/mine", { metadata: { [nul]: null } }],
    ];
    for (const [method, url, body] of kept) {
      expect((await http.call(method, url, { key: asAgent, body })).statusCode, url).toBeLessThan(300);
    }
    const left = await http.call("GET", "/v1/sessions/mine", { key: asAgent });
    expect(left.json<{ metadata: object }>().metadata).toEqual({});
  });

  it("of any text are answered soundly", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 50 }), async (text) => {
        const value = encodeURIComponent(text.toWellFormed());
        for (const url of [
          `/v1/sessions/${value}`,
          `/v1/sessions?before=${value}`,
          `/v1/sessions/${session}?after=${value}`,
        ]) {
          expectSound(await http.call("GET", url), url);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("security-39: what breaks inside", () => {
  it("is told as that it broke and under which number, and no more", async () => {
    const broken = await startHttp({
      approvePairing: () =>
        Promise.reject(new Error(`select * from secrets where key = '${KEY}' at /srv/parley/x.ts:1`)),
    });
    const answer = await broken.call("POST", "/v1/pairings/ABCD2345/approve");
    expect(answer.statusCode).toBe(500);
    expect(answer.json()).toEqual({
      type: "about:blank",
      title: "Internal Server Error",
      status: 500,
      detail: "Something went wrong.",
      code: "internal",
      request_id: answer.headers["x-request-id"],
    });
    const line = broken.lines.find(({ msg }) => msg === "a request failed");
    expect(line).toMatchObject({ level: "error", request_id: answer.headers["x-request-id"] });
    expect(JSON.stringify(broken.lines)).not.toContain(KEY);
    await broken.stop();
  });

  it.each([
    ["away", new GatewayError("unavailable", "The database is away.", { cause: new Error("password=x") }), 503, "5"],
    ["busy", new GatewayError("rate_limited", "Too much.", { retryAfterMs: 1_500 }), 429, "2"],
    ["asleep", new GatewayError("unavailable", "Later.", { retryAfterMs: 90_000 }), 503, "90"],
  ])("only for a while says when to come again: %s", async (_name, error, status, seconds) => {
    const broken = await startHttp({ approvePairing: () => Promise.reject(error) });
    const answer = await broken.call("POST", "/v1/pairings/ABCD2345/approve");
    expect([answer.statusCode, answer.headers["retry-after"]]).toEqual([status, seconds]);
    expect(answer.json()).toMatchObject({ detail: error.message, code: error.code });
    await broken.stop();
  });

  it("takes too long is ended with a refusal to come again for", async () => {
    const slow = await startHttp({ approvePairing: () => new Promise(() => undefined), limits: { answerMs: 50 } });
    const answer = await slow.call("POST", "/v1/pairings/ABCD2345/approve");
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toMatchObject({ code: "unavailable", detail: "This took too long. Try again." });
    await slow.stop();
  });
});
