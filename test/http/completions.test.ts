import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSettings } from "../../src/agent/agent-settings.ts";
import { textOf } from "../../src/agent/message.ts";
import type { ModelRequest } from "../../src/agent/model-client.ts";
import { callTool, failWith, finish, hold, scriptedModel } from "../fakes/scripted-model.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { testCard, until } from "../support/test-gateway.ts";
import { KEY, startHttp, type TestHttp } from "./start-http.ts";

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

let http: TestHttp;
let client: OpenAI;
const model = scriptedModel();
const tools = scriptedTools({ send_mail: { answer: "sent", readOnly: false } });

beforeAll(async () => {
  http = await startHttp({
    model,
    tools,
    settings: readSettings("agents: { tester: { approvals: { send_mail: ask } } }"),
    cards: [testCard({ name: "tester", default: true }), testCard({ name: "other" })],
  });
  client = new OpenAI({ apiKey: KEY, baseURL: `${await http.listen()}/v1`, maxRetries: 0 });
});
afterAll(() => http.stop());

type Ask = OpenAI.ChatCompletionCreateParamsNonStreaming & { session_id?: string };
type Answer = OpenAI.ChatCompletion & { session_id: string; run_id: string };

const ask = async (body: Omit<Ask, "model"> & { model?: string }): Promise<Answer> =>
  (await client.chat.completions.create({ model: "tester", ...body } as Ask)) as Answer;

const user = (content: string) => ({ role: "user" as const, content });
const assistant = (content: string) => ({ role: "assistant" as const, content });

/** What the model was asked last, without the instruction. */
function asked(): string[] {
  return (model.requests.at(-1) as ModelRequest).messages.map((message) => `${message.role}: ${textOf(message)}`);
}

describe("the official client", () => {
  it("lists agents as models", async () => {
    const models = await client.models.list();
    expect(models.data.map(({ id, object }) => [id, object])).toEqual([
      ["tester", "model"],
      ["other", "model"],
    ]);
    expect((await client.models.retrieve("other")).id).toBe("other");
    await expect(client.models.retrieve("nobody")).rejects.toMatchObject({ status: 404, code: "not_found" });
  });

  it("gets a whole answer with what it used", async () => {
    model.push(["Hello.", finish("stop", { inputTokens: 20, outputTokens: 5, cachedTokens: 8, reasoningTokens: 2 })]);
    const answer = await ask({ messages: [user("Hi")] });
    expect(answer).toMatchObject({
      object: "chat.completion",
      model: "tester",
      choices: [{ index: 0, message: { role: "assistant", content: "Hello." }, finish_reason: "stop" }],
      usage: {
        prompt_tokens: 20,
        completion_tokens: 5,
        total_tokens: 25,
        prompt_tokens_details: { cached_tokens: 8 },
        completion_tokens_details: { reasoning_tokens: 2 },
      },
      session_id: expect.stringMatching(/^ses_/),
      run_id: expect.stringMatching(/^run_/),
      trace_id: expect.stringMatching(/^[\da-f]{32}$/),
    });
  });

  it("streams the answer as it comes, and then what it used", async () => {
    const pause = hold();
    model.push(["Once ", pause, "upon a time.", finish("stop", { inputTokens: 9, outputTokens: 4 })]);
    const { data: stream, response } = await client.chat.completions
      .create({ model: "tester", messages: [user("Tell")], stream: true, stream_options: { include_usage: true } })
      .withResponse();
    expect(response.headers.get("x-session-id")).toMatch(/^ses_/);
    let text = "";
    let last: OpenAI.ChatCompletionChunk | undefined;
    const reasons: string[] = [];
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      if (text === "Once ") pause.release();
      if (chunk.choices[0]?.finish_reason) reasons.push(chunk.choices[0].finish_reason);
      last = chunk;
    }
    expect([text, reasons]).toEqual(["Once upon a time.", ["stop"]]);
    expect(last).toMatchObject({
      choices: [],
      trace_id: expect.stringMatching(/^[\da-f]{32}$/),
      usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 },
    });
  });

  it("keeps a session that it names, of which the newest message alone is new", async () => {
    model.push("Nice to meet you.", "Ann.");
    const { session_id } = await ask({ messages: [user("I am Ann.")] });
    const second = await ask({ messages: [user("I am Ann."), assistant("made up"), user("Who am I?")], session_id });
    expect(second.session_id).toBe(session_id);
    expect(asked()).toEqual(["user: I am Ann.", "assistant: Nice to meet you.", "user: Who am I?"]);
    model.push("Still Ann.");
    await ask({ messages: [user("And now?")], metadata: { session_id } });
    expect(asked()).toHaveLength(5);
  });

  it("goes on with a session that it has given an id of its own", async () => {
    const made = await http.call("POST", "/v1/sessions", { user: "admin", body: { session_id: "my-talk" } });
    model.push("Yes.");
    const { session_id } = await ask({ messages: [user("Here?")], session_id: "my-talk" });
    expect(session_id).toBe(made.json<{ id: string }>().id);
    await expect(ask({ messages: [user("x")], user: "eve", session_id: "my-talk" })).rejects.toMatchObject({
      status: 404,
    });
  });

  it("has as many answers at once as each of its people may have", async () => {
    const pause = hold();
    const front = await startHttp({ model: scriptedModel(["One", pause], "Two."), limits: { streamsPerUser: 1 } });
    const post = (name: string) => {
      const payload = { model: "tester", user: name, messages: [user("Hi")] };
      const headers = { authorization: `Bearer ${KEY}` };
      return front.app.inject({ method: "POST", url: "/v1/chat/completions", headers, payload });
    };
    const first = post("bob");
    await pause.reached;
    expect([(await post("bob")).statusCode, (await post("eve")).statusCode]).toEqual([429, 200]);
    pause.release();
    expect((await first).statusCode).toBe(200);
    await front.stop();
  });

  it("keeps the one session of a user that it names, apart from other users and agents", async () => {
    model.push("One.", "Two.", "Three.", "Four.");
    const first = await ask({ messages: [user("a")], user: "bob" });
    const second = await ask({ messages: [user("b")], user: "bob" });
    expect(second.session_id).toBe(first.session_id);
    expect(asked()).toEqual(["user: a", "assistant: One.", "user: b"]);
    expect((await ask({ messages: [user("c")], user: "eve" })).session_id).not.toBe(first.session_id);
    expect((await ask({ messages: [user("d")], user: "bob", model: "other" })).session_id).not.toBe(first.session_id);
    const owned = await http.call("GET", `/v1/sessions/${first.session_id}`, { user: "bob" });
    expect(owned.statusCode).toBe(200);
    await expect(ask({ messages: [user("x")], user: "eve", session_id: first.session_id })).rejects.toMatchObject({
      status: 404,
    });
  });

  it("may have the key of a person, who has sessions of their own, but not the key of an agent", async () => {
    model.push("Private.");
    const bound = { kind: "person" as const, user: await http.gateway.service.actFor("carl") };
    const as = (apiKey: string) => new OpenAI({ apiKey, baseURL: client.baseURL, maxRetries: 0 }).chat.completions;
    const carl = as(await http.key(bound));
    const body = { model: "tester", messages: [user("Hi")], user: "bob" };
    const { session_id } = (await carl.create(body)) as unknown as Answer;
    expect((await http.call("GET", `/v1/sessions/${session_id}`, { user: "carl" })).statusCode).toBe(200);
    expect((await http.call("GET", `/v1/sessions/${session_id}`, { user: "bob" })).statusCode).toBe(404);
    const agent = as(await http.key({ kind: "agent", agent: "tester" }));
    await expect(agent.create(body)).rejects.toMatchObject({ status: 403 });
  });

  it("has a message of a session answered by another agent", async () => {
    model.push("From the tester.", "From the other.");
    const { session_id } = await ask({ messages: [user("Hello")] });
    const answer = await ask({ messages: [user("And you?")], session_id, model: "other" });
    expect(answer.model).toBe("other");
    expect(asked()).toHaveLength(3);
  });
});

describe("a front end that sends the whole talk each time", () => {
  it("has one session per talk, with nothing in it twice, and another one from where it edits", async () => {
    model.push("First.", "Second.", "Third.", "Fourth.");
    const talk = [{ role: "system" as const, content: "Be brief." }, user("one")];
    const first = await ask({ messages: talk });
    const longer = [...talk, assistant(" First.\n"), user("two")];
    const second = await ask({ messages: longer });
    expect(second.session_id).toBe(first.session_id);
    const words = asked();
    expect(words).toEqual(["user: one", "assistant: First.", "user: two"]);

    const again = await ask({ messages: longer });
    expect(again.session_id).not.toBe(first.session_id);
    expect(asked()).toEqual(words);

    const edited = await ask({ messages: [...talk, assistant("Changed."), user("two")] });
    expect(edited.session_id).not.toBe(first.session_id);
    expect(asked()).toEqual(["user: one", "assistant: Changed.", "user: two"]);
  });

  it("has another session where what it still shows was taken back from the one it had", async () => {
    model.push("Seven.", "Eight.");
    const first = await ask({ messages: [user("Three and four?")] });
    const at = `/v1/sessions/${first.session_id}/revert`;
    expect((await http.call("POST", at, { user: "admin", body: { to_message_index: 0 } })).statusCode).toBe(204);
    const again = await ask({ messages: [user("Three and four?"), assistant("Seven."), user("And one?")] });
    expect(again.session_id).not.toBe(first.session_id);
    expect(asked()).toEqual(["user: Three and four?", "assistant: Seven.", "user: And one?"]);
  });

  it("security-18: is heard as the person's program, never as the agent's instruction", async () => {
    model.push("Aye.");
    await ask({ messages: [{ role: "system", content: "Talk like a pirate." }, user("Hi")] });
    const { messages, instruction } = model.requests.at(-1) as ModelRequest;
    expect(instruction).not.toContain("pirate");
    expect(messages[0]!.parts[0]).toMatchObject({ type: "context", kind: "client", text: "Talk like a pirate." });
  });

  it("has its users told apart by the header of Open WebUI", async () => {
    model.push("Yes.", "No.");
    const say = (id: string) =>
      client.chat.completions.create(
        { model: "tester", messages: [user("Am I known?")] },
        { headers: { "X-OpenWebUI-User-Id": id } },
      ) as unknown as Promise<Answer>;
    const [one, two] = [await say("u-1"), await say("u-2")];
    const read = (id: string, who: string) => http.call("GET", `/v1/sessions/${id}`, { user: `openwebui:${who}` });
    expect((await read(one.session_id, "u-1")).statusCode).toBe(200);
    expect((await read(two.session_id, "u-1")).statusCode).toBe(404);
  });

  it("may send pictures", async () => {
    model.push("A pixel.");
    const url = `data:image/png;base64,${PIXEL}`;
    const content = [
      { type: "text" as const, text: "What is it?" },
      { type: "image_url" as const, image_url: { url } },
    ];
    await ask({ messages: [{ role: "user", content }] });
    const { images } = model.requests.at(-1) as ModelRequest;
    expect([...(images ?? new Map()).values()]).toEqual([{ mediaType: "image/png", base64: PIXEL }]);
  });
});

describe("what cannot be done", () => {
  it.each([
    ["an agent that is not there", { model: "gpt-4" }, 404, /no agent "gpt-4"/],
    ["tools of the client", { tools: [{ type: "function", function: { name: "f" } }] }, 400, /^tools: agents call/],
    ["JSON by a schema", { response_format: { type: "json_object" } }, 400, /^response_format:/],
    ["several answers", { n: 2 }, 400, /^n /],
    ["nothing said", { messages: [assistant("Hi")] }, 400, /must end with what the user says/],
    ["an image to be fetched", { messages: [image("https://example.com/a.png")] }, 400, /must come as data:/],
    ["sound", { messages: [{ role: "user", content: [{ type: "input_audio" }] }] }, 400, /only parts of type text/],
    ["somebody else's session", { session_id: `ses_${"0".repeat(32)}` }, 404, /no such session/],
  ])("is refused in OpenAI's words: %s", async (_what, change, status, message) => {
    const refused = ask({ messages: [user("Hi")], ...(change as object) });
    await expect(refused).rejects.toMatchObject({ status, error: { message: expect.stringMatching(message) } });
  });

  it("is told with the run that failed, and not asked again", async () => {
    model.push([failWith("refused", { message: "No such model." })]);
    const failing = ask({ messages: [user("Hi")] });
    await expect(failing).rejects.toMatchObject({ status: 503, error: { type: "server_error" } });
    await failing.catch((error: { headers: Headers }) => {
      expect(error.headers.get("x-should-retry")).toBe("false");
      expect(error.headers.get("x-trace-id")).toMatch(/^[\da-f]{32}$/);
    });
    model.push(["Half an ", failWith("refused")]);
    const stream = await client.chat.completions.create({ model: "tester", messages: [user("Hi")], stream: true });
    const read = async () => {
      for await (const _chunk of stream) continue;
    };
    await expect(read()).rejects.toThrow();
  });

  it("refuses a wrong key in both APIs' words", async () => {
    const stranger = new OpenAI({ apiKey: "wrong", baseURL: client.baseURL, maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toMatchObject({
      status: 401,
      error: { type: "authentication_error", code: "unauthorized" },
    });
  });
});

describe("an answer under way", () => {
  it("ends when its client leaves", async () => {
    const logged = http.lines.length;
    const pause = hold();
    model.push(["Long ", pause, "story."]);
    const stream = await client.chat.completions.create({ model: "tester", messages: [user("Go")], stream: true });
    let session = "";
    for await (const chunk of stream) {
      session = (chunk as unknown as Answer).session_id;
      if (chunk.choices[0]?.delta.content) break;
    }
    await until("the run's end", async () => {
      const { messages } = (await http.call("GET", `/v1/sessions/${session}`, { user: "admin" })).json<{
        messages: { role: string; status: string }[];
      }>();
      return messages.some(({ role, status }) => role === "assistant" && status === "interrupted");
    });
    pause.release();
    // It is stopped after its stream has ended: nothing is said any more that an operator had to look into.
    expect(http.lines.slice(logged).filter(({ level }) => level !== "info")).toEqual([]);
  });

  it("ends as quietly when it is not streamed", async () => {
    const [pause, leave, logged] = [hold(), new AbortController(), http.lines.length];
    model.push(["Long ", pause, "story."]);
    const body = { model: "tester", messages: [user("Go on")] };
    const left = client.chat.completions.create(body, { signal: leave.signal }).catch((error: unknown) => error);
    await pause.reached;
    leave.abort();
    expect(String(await left)).toContain("aborted");
    await until("the run's end", async () => {
      const { runs } = (await http.call("GET", "/v1/runs?limit=1", { user: "admin" })).json<{
        runs: { status: string }[];
      }>();
      return runs[0]?.status === "cancelled";
    });
    pause.release();
    expect(http.lines.slice(logged).filter(({ level }) => level !== "info")).toEqual([]);
  });

  it("says that it waits for a person, and goes on in the session", async () => {
    model.push([callTool("send_mail", { to: "all" })], "It is sent.");
    const answer = await ask({ messages: [user("Mail them")] });
    expect(answer.choices[0]!.finish_reason).toBe("stop");
    expect(answer.choices[0]!.message.content).toMatch(/needs an approval.*:\n- `send_mail` `\{"to":"all"\}` \(apr_/);
    const at = `/v1/sessions/${answer.session_id}`;
    const { approvals } = (await http.call("GET", `${at}/approvals`, { user: "admin" })).json<{
      approvals: { approval_id: string }[];
    }>();
    const url = `${at}/approvals/${approvals[0]!.approval_id}`;
    await http.call("POST", url, { user: "admin", body: { decision: "approved" } });
    await until("the rest", async () => {
      return (await http.call("GET", at, { user: "admin" })).body.includes("It is sent.");
    });
  });
});

function image(url: string): object {
  return { role: "user", content: [{ type: "image_url", image_url: { url } }] };
}
