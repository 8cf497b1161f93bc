import { afterEach, beforeEach, expect, it } from "vitest";
import { readSettings } from "../../src/agent/agent-settings.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { failWith, finish, hold, scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway;
let platform: FakePlatform;

beforeEach(async () => {
  database = await createTestDatabase();
  platform = new FakePlatform();
});
afterEach(async () => {
  await running.stop();
  await database.drop();
});

async function ask(model: ReturnType<typeof scriptedModel>): Promise<void> {
  running = await startTestGateway({ url: database.url, model, adapters: [platform] });
  await platform.listening();
  await platform.say({ chat: "7", from: "7", text: "tell me" });
}

/** A sample of a scrape; 0 = it is not there. */
async function sample(name: string): Promise<number> {
  const line = (await running.metrics.render()).split("\n").find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length) ?? 0);
}

const sent = (method: string, result: string) =>
  sample(`parley_delivery_attempts_total{platform="telegram",method="${method}",result="${result}"}`);

it("an answer counts its run, its model's request and what was shown", async () => {
  const pause = hold();
  await ask(scriptedModel([{ type: "text", text: "This is the first part of it," }, pause, " and this is the rest."]));
  await until("the first part", () => platform.messages("7").length === 1);
  pause.release();
  await until(
    "the end",
    async () => (await sample('parley_runs_total{platform="telegram",agent="tester",outcome="completed"}')) === 1,
  );
  await until("the whole answer", () => platform.messages("7")[0]?.text.endsWith("the rest.") === true);
  await until("the last edit's answer", async () => (await sent("edit", "ok")) >= 1);
  expect(await sent("send", "ok")).toBe(1);
  expect(await sent("typing", "ok")).toBe(1);
  expect(await sample('parley_model_requests_total{outcome="finished"}')).toBe(1);
  expect(await sample('parley_agent_requests_total{agent="tester",outcome="completed"}')).toBe(1);
  expect(await sample('parley_agent_in_flight{agent="tester"}')).toBe(0);
  expect(await sample('parley_time_to_first_visible_seconds_count{platform="telegram",agent="tester"}')).toBe(1);
  expect(await sample('parley_run_duration_seconds_count{platform="telegram",agent="tester"}')).toBe(1);
  expect(await sample('parley_run_duration_seconds_sum{platform="telegram",agent="tester"}')).toBeGreaterThan(0);
});

it("requests that fail are counted each, by why", async () => {
  await ask(scriptedModel(failWith("retryable"), failWith("refused")));
  await until(
    "the end",
    async () => (await sample('parley_runs_total{platform="telegram",agent="tester",outcome="failed"}')) === 1,
  );
  expect(await sample('parley_model_requests_total{outcome="retryable"}')).toBe(1);
  expect(await sample('parley_model_requests_total{outcome="refused"}')).toBe(1);
});

it("a request that is interrupted is counted as that", async () => {
  const pause = hold();
  await ask(scriptedModel(pause, "An answer to both."));
  await pause.reached;
  await platform.say({ chat: "7", from: "7", text: "and more" });
  await until("the answer", () => platform.messages("7").length === 1);
  await until("the count", async () => (await sample('parley_model_requests_total{outcome="aborted"}')) === 1);
});

it("a pause the platform asks for and a post whose answer is lost are counted", async () => {
  platform.failNext({ code: "rate_limited", call: "send", retryAfterMs: 50 });
  platform.failNext({ code: "unavailable", call: "send", applied: true });
  await ask(scriptedModel("An answer that is long enough to be shown."));
  await until("the lost post", async () => (await sample('parley_uncertain_sends_total{platform="telegram"}')) === 1);
  expect(await sample('parley_delivery_rate_limited_total{platform="telegram"}')).toBe(1);
  expect([await sent("send", "rate_limited"), await sent("send", "unknown")]).toEqual([1, 1]);
});

it("what strangers send is counted as refused", async () => {
  running = await startTestGateway({
    url: database.url,
    model: scriptedModel(),
    adapters: [platform],
    access: { mode: "allowlist", allowedUsers: new Set() },
  });
  await platform.listening();
  await platform.say({ chat: "7", from: "7", text: "hello" });
  const samples = (await running.metrics.render())
    .split("\n")
    .filter((line) => line.startsWith("parley_updates_refused"));
  expect(samples).toEqual([expect.stringMatching(/platform="telegram",why="\w+"\} 1$/)]);
});

it("an answer over the API has no platform, and a turn over budget is no failure of an agent", async () => {
  const settings = readSettings("budgets: { agent: { tokens_per_day: 10 } }");
  const model = scriptedModel(["An answer.", finish("stop", { inputTokens: 9, outputTokens: 1 })]);
  running = await startTestGateway({ url: database.url, model, settings });
  const { service } = running.gateway;
  const user = await service.actFor("ann");
  const talk = await service.createTalkSession(user);
  for (const outcome of ["completed", "over_budget"]) {
    await service.addMessage(user, talk.id, { text: "well?" });
    const name = `parley_runs_total{platform="api",agent="tester",outcome="${outcome}"}`;
    await until(outcome, async () => (await sample(name)) === 1);
  }
  expect(await sample('parley_agent_requests_total{agent="tester",outcome="completed"}')).toBe(1);
});

it("the database and its connections are looked at without being asked for", async () => {
  running = await startTestGateway({ url: database.url, model: scriptedModel() });
  await until("the gauges", async () => (await sample("parley_db_up")) === 1);
  expect(await sample("parley_db_pool_in_use")).toBeLessThan(6);
  const names = (await running.metrics.render()).split("\n").map((line) => line.split(" ")[0]);
  expect(names).toEqual(expect.arrayContaining(["parley_db_pool_waiting", "parley_oldest_waiting_seconds"]));
});
