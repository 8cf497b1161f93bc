import { sql } from "kysely";
import { afterEach, expect, it } from "vitest";
import { type AgentSettings, readSettings, type SettingsOf } from "../../src/agent/agent-settings.ts";
import { finish, type ModelStep, scriptedModel } from "../fakes/scripted-model.ts";
import { until } from "../support/test-gateway.ts";
import { Browser, linkFor } from "./browser.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

interface BudgetJson {
  scope: string;
  id: string;
  tokens: number;
  percent: number;
  limits: Record<string, number | null>;
}

let http: TestHttp;
afterEach(() => http.stop());

/** Every answer uses ten tokens. */
async function start(settings: AgentSettings, guests = false): Promise<ReturnType<typeof scriptedModel>> {
  const answer: ModelStep = ["An answer.", finish("stop", { inputTokens: 9, outputTokens: 1 })];
  const model = scriptedModel(...Array.from({ length: 9 }, () => answer));
  const web = { page: null, guests, publicUrl: null, url: () => "http://127.0.0.1:3000", oidc: null };
  http = await startHttp({ model, settings, web });
  return model;
}

/** Says something in a talk of its own; returns the code its run fails with, null = it was answered. */
async function ask(who: { user?: string; key?: string } | Browser): Promise<string | null> {
  const call = (url: string, body: object) =>
    who instanceof Browser ? who.call("POST", url, { body }) : http.call("POST", url, { ...who, body });
  const session = (await call("/v1/sessions", {})).json<{ session_id: string }>().session_id;
  expect((await call(`/v1/sessions/${session}/messages`, { text: "well?" })).statusCode).toBe(202);
  const run = () =>
    http.database.db
      .selectFrom("runs")
      .select(["ended_at", "error_code"])
      .where("session_id", "=", session as never)
      .executeTakeFirst();
  await until("the end", async () => (await run())?.ended_at != null);
  return (await run())!.error_code;
}

const budgets = async (query = "", key?: string) => {
  const answer = await http.call("GET", `/v1/budgets${query}`, key === undefined ? {} : { key });
  return answer.json<{ budgets: BudgetJson[]; next_cursor: string | null }>();
};

it("security-22: what is asked for with a key uses the key's budget, whoever it acts for", async () => {
  const model = await start(
    readSettings("budgets: { key: { tokens_per_day: 15 }, gateway: { tokens_per_day: 1000 } }"),
  );
  const key = await http.key({ kind: "operator", role: "operator" });
  const other = await http.key({ kind: "operator", role: "operator" });
  expect([await ask({ key, user: "ann" }), await ask({ key, user: "bob" })]).toEqual([null, null]);
  expect(await ask({ key, user: "ann" })).toBe("over_budget");
  expect([await ask({ key: other, user: "ann" }), await ask({ user: "ann" })]).toEqual([null, null]);
  expect(model.requests).toHaveLength(4);
  expect(
    (await budgets("?scope=key")).budgets.map(({ tokens, percent }) => `${tokens}: ${percent} %`).toSorted(),
  ).toEqual(["10: 66 %", "20: 133 %"]);
});

it("a user may have a budget of their own", async () => {
  const users = new Map<string, SettingsOf>();
  await start({ ...readSettings("budgets: { person: { tokens_per_day: 5 } }"), users });
  users.set(await http.gateway.service.actFor("ann"), { budget: { tokensPerDay: 15 } });
  expect([await ask({ user: "bob" }), await ask({ user: "bob" })]).toEqual([null, "over_budget"]);
  expect([await ask({ user: "ann" }), await ask({ user: "ann" }), await ask({ user: "ann" })]).toEqual([
    null,
    null,
    "over_budget",
  ]);
});

it("security-22: all guests of the web page share one beside their own, until they sign in", async () => {
  const model = await start(
    readSettings("budgets: { person: { tokens_per_day: 15 }, guests: { tokens_per_day: 25 } }"),
    true,
  );
  const [one, two, three] = [new Browser(http), new Browser(http), new Browser(http)];
  for (const guest of [one, two, three]) await guest.call("POST", "/v1/sign-in/guest");
  expect([await ask({ user: "ann" }), await ask(one), await ask(two), await ask(one)]).toEqual([
    null,
    null,
    null,
    null,
  ]);
  expect(await ask(three)).toBe("over_budget");
  const { rows } = await sql<{ data: { message: string } }>`
    select data from run_events where type = 'run.failed'`.execute(http.database.db);
  expect(rows.map(({ data }) => data.message)).toEqual([
    expect.stringMatching(
      /^All guests' budget for today is used up, so I did not answer this\. It begins anew in \d+ h /,
    ),
  ]);
  const [shared, ...others] = (await budgets("?scope=guests")).budgets;
  expect(shared).toMatchObject({ id: "", tokens: 30, percent: 120, limits: { tokens_per_day: 25 } });
  expect(others).toEqual([]);
  await three.signIn(await linkFor(http, await http.gateway.service.actFor("cem")));
  expect(await ask(three)).toBeNull();
  expect((await budgets("?scope=guests")).budgets[0]).toMatchObject({ tokens: 30 });
  expect(model.requests).toHaveLength(5);
});

it("operators see what was used, what may be used and by whom, page by page", async () => {
  await start(
    readSettings("budgets: { person: { tokens_per_day: 20, concurrent_runs: 2 }, gateway: { money_per_day: 3 } }"),
  );
  for (const user of ["ann", "bob"]) await ask({ user });
  const all = await budgets();
  expect(all.budgets.map(({ scope }) => scope)).toEqual(["gateway", "person", "person"]);
  expect(all.budgets[0]).toMatchObject({ id: "", limits: { money_per_day: 3, tokens_per_day: null } });
  expect(all.budgets[1]).toEqual({
    scope: "person",
    id: expect.stringMatching(/^usr_/),
    day: new Date().toISOString().slice(0, 10),
    tokens: 10,
    cost_usd: 0,
    runs_this_minute: expect.any(Number),
    running: 0,
    held_tokens: 0,
    held_usd: 0,
    percent: 50,
    warned: false,
    limits: { tokens_per_day: 20, money_per_day: null, runs_per_minute: null, concurrent_runs: 2 },
  });
  const first = await budgets("?scope=person&limit=1");
  const second = await budgets(`?scope=person&limit=1&cursor=${first.next_cursor}`);
  expect([...first.budgets, ...second.budgets]).toEqual(all.budgets.slice(1));
  expect(second.next_cursor).toBeNull();
  const person = await http.key({ kind: "person", user: await http.gateway.service.actFor("ann") });
  expect((await http.call("GET", "/v1/budgets", { key: person })).statusCode).toBe(403);
});
