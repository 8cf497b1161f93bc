import { afterAll, beforeAll, expect, it } from "vitest";
import type { RunningGateway } from "../../src/main.ts";
import { type FakeModel, startFakeModel } from "../fakes/model-server.ts";
import { CANARIES, sceneOf } from "../support/e2e.ts";

const KEY = "sk-canary-of-another-provider-00";
const NOTICE = "🔁 Another model answers: the usual one cannot be asked right now.";
const PEOPLE = 8;

const scene = sceneOf({});
let running: RunningGateway;
let other: FakeModel;

beforeAll(async () => {
  other = await startFakeModel({ apiKey: KEY });
  process.env["STORM_TEST_KEY"] = KEY;
  await scene().set(`
providers:
  other: { base_url: "${other.url}", key: "\${STORM_TEST_KEY}" }
agents:
  tester: { fallback: other.small }
`);
  running = await scene().start();
});
afterAll(async () => {
  delete process.env["STORM_TEST_KEY"];
  await other.close();
});

it("fault-30, security-29: a provider that is overrun is left alone for as long as it asks, and everybody is answered by the other", async () => {
  const { model, telegram } = scene();
  model.script(() => ({ fault: "429", retryAfter: 60 }));
  const ask = async (count: number) => {
    const people = Array.from({ length: count }, () => scene().person("Ann"));
    for (const { chat, user } of people) telegram.say({ chat, from: user, text: `question ${chat.id}` });
    for (const { chat } of people) {
      const shown = () => telegram.botMessages(chat).map(({ text }) => text);
      await expect.poll(shown, { timeout: 30_000 }).toEqual([expect.stringMatching(/ word20\b.*\n\n🔁[^\n🔁]*$/su)]);
      expect(shown()[0]).toContain(NOTICE);
    }
  };

  await ask(PEOPLE);
  const asked = model.requests.length;
  expect(asked).toBeLessThanOrEqual(PEOPLE);
  expect(other.requests.map((request) => request.model)).toEqual(Array.from({ length: PEOPLE }, () => "small"));
  await ask(PEOPLE);
  expect(model.requests).toHaveLength(asked);

  const headers = { authorization: `Bearer ${CANARIES.adminKey}` };
  const metrics = await (await fetch(`${running.url}/metrics`, { headers })).text();
  expect(metrics).toContain('parley_provider_resting{provider="openai"} 1');
  expect(metrics).toContain(`parley_model_fallbacks_total{agent="tester"} ${2 * PEOPLE}`);
  expect(metrics).toMatch(/parley_tokens_total\{provider="other",model="small",direction="output"\} [1-9]/);
  const log = scene().log.join("");
  expect(log.split("a model provider is not asked for a while")).toHaveLength(2);
  expect(log).toContain('"to":"other.small","why":"busy"');
  expect([log, ...scene().sentToPeople].filter((text) => text.includes(KEY))).toEqual([]);
});

it("providers are changed without a restart, and a broken file changes nothing", async () => {
  const { model, telegram } = scene();
  const next = await startFakeModel({ apiKey: KEY });
  try {
    model.script(() => ({ fault: "quota" }));
    await scene().set("providers: [");
    await expect.poll(() => scene().log.join("")).toMatch(/parley\.yaml: .*was not reloaded/s);
    const ask = () => {
      const { chat, user } = scene().person("Bob");
      telegram.say({ chat, from: user, text: `after ${chat.id}` });
      return () => telegram.botMessages(chat).at(-1)?.text ?? "";
    };
    const before = other.requests.length;
    await expect.poll(ask(), { timeout: 30_000 }).toContain(NOTICE);
    expect(other.requests.length).toBe(before + 1);
    await scene().set(`
providers:
  other: { base_url: "${next.url}", key: "\${STORM_TEST_KEY}" }
agents:
  tester: { fallback: other.large }
`);
    const asked = async () => {
      await expect.poll(ask(), { timeout: 30_000 }).toContain(NOTICE);
      return next.requests.at(-1)?.model;
    };
    await expect.poll(asked, { timeout: 60_000, interval: 250 }).toBe("large");
  } finally {
    await next.close();
  }
});
