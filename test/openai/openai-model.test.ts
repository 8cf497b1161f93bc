import { expect, test } from "vitest";
import { type Message, type Part, userMessage } from "../../src/agent/message.ts";
import type { ModelEvent } from "../../src/agent/model-client.ts";
import { modelClientContract, modelRequest, textOfEvents } from "../contract/model-client.ts";
import type { Fault } from "../fakes/model/script.ts";
import { failureOf, openAISubject } from "./openai-subject.ts";

modelClientContract(
  "the OpenAI client",
  async () => {
    const subject = await openAISubject({}, { chunkEveryMs: 50 });
    const text = "Forty-two, said Deep Thought, with infinite majesty and calm.";
    let fault: Fault | undefined;
    subject.server.script(() => ({ text, ...(fault && { fault }) }));
    return {
      model: subject.model,
      request: modelRequest("What is the answer?"),
      text,
      open: () => subject.open(),
      breakDown: () => (fault = "500"),
      close: async () => subject[Symbol.asyncDispose](),
    };
  },
  (subject) => void subject.breakDown(),
);

const TEXT = "Grüße, 世界 🌍: the answer is long enough to be cut.";

test("fault-29: a refusal is said and marked as one", async () => {
  await using subject = await openAISubject();
  const events = await subject.ask({ fault: "refusal", text: "I cannot help with that." });
  expect(textOfEvents(events)).toBe("I cannot help with that.");
  expect(events.at(-1)).toMatchObject({ type: "finished", reason: "refusal" });
});

test("an answer that the content filter cut keeps what was said", async () => {
  await using subject = await openAISubject();
  const events = await subject.ask({ fault: "content-filter", text: "Once upon" });
  expect(textOfEvents(events)).toBe("Once upon");
  expect(events.at(-1)).toMatchObject({ type: "finished", reason: "refusal" });
});

test("an answer with a finish reason is whole, even if [DONE] or the end of the stream never comes", async () => {
  await using subject = await openAISubject({ timeouts: { tailMs: 50, releaseMs: 50 } });
  for (const fault of ["no-done", "no-end"] as const) {
    const events = await subject.ask({ fault, text: "Done." });
    expect(textOfEvents(events)).toBe("Done.");
    expect(events.at(-1)).toMatchObject({ type: "finished", reason: "stop" });
  }
  await subject.server.until(() => subject.open() === 0);
});

test("comments after the finish reason do not put off the end", async () => {
  // Long against the pauses of a busy machine, in which no comment comes.
  await using subject = await openAISubject({ timeouts: { tailMs: 1000, releaseMs: 50 } });
  const events = await subject.ask({ fault: "no-end-comments", text: "Done." });
  expect(events.at(-1)).toMatchObject({ type: "finished", reason: "stop" });
  await subject.server.until(() => subject.open() === 0);
});

test("usage comes from the last chunk that has it", async () => {
  await using subject = await openAISubject();
  const usage = { input: 12, output: 34, cached: 5 };
  const expected = { inputTokens: 12, outputTokens: 34, cachedTokens: 5 };
  expect((await subject.ask({ text: "x", usage })).at(-1)).toMatchObject({ usage: expected, model: "fake-1" });
  const every = await subject.ask({ text: "x", usage, quirk: "usage-every-chunk" });
  expect(every.at(-1)).toMatchObject({ usage: expected });
  expect((await subject.ask({ text: "x", usage: null })).at(-1)).not.toHaveProperty("usage");
});

const TWO_CALLS = [
  { id: "call_a", name: "get_weather", args: { city: "Paris" } },
  { id: "call_b", name: "get_time", args: { zone: "Europe/Paris" } },
];

test.each([
  "idx0",
  "gemini-no-index",
  "interleaved",
  "empty-ids",
  "comments",
  "crlf",
  "no-space",
  "usage-every-chunk",
  "split-utf8",
] as const)("the quirk %s leaves text and parallel calls as they were meant", async (quirk) => {
  await using subject = await openAISubject();
  const events = await subject.ask({ text: TEXT, toolCalls: TWO_CALLS, quirk });
  expect(textOfEvents(events)).toBe(TEXT);
  const calls = events.flatMap((event) => (event.type === "tool_call" ? [event] : []));
  expect(calls.map(({ tool, args }) => [tool, args])).toEqual([
    ["get_weather", '{"city":"Paris"}'],
    ["get_time", '{"zone":"Europe/Paris"}'],
  ]);
  const ids = calls.map(({ callId }) => callId);
  if (quirk === "empty-ids") expect(new Set(ids).size).toBe(2);
  else expect(ids).toEqual(["call_a", "call_b"]);
  expect(ids.every((id) => id !== "")).toBe(true);
  expect(events.at(-1)).toMatchObject({ type: "finished", reason: "stop" });
});

test("without ids and without index two whole calls stay two", async () => {
  await using subject = await openAISubject();
  const twice = [
    { name: "roll", args: {} },
    { name: "roll", args: {} },
  ];
  const events = await subject.ask({ toolCalls: twice, quirk: ["gemini-no-index", "empty-ids"] });
  expect(events.filter(({ type }) => type === "tool_call")).toHaveLength(2);
});

test.each(["reasoning_content", "reasoning"] as const)("reasoning under %s is told apart from text", async (quirk) => {
  await using subject = await openAISubject();
  const events = await subject.ask({ reasoning: "Let me think about that.", text: "Yes.", quirk });
  expect(events.map((event) => (event.type === "reasoning" ? event.text : "")).join("")).toBe(
    "Let me think about that.",
  );
  expect(textOfEvents(events)).toBe("Yes.");
});

test("extras of a call go back to the provider and model they came from, and to nobody else", async () => {
  await using subject = await openAISubject();
  await using other = await openAISubject();
  const extra = { google: { thought_signature: "c2ln" } };
  const toolCalls = [{ id: "c1", name: "look", args: {}, extra }];
  const events = await subject.ask({ toolCalls, quirk: "gemini-no-index" });
  const call = events.find((event) => event.type === "tool_call");
  const messages = (status: "complete" | "interrupted") => [
    { role: "user" as const, parts: [{ type: "text" as const, text: "Look" }], status: "complete" as const },
    {
      role: "assistant" as const,
      parts: [
        {
          type: "tool_call" as const,
          callId: "c1",
          tool: "look",
          args: "{}",
          extra: { model: "x", data: call?.extra },
        },
      ],
      status,
    },
    {
      role: "tool" as const,
      parts: [{ type: "tool_result" as const, callId: "c1", ok: true, text: "seen" }],
      status: "complete" as const,
    },
  ];
  const sentTo = async (target: typeof subject, changes: object) => {
    await target.ask({ text: "ok" }, { messages: messages("complete"), ...changes });
    return target.server.requests.at(-1)?.messages[2]?.tool_calls?.[0]?.extra_content;
  };
  expect(await sentTo(subject, {})).toEqual(extra);
  expect(await sentTo(subject, { model: "another" })).toBeUndefined();
  expect(await sentTo(other, {})).toBeUndefined();
  expect(await sentTo(subject, { messages: messages("interrupted") })).toBeUndefined();
});

test("the reasoning before calls goes back with them to the provider that wants it, and to nobody else", async () => {
  await using subject = await openAISubject();
  await using other = await openAISubject();
  const afterCalls = async (quirk: "reasoning_content" | "reasoning", target: typeof subject) => {
    const events = await subject.ask({ reasoning: "Both, I think.", toolCalls: TWO_CALLS, quirk });
    const parts = events.flatMap((event): Part[] => {
      if (event.type !== "tool_call") return [];
      const { callId, tool, args, extra } = event;
      return [
        { type: "tool_call", callId, tool, args, ...(extra !== undefined && { extra: { model: "m", data: extra } }) },
      ];
    });
    const results = TWO_CALLS.map(({ id }): Part => ({ type: "tool_result", callId: id, ok: true, text: "x" }));
    const messages: Message[] = [
      userMessage("Look"),
      { role: "assistant", parts, status: "complete" },
      { role: "tool", parts: results, status: "complete" },
    ];
    await target.ask({ text: "ok" }, { messages });
    return target.server.requests.at(-1)?.messages[2];
  };
  expect(await afterCalls("reasoning_content", subject)).toMatchObject({ reasoning_content: "Both, I think." });
  expect(await afterCalls("reasoning_content", other)).not.toHaveProperty("reasoning_content");
  const unsaid = await afterCalls("reasoning", subject);
  expect(unsaid).not.toHaveProperty("reasoning_content");
  expect(unsaid?.tool_calls).toEqual(
    TWO_CALLS.map(({ id, name, args }) => {
      return { id, type: "function", function: { name, arguments: JSON.stringify(args) } };
    }),
  );
});

test("all text that came in one read is one event", async () => {
  await using subject = await openAISubject();
  const events = await subject.ask({ text: "x".repeat(4000), chunkEveryMs: 0 });
  const texts = events.filter(({ type }) => type === "text");
  expect(textOfEvents(events)).toHaveLength(4000);
  expect(texts.length).toBeLessThan(100);
});

test("an abort while nothing comes closes the connection and is told as an abort", async () => {
  await using subject = await openAISubject();
  for (const fault of ["no-headers", "stall-before", "stall-mid"] as const) {
    const controller = new AbortController();
    const asked = subject.ask({ text: TEXT, fault }, {}, controller.signal);
    const number = subject.server.requests.length + 1;
    await subject.server.until(() => subject.server.requests.length === number);
    controller.abort();
    expect(failureOf(await asked)).toMatchObject({ kind: "aborted" });
    await subject.server.until(() => subject.server.requests.at(-1)?.closedBy === "client");
  }
});

test("an abort between two events of one read holds back the rest", async () => {
  await using subject = await openAISubject();
  subject.server.script(() => ({ text: "Look:", toolCalls: TWO_CALLS }));
  const controller = new AbortController();
  const types: string[] = [];
  for await (const event of subject.model.stream(modelRequest("Hello"), controller.signal)) {
    types.push(event.type);
    controller.abort();
  }
  expect(types).toEqual(["text", "failed"]);
});

test("a consumer that leaves a silent stream closes its connection", async () => {
  await using subject = await openAISubject();
  subject.server.script(() => ({ text: TEXT, fault: "stall-mid" }));
  for await (const event of subject.model.stream(modelRequest("Hello"), new AbortController().signal)) {
    if (event.type === "text") break;
  }
  await subject.server.until(() => subject.server.requests[0]?.closedBy === "client");
});

test("the time a slow consumer takes is not the model's", async () => {
  await using subject = await openAISubject();
  const text = "x".repeat(100);
  subject.server.script(() => ({ text, chunkEveryMs: 40 }));
  const events: ModelEvent[] = [];
  const stream = subject.model.stream(modelRequest("Hello", { idleMs: 2_000 }), new AbortController().signal);
  for await (const event of stream) {
    events.push(event);
    if (events.length === 2) await new Promise((resolve) => setTimeout(resolve, 2_500));
  }
  expect(textOfEvents(events)).toBe(text);
  expect(events.at(-1)).toMatchObject({ type: "finished" });
});

test("the first-token deadline is not put off by a role without content, nor the idle one by comments", async () => {
  await using subject = await openAISubject();
  const events = await subject.ask({ text: TEXT, fault: "stall-mid", faultAfterChunks: 0 }, { firstTokenMs: 100 });
  expect(failureOf(events)).toMatchObject({ kind: "first_token_timeout" });
});

test("a slow but living stream outlasts its idle time", async () => {
  await using subject = await openAISubject();
  const events = await subject.ask({ text: "x".repeat(40), chunkEveryMs: 350 }, { idleMs: 3_000 });
  expect(events.at(-1)).toMatchObject({ type: "finished" });
});

test("the client's default model answers where the request names none", async () => {
  await using subject = await openAISubject();
  await subject.ask({ text: "ok" });
  await subject.ask({ text: "ok" }, { model: "gpt-next" });
  expect(subject.server.requests.map(({ model }) => model)).toEqual(["fake-1", "gpt-next"]);
});

test("closing the client ends its streams as failed", async () => {
  await using subject = await openAISubject();
  const asked = subject.ask({ text: TEXT, fault: "stall-mid" });
  await subject.server.until(() => subject.server.requests.length === 1);
  await subject.model.close();
  expect(failureOf(await asked).kind).toMatch(/^(truncated|retryable)$/);
});
