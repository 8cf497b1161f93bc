import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NO_SETTINGS } from "../../src/agent/agent-settings.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { startTestGateway, testCard, type TestGateway, until } from "../support/test-gateway.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

const model = scriptedModel();
const cards = [testCard({ name: "tester", default: true }), testCard({ name: "inner", toolOnly: true })];
const settings = { ...NO_SETTINGS, places: new Map([["telegram:-1", { on_busy: "queue" as const }]]) };
let http: TestHttp;
let other: TestGateway;

beforeAll(async () => {
  http = await startHttp({ model, cards, settings });
  other = await startTestGateway({ url: "", database: http.database, model, cards, settings });
});
afterAll(async () => {
  await other.gateway.stop(0);
  await http.stop();
});

async function put(text: string) {
  const etag = (await http.call("GET", "/v1/places")).headers["etag"] as string;
  return http.call("PUT", "/v1/places", { headers: { "if-match": etag }, body: { text } });
}
const elsewhere = (place: string) => other.agents.settings().places.get(place);

describe("what operators set for places", () => {
  it("goes before the file, field by field, on every replica within seconds, and back", async () => {
    expect((await http.call("GET", "/v1/places")).json()).toMatchObject({ version: 0, source: "file", text: "" });
    const text = "places:\n  telegram:-1: { listen: always }\n  telegram:-2: { agent: tester }\n";
    expect((await put(text)).json()).toMatchObject({ version: 1, source: "edited", text, faults: [] });
    await until("the other replica", async () => elsewhere("telegram:-2") !== undefined, 5_000);
    expect(elsewhere("telegram:-1")).toEqual({ on_busy: "queue", listen: "always" });
    expect(elsewhere("telegram:-2")).toEqual({ agent: "tester" });
    const etag = (await http.call("GET", "/v1/places")).headers["etag"] as string;
    const back = await http.call("POST", "/v1/places/revert", { headers: { "if-match": etag }, body: { to: 0 } });
    expect(back.json()).toMatchObject({ version: 2, source: "file", text: "" });
    await until("the way back", async () => elsewhere("telegram:-2") === undefined, 5_000);
    expect(elsewhere("telegram:-1")).toEqual({ on_busy: "queue" });
    const { entries } = (await http.call("GET", "/v1/audit?action=places.change")).json<{ entries: object[] }>();
    expect(entries).toHaveLength(2);
  });

  it.each([
    [
      "money",
      "places: { 'telegram:-1': { budget: { runs_per_minute: 9 } } }",
      /telegram:-1\.budget: can be changed in/,
    ],
    ["approvals", "places: { 'telegram:-1': { approvals: { '*': allow } } }", /approvals: can be changed in/],
    ["tools", "places: { 'telegram:-1': { offer: ['*'] } }", /offer: can be changed in parley\.yaml alone/],
    [
      "a provider",
      "providers: { x: { base_url: 'https://x.test' } }",
      /^providers: can be changed in parley\.yaml alone/,
    ],
    ["no place", "places: { here: { listen: always } }", /^places\.here: must be "telegram/],
    ["no agent", "places: { 'telegram:-1': { agent: nobody } }", /there is no agent "nobody"/],
    ["an agent for agents", "places: { 'telegram:-1': { agent: inner } }", /"inner" is for other agents alone/],
    ["no mapping", "places: [", /./],
    ["a list", "places: [1]", /./],
    ["a text for fields", "places: { 'telegram:-1': yes }", /must be a mapping|can be changed/],
  ])("is refused: %s", async (_what, text, detail) => {
    const refused = await put(text);
    expect([refused.statusCode, refused.json()]).toEqual([
      400,
      expect.objectContaining({ detail: expect.stringMatching(detail) }),
    ]);
  });
});
