import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import type { Readiness } from "../../src/http/readiness.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { until } from "../support/test-gateway.ts";
import { KEY, startHttp, type TestHttp } from "./start-http.ts";

const CANARY = "canary-4711-in-the-text";

let http: TestHttp;
let readiness: () => Promise<Readiness>;
let asked = 0;
const model = scriptedModel();

beforeAll(async () => {
  http = await startHttp({
    model,
    readiness: () => {
      asked++;
      return readiness();
    },
  });
});
afterAll(() => http.stop());

const reset = (): void => {
  asked = 0;
  readiness = async () => ({ ready: true, checks: { database: "ok" } });
};
reset();
afterEach(reset);

describe("health", () => {
  it("is that the process answers", async () => {
    const answer = await http.app.inject("/healthz");
    expect([answer.statusCode, answer.json()]).toEqual([200, { status: "ok" }]);
    expect((await http.app.inject({ method: "HEAD", url: "/healthz" })).statusCode).toBe(200);
  });

  it("is readiness when all checks hold", async () => {
    const answer = await http.app.inject("/readyz");
    expect([answer.statusCode, answer.json()]).toEqual([200, { status: "ready", checks: { database: "ok" } }]);
  });

  it.each([
    ["a check fails", async () => ({ ready: false, checks: { database: "is away" } }), { database: "is away" }],
    [
      "nobody can tell",
      () => Promise.reject(new GatewayError("internal", "postgres://user:pass@host")),
      { gateway: "cannot be checked" },
    ],
  ])("is no readiness when %s", async (_name, check, checks) => {
    readiness = check;
    const answer = await http.app.inject("/readyz");
    expect([answer.statusCode, answer.json()]).toEqual([503, { status: "not ready", checks }]);
  });

  it("is checked once for all who ask at once", async () => {
    const checked = Promise.withResolvers<Readiness>();
    readiness = () => checked.promise;
    const answers = Array.from({ length: 20 }, () => http.app.inject("/readyz"));
    await until("the check", () => asked === 1);
    await http.app.inject("/healthz");
    checked.resolve({ ready: true, checks: {} });
    for (const answer of await Promise.all(answers)) expect(answer.statusCode).toBe(200);
    expect(asked).toBe(1);
    await http.app.inject("/readyz");
    expect(asked).toBe(2);
  });
});

describe("metrics", () => {
  it("need the key", async () => {
    expect((await http.app.inject("/metrics")).statusCode).toBe(401);
    const answer = await http.call("GET", "/metrics");
    expect(answer.headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(answer.body).toContain("# TYPE parley_runs_total counter");
  });
});

describe("what the server says and writes", () => {
  async function talk(): Promise<string> {
    const session = await http.session();
    model.push(`You said ${CANARY}.`);
    await http.call("POST", `/v1/sessions/${session}/messages`, {
      body: { text: `Remember ${CANARY}` },
      headers: { "idempotency-key": CANARY, "x-forwarded-for": CANARY, "user-agent": CANARY },
    });
    await until("the answer", async () => {
      return (await http.call("GET", `/v1/sessions/${session}`)).json<{ head_seq: number }>().head_seq === 2;
    });
    await http.call("GET", `/v1/sessions?before=${CANARY}`);
    await http.app.inject({ url: `/v1/sessions?key=${KEY}`, headers: { authorization: `Bearer ${KEY}x` } });
    return session;
  }

  it("security-30: a line for each request, without what was said, asked or presented", async () => {
    http.lines.length = 0;
    await talk();
    const lines = http.lines.filter(({ msg }) => msg === "request");
    expect(lines[0]).toMatchObject({
      level: "info",
      method: "POST",
      route: "/v1/sessions",
      status: 201,
      ms: expect.any(Number),
      remote: "127.0.0.1",
      request_id: expect.stringMatching(/^[\da-f-]{36}$/),
    });
    expect(lines.map(({ route, status }) => [route, status])).toEqual(
      expect.arrayContaining([
        ["/v1/sessions/:id/messages", 202],
        ["/v1/sessions", 400],
        ["/v1/sessions", 401],
      ]),
    );
    const written = JSON.stringify(http.lines);
    expect(written).not.toContain(CANARY);
    expect(written).not.toContain(KEY);
    expect(written).not.toMatch(/Bearer|authorization|\?/i);
  });

  it("writes nothing about probes that find all well", async () => {
    http.lines.length = 0;
    for (const url of ["/healthz", "/readyz"]) await http.app.inject(url);
    await http.call("GET", "/metrics");
    expect(http.lines).toEqual([]);
  });

  it("security-29: no key, text, name or address on any page that is open or scraped", async () => {
    await talk();
    const pages = [
      await http.app.inject("/healthz"),
      await http.app.inject("/readyz"),
      await http.app.inject("/openapi.json"),
      await http.call("GET", "/metrics"),
      await http.app.inject("/v1/sessions"),
      await http.app.inject("/nothing"),
    ];
    for (const { body, headers } of pages) {
      const all = body + JSON.stringify(headers);
      expect(all).not.toContain(KEY);
      expect(all).not.toContain(CANARY);
      expect(all).not.toMatch(/postgres:\/\/|ses_[0-9a-f]{32}|usr_[0-9a-f]{32}/);
      expect(headers["server"] ?? headers["x-powered-by"]).toBeUndefined();
    }
  });
});

describe("the description of the API", () => {
  it("is OpenAPI with every route, its scope and its refusals", async () => {
    const answer = await http.app.inject("/openapi.json");
    expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
    const { openapi, paths } = answer.json<{ openapi: string; paths: Record<string, Record<string, object>> }>();
    expect(openapi).toBe("3.1.0");
    for (const path of ["/healthz", "/metrics", "/openapi.json", "/readyz", "/v1/sessions", "/v1/users/{id}/export"]) {
      expect(Object.keys(paths)).toContain(path);
    }
    for (const [path, methods] of Object.entries(paths).filter(
      ([each]) => each.startsWith("/v1/") && !/^\/v1\/(version|sign-in(\/guest|\/whose)?|sign-out)$/.test(each),
    )) {
      for (const said of Object.values(methods))
        expect(said, path).toMatchObject({ security: [{ key: [expect.stringContaining(":")] }] });
    }
    expect(paths["/v1/sessions/{id}/messages"]?.["post"]).toMatchObject({
      security: [{ key: ["sessions:write"] }],
      requestBody: { content: { "application/json": { schema: { required: ["text"] } } } },
      responses: { 202: {}, default: { content: { "application/problem+json": {} } } },
    });
    expect(paths["/v1/sessions/{id}/events"]?.["get"]).toMatchObject({
      responses: { 200: { content: { "text/event-stream": {} } } },
    });
  });
});
