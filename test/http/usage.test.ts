import { afterAll, beforeAll, expect, it } from "vitest";
import { finish, scriptedModel } from "../fakes/scripted-model.ts";
import { until } from "../support/test-gateway.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

let http: TestHttp;
const model = scriptedModel();

beforeAll(async () => {
  http = await startHttp({ model });
});
afterAll(() => http.stop());

interface History {
  messages: { run_id: string | null }[];
}

async function talk(session: string, count: number): Promise<string> {
  model.push(["Yes.", finish("stop", { inputTokens: count, outputTokens: 1, cachedTokens: 2 })]);
  const before = await history(session);
  await http.call("POST", `/v1/sessions/${session}/messages`, { body: { text: "well?" } });
  await until("the answer", async () => (await history(session)).length === before.length + 2);
  return (await history(session)).at(-1)!.run_id!;
}

async function history(session: string): Promise<History["messages"]> {
  return (await http.call("GET", `/v1/sessions/${session}`)).json<History>().messages;
}

it("tells what a session has used, and one run of it, to its user alone", async () => {
  const id = await http.session();
  expect((await http.call("GET", `/v1/sessions/${id}/usage`)).json()).toMatchObject({ input_tokens: 0, by_model: [] });
  await talk(id, 10);
  const second = await talk(id, 20);
  const tokens = { cached_tokens: 4, output_tokens: 2, reasoning_tokens: 0, cost_usd: null };
  expect((await http.call("GET", `/v1/sessions/${id}/usage`)).json()).toEqual({
    session_id: id,
    input_tokens: 30,
    ...tokens,
    model: "scripted",
    turn_count: 2,
    pricing: null,
    by_model: [{ agent: "tester", model: "scripted", input_tokens: 30, ...tokens }],
  });
  const ofRun = await http.call("GET", `/v1/sessions/${id}/usage?run_id=${second}`);
  expect(ofRun.json()).toMatchObject({ input_tokens: 20, output_tokens: 1 });
  expect((await http.call("GET", `/v1/sessions/${id}/usage`, { user: "bob" })).statusCode).toBe(404);
  const others = await http.session();
  expect((await http.call("GET", `/v1/sessions/${others}/usage?run_id=${second}`)).statusCode).toBe(404);
});
