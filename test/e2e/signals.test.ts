import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type FakeModel, startFakeModel } from "../fakes/model-server.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let model: FakeModel;
let gateway: GatewayProcess;

beforeEach(async () => {
  database = await createTestDatabase();
  model = await startFakeModel({ words: 1_000, chunkEveryMs: 100 });
  const env = { OPENAI_BASE_URL: model.url, OPENAI_API_KEY: "any", LOG_LEVEL: "info" };
  gateway = await GatewayProcess.start({ databaseUrl: database.url, env });
  const { body: session } = await gateway.api("POST", "/v1/sessions", {});
  await gateway.api("POST", `/v1/sessions/${session.session_id}/messages`, { text: "hello" });
  await model.until(() => model.requests.length === 1);
});

afterEach(async () => {
  await gateway.kill();
  await gateway.removeData();
  await model.close();
  await database.drop();
});

const draining = () =>
  until("it drains", async () => (await gateway.api("GET", "/readyz")).body.checks?.gateway === "draining");

it("a second SIGTERM ends the gateway at once, in the middle of an answer", { timeout: 60_000 }, async () => {
  gateway.signal("SIGTERM");
  await draining();
  await sleep(600);
  gateway.signal("SIGTERM");
  const askedAt = performance.now();
  expect(await gateway.exited).toEqual({ code: 1, signal: null });
  expect(performance.now() - askedAt).toBeLessThan(1_000);
});

it("a Ctrl-C that npm passes on once more is one, and drains", { timeout: 60_000 }, async () => {
  gateway.signal("SIGINT");
  await sleep(50);
  gateway.signal("SIGINT");
  await draining();
  await sleep(1_000);
  expect(gateway.running).toBe(true);
  expect(gateway.output.match(/Parley stops: /g)).toHaveLength(1);
});
