import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { until } from "../support/test-gateway.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

let http: TestHttp;
let own: string;
let other: string;
const model = scriptedModel();

beforeAll(async () => {
  http = await startHttp({ model });
  own = await http.key({ kind: "agent", agent: "helpdesk" });
  other = await http.key({ kind: "agent", agent: "billing" });
});
afterAll(() => http.stop());

interface Session {
  session_id: string;
  id: string;
  messages: Record<string, unknown>[];
  version: number;
}

const HI = [
  { role: "system", content: "You help." },
  { role: "user", content: [{ type: "text", text: "hi" }] },
];
const CALL = {
  role: "assistant",
  content: null,
  tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: '{"at":1}' } }],
};
const REST = [CALL, { role: "tool", tool_call_id: "c1", content: "found" }, { role: "assistant", content: "Hello." }];

const save = (id: string, messages: object[], key = own, headers: Record<string, string> = {}) =>
  http.call("PUT", `/v1/sessions/${id}`, { key, body: { messages }, headers });
const read = async (id: string, key = own) => (await http.call("GET", `/v1/sessions/${id}`, { key })).json<Session>();

describe("a history that an agent keeps", () => {
  it("is read back as it was written, with the agent, run and trace of each message", async () => {
    expect((await save("talk-1", HI)).json()).toMatchObject({ session_id: "talk-1", saved: true });
    await save("talk-1", [...HI, ...REST]);
    const { messages } = await read("talk-1");
    expect(messages).toMatchObject([...HI, ...REST]);
    expect(messages.map(({ text }) => text)).toEqual(["You help.", "hi", "", "", "Hello."]);
    for (const message of messages) {
      expect(message).toMatchObject({ agent: "helpdesk", trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) });
    }
    expect(messages[0]!["run_id"]).toBe(messages[1]!["run_id"]);
    expect(messages[2]!["run_id"]).not.toBe(messages[1]!["run_id"]);
    expect(messages[2]!["parts"]).toEqual([{ type: "tool_call", call_id: "c1", tool: "look", args: '{"at":1}' }]);
    expect(messages[4]).toMatchObject({ seq: 5 });
  });

  it("is appended to: the same again is nothing new, and what differs takes the place of what was there", async () => {
    await save("talk-2", [...HI, ...REST]);
    const before = await http.call("GET", "/v1/sessions/talk-2", { key: own });
    const same = await save("talk-2", [...HI, ...REST]);
    expect(same.headers["etag"]).toBe(before.headers["etag"]);
    const changed = await save("talk-2", [...HI, { role: "assistant", content: "Other." }]);
    expect((await read("talk-2")).messages).toMatchObject([...HI, { role: "assistant", content: "Other.", seq: 6 }]);
    const late = await save("talk-2", HI, own, { "if-match": String(before.headers["etag"]) });
    expect(late.statusCode).toBe(412);
    expect((await save("talk-2", HI, own, { "if-match": String(changed.headers["etag"]) })).statusCode).toBe(200);
    expect((await read("talk-2")).messages).toHaveLength(2);
    expect((await save("nowhere", HI, own, { "if-match": '"1"' })).statusCode).toBe(412);
    const cut = await http.call("POST", "/v1/sessions/talk-2/revert", { key: own, body: { to_message_index: 1 } });
    expect(cut.statusCode).toBe(204);
    expect((await read("talk-2")).messages).toMatchObject([HI[0]!]);
  });

  it("of two agents under one id is two, of which neither learns of the other's", async () => {
    await save("shared", HI);
    expect((await http.call("GET", "/v1/sessions/shared", { key: other })).statusCode).toBe(404);
    expect((await save("shared", [{ role: "user", content: "mine" }], other)).statusCode).toBe(200);
    expect((await read("shared")).messages).toHaveLength(2);
    const { id } = await read("shared");
    for (const call of [
      http.call("GET", `/v1/sessions/${id}`, { key: other }),
      save(id, HI, other),
      http.call("DELETE", `/v1/sessions/${id}`, { key: other }),
    ]) {
      expect((await call).json()).toMatchObject({ status: 404, detail: "There is no such session." });
    }
    const again = await http.call("POST", "/v1/sessions", { key: own, body: { session_id: "shared" } });
    expect(again.statusCode).toBe(409);
    const listed = (await http.call("GET", "/v1/sessions", { key: other })).json<{ sessions: Session[] }>();
    expect(listed.sessions.map((session) => session.session_id)).toEqual(["shared"]);
  });

  it("is in the operator's list like all others, and written by nobody else", async () => {
    await save("talk-3", HI);
    const { id } = await read("talk-3");
    const key = await http.key({ kind: "operator", role: "owner" });
    const listed = (await http.call("GET", "/v1/sessions?agent_id=helpdesk&q=hi", { key })).json<{
      sessions: Session[];
    }>();
    expect(listed.sessions.find((session) => session.id === id)).toMatchObject({
      session_id: id,
      external_id: "talk-3",
      history: "agent",
      platform: "api",
      agent: "helpdesk",
    });
    const seen = (await http.call("GET", `/v1/sessions/${id}/messages`, { key })).json<Session>();
    expect(seen.messages).toMatchObject(HI);
    const refused = await http.call("PUT", `/v1/sessions/${id}`, { key, body: { messages: [] } });
    expect(refused.statusCode).toBe(403);
    const said = await http.call("POST", `/v1/sessions/talk-3/messages`, { key: own, body: { text: "hi" } });
    expect(said.statusCode).toBe(403);
  });

  it("is of the agent that the key names, for people of the agent's own", async () => {
    const made = async (body: object) => http.call("POST", "/v1/sessions", { key: own, body });
    const [ann, again] = [await made({ user: "ann", agent_id: "helpdesk" }), await made({ user: "ann" })];
    expect(ann.json<{ user_id: string }>().user_id).toBe(again.json<{ user_id: string }>().user_id);
    const anns = await http.call("GET", "/v1/sessions");
    expect(anns.json<{ sessions: object[] }>().sessions).toEqual([]);
    expect((await made({ agent: "billing" })).statusCode).toBe(403);
    expect((await made({ session_id: "no spaces" })).statusCode).toBe(400);
    expect((await made({ session_id: `ses_${"0".repeat(32)}` })).statusCode).toBe(400);
  });

  it("of the gateway's own agent is read by its key, and kept by the gateway", async () => {
    const key = await http.key({ kind: "agent", agent: "tester" });
    const id = await http.session();
    model.push("Hello.");
    await http.call("POST", `/v1/sessions/${id}/messages`, { body: { text: "hi" } });
    await until("the answer", async () => (await read(id, key)).messages.length === 2);
    expect((await read(id, key)).messages).toMatchObject([
      { role: "user", content: "hi" },
      { role: "assistant", content: "Hello.", agent: "tester" },
    ]);
    expect((await save(id, [], key)).json()).toMatchObject({ status: 403 });
  });
});

describe("a session with an id of its maker's", () => {
  it("is one for each person, and made once for one Idempotency-Key", async () => {
    const make = (body: object, headers: Record<string, string> = {}, user = "ann") =>
      http.call("POST", "/v1/sessions", { body, headers, user });
    const made = await make({ session_id: "plans", metadata: { a: 1 } });
    expect(made.json()).toMatchObject({ session_id: "plans", metadata: { a: 1 } });
    expect((await make({ session_id: "plans" })).statusCode).toBe(409);
    expect((await make({ session_id: "plans" }, {}, "bea")).statusCode).toBe(201);
    model.push("Hello.");
    const said = await http.call("POST", "/v1/sessions/plans/messages", { body: { text: "hi" } });
    expect(said.statusCode).toBe(202);
    await until("the answer", async () => {
      const found = await http.call("GET", "/v1/sessions/plans");
      return found.json<Session>().messages.length === 2;
    });
    const key = { "idempotency-key": "k-1" };
    const [first, again] = [await make({ title: "One" }, key), await make({ title: "One" }, key)];
    expect(again.json<Session>().id).toBe(first.json<Session>().id);
    expect((await make({ title: "Two" }, key)).statusCode).toBe(409);
    expect((await make({ title: "One" }, key, "bea")).json<Session>().id).not.toBe(first.json<Session>().id);
  });
});

describe("the list of sessions", () => {
  it("is cut down by who, what, where and when, and by words that were said", async () => {
    const list = async (query: string) =>
      (await http.call("GET", `/v1/sessions?${query}`, { user: "cal" })).json<{ sessions: { title: string }[] }>();
    const titles = async (query: string) => (await list(query)).sessions.map(({ title }) => title);
    for (const title of ["Berlin 100%", "Rome"])
      await http.call("POST", "/v1/sessions", { body: { title }, user: "cal" });
    const { session_id: id } = (await http.call("POST", "/v1/sessions", { user: "cal" })).json<Session>();
    model.push('The "Tiber" \\ flows.');
    await http.call("POST", `/v1/sessions/${id}/messages`, { body: { text: "Which river?" }, user: "cal" });
    await until("the answer", async () => (await titles("q=tiber")).length === 1);
    expect(await titles(`q=${encodeURIComponent('"Tiber" \\ f')}`)).toEqual(["Which river?"]);
    expect(await titles("q=berlin")).toEqual(["Berlin 100%"]);
    expect(await titles(`q=${encodeURIComponent("0%")}`)).toEqual(["Berlin 100%"]);
    expect(await titles("q=type")).toEqual([]);
    expect(await titles("status=idle&agent_id=tester&platform=api&since=1h")).toHaveLength(3);
    expect(await titles("until=1h")).toEqual([]);
    expect(await titles("channel=telegram")).toEqual([]);
    expect((await http.call("GET", "/v1/sessions?since=soon")).statusCode).toBe(400);
    expect((await http.call("GET", "/v1/sessions?status=dead")).statusCode).toBe(400);
  });
});

describe("the version", () => {
  it("is told to whoever asks", async () => {
    const answer = await http.app.inject("/v1/version");
    expect(answer.json()).toEqual({
      service: "parley",
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      api: "1.0.0",
      min_client: "1.0.0",
    });
  });
});
