import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BaseAgent, startBaseAgent } from "../fakes/base-agent.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { testCard, until } from "../support/test-gateway.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

const SECRET = "key-of-an-agent-4711";

let http: TestHttp;
let far: BaseAgent;
const model = scriptedModel();

beforeAll(async () => {
  far = await startBaseAgent(SECRET);
  const cards = [testCard({ name: "helper", description: "helps" }), testCard({ name: "tester", default: true })];
  http = await startHttp({ model, cards });
});
afterAll(async () => {
  await http.stop();
  await far[Symbol.asyncDispose]();
});

interface AgentJson {
  name: string;
  version: string;
  enabled: boolean;
  operations: Record<string, unknown> | null;
}

const list = async (options = {}): Promise<AgentJson[]> =>
  (await http.call("GET", "/v1/agents", options)).json<{ agents: AgentJson[] }>().agents;
const read = async (name: string): Promise<AgentJson> => (await http.call("GET", `/v1/agents/${name}`)).json();
const register = (change: object = {}) =>
  http.call("POST", "/v1/agents", {
    body: { name: "far", url: far.url, allow_http: true, key: "${AGENT_TEST_KEY}", description: "away", ...change },
  });
const switched = (name: string, enabled: boolean) => http.call("PATCH", `/v1/agents/${name}`, { body: { enabled } });

async function say(agent: string): Promise<{ id: string; text: () => Promise<string> }> {
  const id = (await http.call("POST", "/v1/sessions", { body: { agent } })).json<{ session_id: string }>().session_id;
  await http.call("POST", `/v1/sessions/${id}/messages`, { body: { text: "Hello" } });
  const text = async () => (await http.call("GET", `/v1/sessions/${id}`)).body;
  return { id, text };
}

describe("agents", () => {
  it("are listed with what operators need to know, and people with what they can choose", async () => {
    model.push("Hi.");
    const { text } = await say("helper");
    await until("the answer", async () => (await text()).includes("Hi."));
    const helper = (await list()).find(({ name }) => name === "helper");
    expect(helper).toMatchObject({
      kind: "native",
      description: "helps",
      enabled: true,
      registered: false,
      model: null,
      version: expect.stringMatching(/^[\da-f]{12}$/),
      operations: { url: null, resting: false, completed: 1, failed: 0, last_error: null },
    });
    const bound = { kind: "person" as const, user: await http.gateway.service.actFor("ann") };
    const key = await http.key(bound);
    expect((await list({ key })).map(({ name, operations }) => [name, operations])).toEqual([
      ["helper", null],
      ["tester", null],
    ]);
    const { data } = (await http.call("GET", "/v1/models", { key })).json<{ data: { id: string }[] }>();
    // Who answers unless another is chosen.
    expect(data.map(({ id }) => id)).toEqual(["tester", "helper"]);
    expect((await http.call("GET", "/v1/agents/nobody")).statusCode).toBe(404);
    expect(
      (await http.call("POST", "/v1/agents", { key, body: { name: "x", url: "https://x.test" } })).statusCode,
    ).toBe(403);
  });

  it("are registered while the gateway runs, answer, and are taken back", async () => {
    const made = await register();
    expect([made.statusCode, made.json()]).toEqual([
      201,
      expect.objectContaining({ name: "far", kind: "remote", registered: true, enabled: true }),
    ]);
    expect((await register()).statusCode).toBe(409);
    const { text } = await say("far");
    await until("the answer from afar", async () => (await text()).includes("Hello from afar."));
    const before = (await read("far")).version;
    const changed = await http.call("PATCH", "/v1/agents/far", {
      body: { limits: { running: 2 }, description: "near" },
    });
    expect(changed.json()).toMatchObject({ description: "near" });
    expect(changed.json<AgentJson>().version).not.toBe(before);
    expect((await http.call("PATCH", "/v1/agents/far", { body: { limits: { running: 0 } } })).statusCode).toBe(400);
    expect((await http.call("DELETE", "/v1/agents/far")).statusCode).toBe(204);
    expect((await http.call("DELETE", "/v1/agents/far")).statusCode).toBe(404);
    expect((await http.call("DELETE", "/v1/agents/tester")).statusCode).toBe(409);
  });

  it("are known to every replica within seconds", async () => {
    const limits = "{}";
    await sql`insert into agents (name, remote, limits) values ('elsewhere', ${JSON.stringify({ url: far.url })}::jsonb,
              ${limits}::jsonb)`.execute(http.database.db);
    await until("the reload", async () => (await list()).some(({ name }) => name === "elsewhere"), 5_000);
    await sql`delete from agents where name = 'elsewhere'`.execute(http.database.db);
    await until("the next one", async () => !(await list()).some(({ name }) => name === "elsewhere"), 5_000);
  });

  it("that are switched off take no turns, are told of and cannot be chosen, until they are on again", async () => {
    model.push("Never mind.");
    const { id, text } = await say("helper");
    await until("the answer", async () => (await text()).includes("Never mind."));
    expect((await switched("helper", false)).json()).toMatchObject({ enabled: false });
    expect((await http.call("POST", "/v1/sessions", { body: { agent: "helper" } })).statusCode).toBe(400);
    expect((await http.call("GET", "/v1/models")).body).not.toContain("helper");
    const asked = model.requests.length;
    await http.call("POST", `/v1/sessions/${id}/messages`, { body: { text: "Are you there?" } });
    await until("the refusal", async () => {
      const { rows } = await sql<{ code: string }>`
        select error_code as code from runs where session_id = ${id} and state = 'failed'`.execute(http.database.db);
      return rows.some(({ code }) => code === "agent_off");
    });
    expect(model.requests).toHaveLength(asked);
    const error = { code: "agent_off", at: expect.stringMatching(/^[\d-]+T[\d:.]+Z$/) as string };
    expect((await read("helper")).operations).toMatchObject({ failed: 1, last_error: error });
    const { body: metrics } = await http.call("GET", "/metrics");
    expect(metrics).toContain('parley_runs_total{platform="api",agent="helper",outcome="agent_off"} 1');
    expect(metrics).not.toContain('parley_runs_total{platform="api",agent="helper",outcome="failed"}');
    await switched("helper", true);
    expect((await http.call("POST", "/v1/sessions", { body: { agent: "helper" } })).statusCode).toBe(201);
  });

  it("are asked for a test, of which nothing is kept", async () => {
    await register();
    const sessions = () => http.call("GET", "/v1/sessions").then(({ body }) => body);
    const before = await sessions();
    const test = await http.call("POST", "/v1/agents/far/test");
    expect(test.json()).toMatchObject({ ok: true, text: "Hello from afar.", code: null, ms: expect.any(Number) });
    far.answers(() => ({ status: 401 }));
    const failing = await http.call("POST", "/v1/agents/far/test", { body: { text: "Hi" } });
    expect(failing.json()).toMatchObject({ ok: false, code: expect.any(String), message: expect.any(String) });
    expect(await sessions()).toBe(before);
    await http.call("DELETE", "/v1/agents/far");
  });

  it("leave what was done to them in the audit log", async () => {
    const { entries } = (await http.call("GET", "/v1/audit")).json<{ entries: { action: string; target: string }[] }>();
    const actions = new Set(entries.map(({ action }) => action));
    expect([...actions].toSorted()).toEqual(["agent.change", "agent.delete", "agent.register", "agent.test"]);
  });
});

describe("security-29: the secret of a registered agent", () => {
  it("is named by a variable made for it, and stands in no row and no answer", async () => {
    await register({ headers: { "X-Token": "Bearer ${AGENT_TEST_KEY}" } });
    const { rows } = await sql<{ row: string }>`select a::text as row from agents a where name = 'far'`.execute(
      http.database.db,
    );
    expect(rows[0]!.row).toContain("${AGENT_TEST_KEY}");
    expect(rows[0]!.row + JSON.stringify(await list())).not.toContain(SECRET);
    await http.call("DELETE", "/v1/agents/far");
  });

  it.each([
    ["a key in clear", { key: SECRET }, /^key /],
    ["a header in clear", { headers: { Authorization: `Bearer ${SECRET}` } }, /^headers/],
    ["a key of the gateway's", { key: "${ADMIN_API_KEY}" }, /^key /],
    ["a variable that is not set", { key: "${AGENT_OTHER}" }, /AGENT_OTHER\} is not set/],
    ["no encryption, unsaid", { allow_http: false }, /must begin with https/],
    ["a password in the address", { url: "https://a:b@x.test/v1" }, /without a password/],
    ["a field that is not known", { approved: true }, /^approved is not known/],
  ])("is refused: %s", async (_what, change, detail) => {
    const refused = await register({ name: "bad", ...change });
    expect([refused.statusCode, refused.json()]).toEqual([
      400,
      expect.objectContaining({ detail: expect.stringMatching(detail) }),
    ]);
    expect(refused.body).not.toContain(SECRET);
  });
});
