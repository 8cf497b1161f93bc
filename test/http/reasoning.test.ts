import { sql } from "kysely";
import { afterEach, expect, it } from "vitest";
import { callTool, hold, scriptedModel, think } from "../fakes/scripted-model.ts";
import { until } from "../support/test-gateway.ts";
import { lookUp } from "./look-up.ts";
import { openReader } from "./sse-reader.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

let http: TestHttp;
afterEach(() => http.stop());

interface Thought {
  run_id: string;
  step: number;
  text: string;
  ms: number;
}

const say = (session: string, text: string) =>
  http.call("POST", `/v1/sessions/${session}/messages`, { body: { text } });
const historyOf = async (session: string) =>
  (await http.call("GET", `/v1/sessions/${session}/messages`)).json<{ messages: { role: string; text: string }[] }>();
const thoughtsOf = async (session: string) =>
  (await http.call("GET", `/v1/sessions/${session}/reasoning`)).json<{ reasoning: Thought[] }>().reasoning;
const answered = (session: string, count: number) =>
  until("the answer", async () => {
    const { messages } = await historyOf(session);
    return messages.filter(({ role, text }) => role === "assistant" && text !== "").length === count;
  });

it("what a model thinks is told while it does, and read later, but is no part of the talk", async () => {
  const pause = hold();
  const model = scriptedModel(
    [think("hmm, "), pause, think("yes"), callTool("look_up")],
    [think("so"), "Found."],
    "Two.",
  );
  http = await startHttp({ model, tools: lookUp });
  const session = await http.session();
  const reader = await openReader(await http.listen(), session);
  await say(session, "hi");
  const told = () => reader.events.filter(({ event }) => event === "reasoning.delta").map(({ data }) => data);
  await until("the thought, while it lasts", () => told().length > 0);
  expect(told()[0]).toMatchObject({ step: 1, text: "hmm, " });
  const news = await http.call("GET", `/v1/sessions/${session}/news?wait=2`);
  expect(news.body).toContain("hmm, ");
  pause.release();
  await answered(session, 1);
  const [run] = told();
  const ms = expect.any(Number);
  expect(await thoughtsOf(session)).toEqual([
    { run_id: run!["run_id"], step: 1, text: "hmm, yes", ms },
    { run_id: run!["run_id"], step: 2, text: "so", ms },
  ]);
  reader.leave();

  await say(session, "and?");
  await answered(session, 2);
  expect(JSON.stringify(await historyOf(session))).not.toContain("hmm");
  expect(JSON.stringify(model.requests)).not.toContain("hmm");
  await sql`delete from run_events`.execute(http.database.db);
  expect(await thoughtsOf(session)).toEqual([]);
});

it("a step that was made again after a crash counts as it was made last", async () => {
  const model = scriptedModel([think("second try"), "Noon."]);
  http = await startHttp({ model });
  const session = await http.session();
  await say(session, "hi");
  await answered(session, 1);
  await sql`
    update run_events set attempt = 2 where type = 'reasoning.delta'`.execute(http.database.db);
  await sql`
    insert into run_events (session_id, run_id, attempt, n, type, data)
    select distinct session_id, run_id, 1, 900 + s, 'reasoning.delta',
           jsonb_build_object('step', s, 'text', 'first try', 'ms', 99999)
    from run_events, generate_series(1, 2) s`.execute(http.database.db);
  expect((await thoughtsOf(session)).map(({ step, text }) => [step, text])).toEqual([
    [1, "second try"],
    [2, "first try"],
  ]);
});
