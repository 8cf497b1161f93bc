import { afterEach, expect, it } from "vitest";
import { hold, scriptedModel } from "../fakes/scripted-model.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

type News = { events: { id: string; event: string; data: Record<string, unknown> }[] };

let http: TestHttp;
afterEach(() => http.stop());

async function news(session: string, after: string, wait = 1): Promise<News["events"]> {
  const answer = await http.call("GET", `/v1/sessions/${session}/news?after=${encodeURIComponent(after)}&wait=${wait}`);
  expect(answer.statusCode).toBe(200);
  return answer.json<News>().events;
}

it("who asks again and again reads what the stream says, once and in order", async () => {
  const pause = hold();
  const model = scriptedModel();
  model.push(["Hel", pause, "lo."]);
  http = await startHttp({ model });
  const session = await http.session();
  await http.call("POST", `/v1/sessions/${session}/messages`, { body: { text: "Hi" } });
  await pause.reached;
  const read = await news(session, "", 5);
  pause.release();
  while (read.filter(({ event }) => event === "message").length < 2) {
    read.push(...(await news(session, read.at(-1)?.id ?? "")));
  }
  const names = read.map(({ event }) => event).filter((name) => !/^(step|usage|text)/.test(name));
  expect(names).toEqual(["accepted", "run.started", "message.completed", "run.completed", "message", "message"]);
  expect(new Set(read.map(({ id }) => id)).size).toBe(read.length);
  expect(await news(session, read.at(-1)!.id, 0)).toEqual([]);
});

it("a cursor that is none is refused", async () => {
  http = await startHttp();
  const session = await http.session();
  const answer = await http.call("GET", `/v1/sessions/${session}/news?after=x`);
  expect(answer.statusCode).toBe(400);
});
