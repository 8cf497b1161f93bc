import { fastify } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthFailures } from "../../src/http/auth-failures.ts";
import { requireKey } from "../../src/http/authenticate.ts";
import { CallRates } from "../../src/http/call-rates.ts";
import { KeyRing } from "../../src/http/key-ring.ts";
import { silentLog } from "../support/store-engines.ts";
import { KEY, startHttp, type TestHttp } from "./start-http.ts";

/** What is asked of a route with a session's id, besides the id. */
const BODIES: Record<string, unknown> = {
  "PUT /v1/sessions/{id}": { messages: [] },
  "PATCH /v1/sessions/{id}": { title: "Mine now" },
  "POST /v1/sessions/{id}/fork": {},
  "POST /v1/sessions/{id}/revert": { to_message_index: 0 },
  "POST /v1/sessions/{id}/messages": { text: "Is anybody there?" },
  "POST /v1/sessions/{id}/approvals/{approval}": { decision: "approved" },
};

interface Route {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  url: string;
  scopes: string[];
}

let http: TestHttp;
let routes: Route[];
let foreign: string;

beforeAll(async () => {
  http = await startHttp();
  foreign = await http.session("somebody else");
  const { paths } = (await http.app.inject("/openapi.json")).json<{
    paths: Record<string, Record<string, { security: { key: string[] }[] }>>;
  }>();
  routes = Object.entries(paths).flatMap(([url, methods]) =>
    Object.entries(methods).map(([method, { security }]) => ({
      method: method.toUpperCase() as Route["method"],
      url,
      scopes: security.flatMap(({ key }) => key),
    })),
  );
});
afterAll(() => http.stop());

const named = ({ method, url }: Route): string => `${method} ${url}`;

describe("security-16: a session of somebody else", () => {
  it("is not there, on any route, like an unknown and a malformed one", async () => {
    const personal = routes.filter(({ url }) => url.startsWith("/v1/sessions/{id}"));
    expect(personal.map(named).toSorted()).toEqual([
      "DELETE /v1/sessions/{id}",
      "GET /v1/sessions/{id}",
      "GET /v1/sessions/{id}/approvals",
      "GET /v1/sessions/{id}/cost_data",
      "GET /v1/sessions/{id}/events",
      "GET /v1/sessions/{id}/files/{file}",
      "GET /v1/sessions/{id}/messages",
      "GET /v1/sessions/{id}/news",
      "GET /v1/sessions/{id}/reasoning",
      "GET /v1/sessions/{id}/runs",
      "GET /v1/sessions/{id}/usage",
      "PATCH /v1/sessions/{id}",
      "POST /v1/sessions/{id}/approvals/{approval}",
      "POST /v1/sessions/{id}/files",
      "POST /v1/sessions/{id}/fork",
      "POST /v1/sessions/{id}/messages",
      "POST /v1/sessions/{id}/revert",
      "POST /v1/sessions/{id}/runs/{run}/cancel",
      "POST /v1/sessions/{id}/stop",
      "PUT /v1/sessions/{id}",
    ]);
    const ids = [
      foreign,
      `ses_${"0".repeat(32)}`,
      foreign.toUpperCase(),
      foreign.replace("ses_", "run_"),
      `${foreign}%00`,
      "%20",
      "..%2f..%2fetc%2fpasswd",
      "'%20or%20true--",
      "%F0%9F%98%80",
      "x".repeat(9_000),
    ];
    for (const route of personal) {
      const answers = [];
      for (const id of ids) {
        const url = route.url.replace("{id}", id);
        const { statusCode, headers, body } = await http.call(route.method, url, { body: BODIES[named(route)] });
        const { "x-request-id": _id, date: _date, ...rest } = headers;
        answers.push({ statusCode, headers: rest, body });
      }
      expect(answers[0], named(route)).toMatchObject({ statusCode: 404 });
      expect(JSON.parse(answers[0]!.body), named(route)).toEqual({
        type: "about:blank",
        title: "Not Found",
        status: 404,
        detail: "There is no such session.",
        code: "not_found",
      });
      for (const answer of answers) expect(answer, named(route)).toEqual(answers[0]);
    }
  });

  it("is not in anybody else's list", async () => {
    const list = (await http.call("GET", "/v1/sessions", { user: "nosy" })).json<{ sessions: unknown[] }>();
    expect(list.sessions).toEqual([]);
  });
});

describe("security-33: every route that is not public", () => {
  it("says its scope, and nothing else is open but health, the description and signing in", () => {
    const open = routes.filter(({ scopes }) => scopes.length === 0);
    expect(open.map(named).toSorted()).toEqual([
      "GET /healthz",
      "GET /openapi.json",
      "GET /readyz",
      "GET /v1/sign-in",
      "GET /v1/version",
      "POST /v1/sign-in",
      "POST /v1/sign-in/guest",
      "POST /v1/sign-in/whose",
      "POST /v1/sign-out",
    ]);
    expect(routes.filter(({ url }) => url.startsWith("/v1/")).length).toBeGreaterThanOrEqual(8);
    for (const { scopes } of routes) expect(scopes.length).toBeLessThanOrEqual(1);
  });

  it("refuses whoever has no key, before it looks at anything else", async () => {
    for (const { method, url, scopes } of routes) {
      if (scopes.length === 0) continue;
      const refused = await http.app.inject({ method, url: url.replace(/\{\w+\}/, foreign), payload: "{ no json" });
      expect(refused.statusCode, url).toBe(401);
      expect(refused.headers["www-authenticate"]).toBe("Bearer");
      expect(refused.json()).toMatchObject({ status: 401, code: "unauthorized" });
    }
  });

  it("cannot be made without a scope", async () => {
    const app = fastify();
    app.register(async (scope) => {
      const keys = new KeyRing({ db: http.database.db, log: silentLog, adminKey: () => KEY });
      requireKey(scope, keys, new AuthFailures(), new CallRates(http.database.db, 60));
      scope.route({ method: "GET", url: "/v1/anything", handler: async () => "open to all" });
    });
    await expect(async () => app.ready()).rejects.toThrow("GET /v1/anything declares no scope");
  });
});
