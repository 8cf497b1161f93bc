import { describe, expect, test } from "vitest";
import { type OpenRemoteAgents, createRemoteAgents } from "../../adapters/openai/remote-agents.ts";
import type { AgentRunner, Clone } from "../../src/agent/agent-runner.ts";
import { userMessage } from "../../src/agent/message.ts";
import type { OutsideLimits, RemoteAgent } from "../../src/agent/outside-agent.ts";
import type { RunEvent } from "../../src/agent/run-event.ts";
import { newId } from "../../src/ids.ts";
import { agentRunnerContract, expectWhole } from "../contract/agent-runner.ts";
import { type BaseAgent, type Piece, type Refusal, startBaseAgent } from "../fakes/base-agent.ts";
import { everyRunner, outsideClone, remoteCard } from "./outside-cards.ts";
import { answer, asks, gives, protocol } from "./run-it.ts";

const KEY = "agent-key-canary-0123456789";

/** A gateway's runner with a remote agent behind it. */
class Afar implements AsyncDisposable {
  readonly server: BaseAgent;
  readonly #remotes: OpenRemoteAgents;
  readonly runner: AgentRunner;

  private constructor(server: BaseAgent) {
    this.server = server;
    this.#remotes = createRemoteAgents();
    this.runner = everyRunner({ remotes: this.#remotes });
  }

  static async open(key = ""): Promise<Afar> {
    return new Afar(await startBaseAgent(key));
  }

  clone(change: Partial<Clone> = {}, remote: Partial<RemoteAgent> = {}, limits: Partial<OutsideLimits> = {}): Clone {
    return { ...outsideClone(remoteCard({ url: this.server.url, ...remote }, limits)), ...change };
  }

  async run(clone = this.clone(), signal = new AbortController().signal): Promise<RunEvent[]> {
    const events: RunEvent[] = [];
    for await (const event of this.runner.run(clone, signal)) events.push(event);
    expectWhole(events);
    return events;
  }

  /** The end of a run in which the server does this, and how often it was asked. */
  async endOf(given: readonly Piece[] | Refusal, limits: Partial<OutsideLimits> = {}) {
    this.server.answers(() => given);
    const before = this.server.requests.length;
    const events = await this.run(this.clone({}, {}, limits));
    return { end: protocol(events).at(-1), cause: causeOf(events), asked: this.server.requests.length - before };
  }

  async [Symbol.asyncDispose]() {
    await this.#remotes.close();
    await this.server[Symbol.asyncDispose]();
  }
}

function causeOf(events: readonly RunEvent[]): string {
  const last = events.at(-1);
  return last?.type === "run.failed" && last.cause instanceof Error ? last.cause.message : "";
}

agentRunnerContract("a remote agent", async () => {
  const afar = await Afar.open();
  const doing = (given: readonly Piece[] | Refusal) => () => {
    afar.server.answers(() => given);
    return afar.clone();
  };
  return {
    runner: afar.runner,
    answering: doing([{ tool: "look", args: { at: "clock" }, result: "noon" }, "It is ", "noon."]),
    text: "It is noon.",
    stalling: doing(["It is n", { end: "stall" }]),
    failing: doing({ status: 422, body: '{"detail":"no"}' }),
    open: () => afar.server.requests.filter(({ open }) => open).length,
    close: () => afar[Symbol.asyncDispose](),
  };
});

describe("what a remote agent is sent", () => {
  const history = [
    userMessage("what time is it?"),
    asks(["1", "clock"]),
    gives(["1", "noon"]),
    answer("It is noon."),
    userMessage("thanks"),
    answer("You are wel", "interrupted"),
  ];

  test("the words of the talk and the turn, without calls, tools and instruction", async () => {
    await using afar = await Afar.open(KEY);
    const remote = { key: KEY, headers: { "X-Tenant": "blue" } };
    await afar.run(afar.clone({ history, turn: [userMessage("and there?")], session: "ses_1" }, remote));
    const [request] = afar.server.requests;
    expect(request?.body).toEqual({
      model: "afar",
      messages: [
        { role: "user", content: "what time is it?" },
        { role: "assistant", content: "It is noon." },
        { role: "user", content: "thanks" },
        { role: "assistant", content: "You are wel\n[interrupted by the user]" },
        { role: "user", content: "and there?" },
      ],
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(request?.headers).toMatchObject({ authorization: `Bearer ${KEY}`, "x-tenant": "blue" });
  });

  test("the new turn alone, with the talk's id, where the agent keeps the history", async () => {
    await using afar = await Afar.open();
    const ask = (session: string, text: string) =>
      afar.run(afar.clone({ history, turn: [userMessage(text)], session }, { history: "agent" }));
    await ask("ses_1", "one");
    await ask("ses_2", "other");
    await ask("ses_1", "two");
    expect(afar.server.requests.map(({ body }) => [body.session_id, body.messages])).toEqual([
      ["ses_1", [{ role: "user", content: "one" }]],
      ["ses_2", [{ role: "user", content: "other" }]],
      ["ses_1", [{ role: "user", content: "two" }]],
    ]);
    expect(afar.server.requests[2]?.read.map(({ content }) => content)).toEqual(["one", "Hello from afar.", "two"]);
  });

  test("a long talk is summed up for an agent that is told it, and for no other", async () => {
    await using afar = await Afar.open();
    const asked: string[] = [];
    const clone = (kept: "gateway" | "agent") => {
      const compact: Clone["compact"] = async () => {
        asked.push(kept);
        return { history: [userMessage("all in short"), answer("Yes.")], failed: false, usages: [] };
      };
      return afar.clone({ history, compact, mustCompact: true }, { history: kept });
    };
    await afar.run(clone("gateway"));
    await afar.run(clone("agent"));
    expect(asked).toEqual(["gateway"]);
    expect(afar.server.requests.map(({ body }) => body.messages.length)).toEqual([3, 1]);
  });

  test("the talk's id in another field or in a header, as its server reads it", async () => {
    await using afar = await Afar.open();
    const remote = (session: RemoteAgent["session"]) => afar.clone({ session: "ses_1" }, { history: "agent", session });
    await afar.run(remote({ field: "user" }));
    await afar.run(remote({ header: "X-Session-Id" }));
    expect(afar.server.requests[0]?.body).toMatchObject({ user: "ses_1" });
    expect(afar.server.requests[1]?.headers).toMatchObject({ "x-session-id": "ses_1" });
  });

  test("an id of its own for each run that belongs to no talk", async () => {
    await using afar = await Afar.open();
    for (let run = 0; run < 2; run++) await afar.run(afar.clone({}, { history: "agent" }));
    const ids = afar.server.requests.map(({ body }) => body.session_id);
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^[a-zA-Z0-9_-]{1,128}$/);
  });

  test("a picture as words, unless it looks at pictures", async () => {
    await using afar = await Afar.open();
    const file = newId("fil");
    const picture = { type: "file", kind: "image", name: "cat.png", mediaType: "image/png", size: 4, file } as const;
    const turn = [{ ...userMessage("who is that?"), parts: [picture] }];
    const images = new Map([[file, { mediaType: "image/png", base64: "AAAA" }]]);
    await afar.run(afar.clone({ turn, images }));
    await afar.run(afar.clone({ turn, images }, { images: true }));
    expect(afar.server.requests.map(({ body }) => typeof body.messages[0]?.content)).toEqual(["string", "object"]);
  });
});

test("a remote agent's tools are shown as they work, and never reach the history", async () => {
  await using afar = await Afar.open();
  afar.server.answers(() => [
    "Let me see. ",
    { tool: "search", args: { query: "noon" }, result: "a long page" },
    { tool: "read", args: {} },
    "It is noon.",
  ]);
  expect(protocol(await afar.run()).filter((line) => !line.startsWith("“"))).toEqual([
    "step 1",
    'search({"query":"noon"}) started',
    "search ok: a long page",
    "read({}) started",
    "read ok: ",
    "assistant complete: Let me see. It is noon.",
    "usage afar 7/3",
    "completed: stop",
  ]);
});

describe("what goes wrong at a remote agent ends in one sentence", () => {
  test.each<[string, readonly Piece[] | Refusal, string, number]>([
    [
      "a key that is refused",
      { status: 401, body: '{"detail":"bad"}' },
      "The agent's server did not accept the gateway's key.",
      1,
    ],
    ["an unknown address", { status: 404 }, "The agent's server does not know this agent or address.", 1],
    [
      "a redirect",
      { status: 307, headers: { location: "http://169.254.169.254/" } },
      "The agent's server does not know this agent or address.",
      1,
    ],
    [
      "a budget that is used up",
      { status: 402, body: '{"detail":{"error":"budget_exceeded"}}' },
      "The agent's budget is used up.",
      1,
    ],
    [
      "a question it waits for",
      { status: 409, body: '{"detail":{"error":"pending_question"}}' },
      "The agent's server has trouble at the moment. Please try again later.",
      1,
    ],
    [
      "a request it does not like",
      { status: 422, body: '{"detail":"no"}' },
      "The agent's server did not accept the request.",
      1,
    ],
    [
      "an error",
      { status: 500, body: "Internal" },
      "The agent's server has trouble at the moment. Please try again later.",
      1,
    ],
    [
      "a long Retry-After",
      { status: 429, headers: { "retry-after": "300" } },
      "The agent is busy. Please try again in 5 minutes.",
      1,
    ],
    [
      "a page instead of a stream",
      [{ raw: "<html><body>502</body></html>\n\n" }, { end: "cut" }],
      "The agent's answer broke off. Please ask again.",
      1,
    ],
    ["no JSON", [{ raw: "data: <html>\n\n" }], "The agent's answer could not be read. Please try again later.", 1],
    [
      "an error in the stream",
      [{ end: "error" }],
      "The agent's server has trouble at the moment. Please try again later.",
      1,
    ],
    [
      "a stream that is cut",
      ["Half", { end: "cut" }],
      "The agent's answer broke off. The answer is not complete; write “continue” to go on.",
      1,
    ],
    [
      "a connection that breaks",
      ["Half", { end: "reset" }],
      "The agent's answer broke off. The answer is not complete; write “continue” to go on.",
      1,
    ],
    [
      "silence after some words",
      ["Half", { end: "stall" }],
      "The agent stopped in the middle of its answer. The answer is not complete; write “continue” to go on.",
      1,
    ],
    ["silence from the start", [{ end: "stall" }], "The agent did not begin to answer in time. Please ask again.", 1],
    ["nothing said", [], "The agent gave an empty answer. Please try again later.", 1],
    [
      "calls that the gateway shall make",
      [{ tool: "pay", args: {} }, { end: "tool_calls" }],
      "The agent gave an empty answer. Please try again later.",
      1,
    ],
  ])("%s", async (_what, given, sentence, asked) => {
    await using afar = await Afar.open();
    const result = await afar.endOf(given, { firstMs: 150, idleMs: 150 });
    expect(result.end).toMatch(/^failed /);
    expect(result.end?.slice(result.end.indexOf(": ") + 2)).toBe(sentence);
    expect(result.asked).toBe(asked);
  });

  test("a server that is busy for a moment is asked again", async () => {
    await using afar = await Afar.open();
    afar.server.answers(() =>
      afar.server.requests.length === 1 ? { status: 429, headers: { "retry-after": "0" } } : ["Hi."],
    );
    expect(protocol(await afar.run()).at(-1)).toBe("completed: stop");
    expect(afar.server.requests).toHaveLength(2);
  });

  test("nobody listens there", async () => {
    await using afar = await Afar.open();
    const events = await afar.run(afar.clone({}, { url: "http://127.0.0.1:9/v1" }));
    expect(protocol(events).at(-1)).toBe(
      "failed model_unavailable: The agent's server cannot be reached. Please try again later.",
    );
    expect(causeOf(events)).toMatch(/ECONNREFUSED|bad port/i);
  });

  test("the operator learns the cause, and neither of them the key", async () => {
    await using afar = await Afar.open(`${KEY}-other`);
    const headers = { "X-Api-Key": "header-canary-0123456789" };
    const events = await afar.run(afar.clone({}, { key: KEY, headers }));
    expect(causeOf(events)).toContain("401");
    expect(JSON.stringify(events) + causeOf(events)).not.toMatch(/canary/);
  });

  test("a stream of 100 MB that says nothing ends", async () => {
    await using afar = await Afar.open();
    const line = `data: ${"x".repeat(1_000_000)}`;
    afar.server.answers(() => Array.from({ length: 100 }, () => ({ raw: line })));
    expect(protocol(await afar.run()).at(-1)).toMatch(/: The agent's answer could not be read/);
    await expect.poll(() => afar.server.requests.every(({ open }) => !open)).toBe(true);
  });

  test("an answer without end is cut like any other", async () => {
    await using afar = await Afar.open();
    afar.server.answers(() => Array.from({ length: 200 }, () => "x".repeat(10_000)));
    expect(protocol(await afar.run()).at(-1)).toBe("completed: length");
    await expect.poll(() => afar.server.requests.every(({ open }) => !open)).toBe(true);
  });

  test("an answer that does not stream is an answer", async () => {
    await using afar = await Afar.open();
    const body = JSON.stringify({
      object: "chat.completion",
      model: "afar",
      choices: [{ index: 0, message: { role: "assistant", content: "Noon." }, finish_reason: "stop" }],
      usage: { prompt_tokens: 2, completion_tokens: 1 },
    });
    afar.server.answers(() => ({ status: 200, body }));
    expect(protocol(await afar.run()).slice(1)).toEqual([
      "“Noon.”",
      "assistant complete: Noon.",
      "usage afar 2/1",
      "completed: stop",
    ]);
  });

  test("in the language of the talk", async () => {
    await using afar = await Afar.open();
    afar.server.answers(() => ({ status: 500 }));
    const events = await afar.run(afar.clone({ language: "de" }));
    expect(protocol(events).at(-1)).toContain("Der Server des Agenten hat gerade Schwierigkeiten.");
  });
});

test("a stop reaches the agent's server", async () => {
  await using afar = await Afar.open();
  afar.server.answers(() => ["Half", { end: "stall" }]);
  const controller = new AbortController();
  for await (const event of afar.runner.run(afar.clone(), controller.signal)) {
    if (event.type === "text.delta") controller.abort();
  }
  await expect.poll(() => afar.server.requests[0]?.open).toBe(false);
});
