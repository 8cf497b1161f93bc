import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hold, scriptedModel } from "../fakes/scripted-model.ts";
import { until } from "../support/test-gateway.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

let http: TestHttp;
const model = scriptedModel();

beforeAll(async () => {
  http = await startHttp({ model });
});
afterAll(() => http.stop());

interface SessionAnswer {
  session_id: string;
  head_seq: number;
  messages: { seq: number | null; role: string; text: string; status: string; message_id: string; run_id: string }[];
  next_cursor: string;
  has_more: boolean;
}

async function read(session: string, query = "", user = "ann"): Promise<SessionAnswer> {
  return (await http.call("GET", `/v1/sessions/${session}${query}`, { user })).json<SessionAnswer>();
}

/** Says something and waits until the answer is in the history. */
async function talk(session: string, text: string, answer: string, user = "ann"): Promise<void> {
  const { head_seq: before } = await read(session, "", user);
  model.push(answer);
  await http.call("POST", `/v1/sessions/${session}/messages`, { body: { text }, user });
  await until("the answer", async () => (await read(session, "", user)).head_seq === before + 2);
}

describe("a session", () => {
  it("is made with an agent and a title, and read back by its user", async () => {
    const made = await http.call("POST", "/v1/sessions", { body: { agent: "tester", title: "Plans" } });
    expect(made.statusCode).toBe(201);
    expect(made.json()).toEqual({
      session_id: expect.stringMatching(/^ses_[0-9a-f]{32}$/),
      id: expect.stringMatching(/^ses_[0-9a-f]{32}$/),
      external_id: null,
      parent_session_id: null,
      user_id: expect.stringMatching(/^usr_[0-9a-f]{32}$/),
      agent: "tester",
      agent_id: "tester",
      platform: "api",
      title: "Plans",
      status: "idle",
      history: "gateway",
      head_seq: 0,
      version: 0,
      metadata: {},
      cost_data: {},
      created_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
    });
    const { session_id: id } = made.json<SessionAnswer>();
    const found = await http.call("GET", `/v1/sessions/${id}`);
    expect(found.json()).toEqual({ ...made.json<object>(), messages: [], next_cursor: "", has_more: false });
  });

  it.each([
    ["no body", {}],
    ["an empty body that says it is JSON", { headers: { "content-type": "application/json" } }],
    ["an empty object", { body: {} }],
  ])("is made from %s", async (_name, options) => {
    expect((await http.call("POST", "/v1/sessions", options)).statusCode).toBe(201);
  });

  it("is not made with an agent that is not there", async () => {
    const refused = await http.call("POST", "/v1/sessions", { body: { agent: "nobody" } });
    expect(refused.statusCode).toBe(400);
    expect(refused.json()).toMatchObject({ code: "invalid", detail: 'There is no agent "nobody".' });
  });

  it("belongs to the person whom the key acts for, by name or by id", async () => {
    const made = await http.call("POST", "/v1/sessions", { user: "Bea" });
    const { session_id: id, user_id: user } = made.json<{ session_id: string; user_id: string }>();
    expect((await http.call("GET", `/v1/sessions/${id}`, { user })).statusCode).toBe(200);
    expect((await http.call("GET", `/v1/sessions/${id}`, { user: "bea" })).statusCode).toBe(404);
    const byDefault = await http.call("GET", `/v1/sessions/${await http.session("admin")}`, { user: " " });
    expect(byDefault.statusCode).toBe(200);
    const unknown = await http.call("GET", "/v1/sessions", { user: `usr_${"0".repeat(32)}` });
    expect(unknown.json()).toMatchObject({ status: 404, detail: "No such user." });
  });
});

describe("the list of sessions", () => {
  it("shows the last used first, in pages that lose and double nothing though all changed in one ms", async () => {
    const made: string[] = [];
    for (let n = 0; n < 25; n++) made.push(await http.session("lister"));
    await sql`update talk_sessions set updated_at = timestamptz '2026-11-21 10:00:00.123' + random() * interval '1 ms'
              where id in (${sql.join(made)})`.execute(http.database.db);
    await http.session("somebody else");
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query: string = cursor === "" ? "?limit=7" : `?limit=7&cursor=${cursor}`;
      const page = (await http.call("GET", `/v1/sessions${query}`, { user: "lister" })).json<{
        sessions: SessionAnswer[];
        next_cursor: string | null;
      }>();
      expect(page.sessions.length).toBeLessThanOrEqual(7);
      seen.push(...page.sessions.map((session) => session.session_id));
      cursor = page.next_cursor;
    }
    expect(seen.toSorted()).toEqual(made.toSorted());

    const oldest = made[3]!;
    await talk(oldest, "hello", "Hi.", "lister");
    const list = (await http.call("GET", "/v1/sessions", { user: "lister" })).json<{ sessions: SessionAnswer[] }>();
    expect(list.sessions[0]).toMatchObject({ session_id: oldest, title: "hello", head_seq: 2 });
  });

  it.each(["yesterday", "1", "1.ses_x", "99999999999999999.ses_0"])("refuses the cursor %s", async (before) => {
    expect((await http.call("GET", `/v1/sessions?cursor=${before}`)).json()).toMatchObject({ status: 400 });
  });
});

describe("messages", () => {
  it("are accepted before they are answered, and then make the history", async () => {
    const id = await http.session();
    const never = hold();
    model.push(["Hel", never, "lo"]);
    const accepted = await http.call("POST", `/v1/sessions/${id}/messages`, { body: { text: "hi" } });
    expect(accepted.statusCode).toBe(202);
    const { message_id: messageId } = accepted.json<{ message_id: string }>();
    expect(accepted.json()).toEqual({ message_id: expect.stringMatching(/^msg_/), session_id: id });
    await never.reached;
    expect((await read(id)).messages).toMatchObject([{ message_id: messageId, seq: null, status: "accepted" }]);
    never.release();
    await until("the answer", async () => (await read(id)).head_seq === 2);
    const { messages } = await read(id);
    expect(messages).toMatchObject([
      { seq: 1, message_id: messageId, role: "user", text: "hi", status: "complete", author: null },
      { seq: 2, role: "assistant", text: "Hello", parts: [{ type: "text", text: "Hello" }] },
    ]);
    expect(messages[0]?.run_id).toBe(messages[1]?.run_id);
  });

  it("come in pages, of which only the last shows what waits", async () => {
    const id = await http.session();
    for (let n = 1; n <= 3; n++) await talk(id, `question ${n}`, `answer ${n}`);
    const never = hold();
    model.push([never]);
    await http.call("POST", `/v1/sessions/${id}/messages`, { body: { text: "question 4" } });
    await never.reached;

    const texts: string[] = [];
    let page = await read(id, "?limit=2");
    for (;;) {
      texts.push(...page.messages.map(({ text }) => text));
      if (!page.has_more) break;
      expect(page.messages).toHaveLength(2);
      page = await read(id, `?limit=2&after=${page.next_cursor}`);
    }
    expect(texts).toEqual(["question 1", "answer 1", "question 2", "answer 2", "question 3", "answer 3", "question 4"]);
    expect((await read(id, "?after=6")).messages.map(({ text }) => text)).toEqual(["question 4"]);
    // An event's id knows more than the history, which is not asked for here.
    expect((await read(id, "?after=6.0.0")).messages.map(({ text }) => text)).toEqual(["question 4"]);
    expect(page.next_cursor).toBe("6");
    never.release();
    await until("the end", async () => (await read(id)).head_seq > 6);
    const route = await http.call("GET", `/v1/sessions/${id}/messages?after=6&limit=1`);
    expect(route.json()).toMatchObject({ session_id: id, messages: [{ seq: 7, text: "question 4" }] });
  });

  it("are the same when the same key says them again", async () => {
    const id = await http.session();
    const never = hold();
    model.push([never]);
    const say = () =>
      http.call("POST", `/v1/sessions/${id}/messages`, { body: { text: "hi" }, headers: { "idempotency-key": "k-1" } });
    const [first, again] = await Promise.all([say(), say()]);
    const later = await say();
    expect(again.body).toBe(first.body);
    expect(later.body).toBe(first.body);
    await never.reached;
    expect((await read(id)).messages).toHaveLength(1);
    await http.call("POST", `/v1/sessions/${id}/stop`);
  });

  it.each([
    ["nothing", { text: "" }, 400, "The message is empty."],
    ["blanks", { text: " \n " }, 400, "The message is empty."],
    ["too much", { text: "x".repeat(200_001) }, 413, "A message has at most 200000 characters."],
    ["a number", { text: 5 }, 400, "text must be string"],
    ["another field", { text: "x", role: "system" }, 400, "role is not known"],
    ["no text", {}, 400, "text is missing"],
    ["a list", ["x"], 400, "body must be object"],
  ])("that hold %s are refused by name", async (_name, body, status, detail) => {
    const refused = await http.call("POST", `/v1/sessions/${await http.session()}/messages`, { body });
    expect(refused.statusCode).toBe(status);
    expect(refused.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
    expect(refused.json()).toMatchObject({ type: "about:blank", status, detail });
  });
});

describe("a stop", () => {
  it("ends the running answer, keeps what was said and says what it withdrew", async () => {
    const id = await http.session();
    const never = hold();
    model.push(["Half of", never]);
    await http.call("POST", `/v1/sessions/${id}/messages`, { body: { text: "hi" } });
    await never.reached;
    const stopped = await http.call("POST", `/v1/sessions/${id}/stop`);
    expect(stopped.statusCode).toBe(202);
    expect(stopped.json()).toEqual({ session_id: id, withdrawn: 0, message_ids: [] });
    await until("the end", async () => (await read(id)).head_seq === 2);
    expect((await read(id)).messages[1]).toMatchObject({ text: "Half of", status: "interrupted" });
    expect(model.open).toBe(0);
  });
});
