import { expect, test } from "vitest";
import { demoModel } from "../../src/agent/demo-model.ts";
import { type Message, userMessage } from "../../src/agent/message.ts";
import type { ModelRequest } from "../../src/agent/model-client.ts";
import { collect, modelClientContract, modelRequest, textOfEvents } from "../contract/model-client.ts";

const TIME = { name: "current_time", description: "The time.", schema: { type: "object" } };

modelClientContract("the demo model", async () => {
  const request = modelRequest("something long");
  return {
    model: demoModel({ wordMs: 1 }),
    request,
    text: textOfEvents(await collect(demoModel({ wordMs: 0 }).stream(request, new AbortController().signal))),
    open: () => 0,
    close: () => Promise.resolve(),
  };
});

function events(request: ModelRequest) {
  return collect(demoModel({ wordMs: 0 }).stream(request, new AbortController().signal));
}

async function answer(...messages: Message[]): Promise<string> {
  return textOfEvents(await events(modelRequest("", { messages })));
}

function assistant(text: string): Message {
  return { role: "assistant", parts: [{ type: "text", text }], status: "complete" };
}

test("the first answer greets, quotes what was said, and names the key that is missing", async () => {
  const text = await answer(userMessage("I am Ann"));
  expect(text).toMatch(/^Hello!/);
  expect(text).toContain("> I am Ann");
  expect(text).toContain("`OPENAI_API_KEY`");
  expect(text).toContain("- **What did I say before?**");
});

test("later answers quote all of the turn and still say that this is a script", async () => {
  const text = await answer(userMessage("I am Ann"), assistant("Hello!"), userMessage("one"), userMessage("two"));
  expect(text).toContain("> one\n>\n> two");
  expect(text).toContain("one message of yours");
  expect(text).toContain("built-in script");
});

test("asked what was said before, it lists the earlier messages of the person and not the question", async () => {
  const text = await answer(
    userMessage("my cat is called Mia"),
    assistant("I see."),
    userMessage("she is\ngrey"),
    assistant("I see."),
    userMessage("What did I say before?"),
  );
  expect(text).toContain("1. my cat is called Mia\n2. she is grey");
  expect(text).not.toContain("What did I say");
});

test("without a history it says that nothing was said before", async () => {
  expect(await answer(userMessage("what did I say before?"))).toContain("Nothing before this");
});

test("a long memory is cut to the latest messages, and says so", async () => {
  const history = Array.from({ length: 30 }, (_, index) => [userMessage(`note ${index}`), assistant("ok")]).flat();
  const text = await answer(...history, userMessage("what did I tell you?"));
  expect(text).toContain("the last 20 of 30");
  expect(text).toContain("20. note 29");
  expect(text).not.toContain("note 9\n");
});

test("in a group it quotes with the author's name", async () => {
  expect(await answer(userMessage("hi", { id: "1", name: "Ann" }))).toContain("> Ann: hi");
});

test("asked for the time it calls the tool and then says the result", async () => {
  const question = userMessage("What time is it?");
  const asked = await events(modelRequest("", { messages: [question], tools: [TIME] }));
  expect(asked).toMatchObject([{ type: "tool_call", tool: "current_time", args: "{}" }, { type: "finished" }]);
  const text = await answer(
    question,
    {
      role: "assistant",
      parts: [{ type: "tool_call", callId: "c", tool: "current_time", args: "{}" }],
      status: "complete",
    },
    {
      role: "tool",
      parts: [{ type: "tool_result", callId: "c", ok: true, text: "Saturday, noon" }],
      status: "complete",
    },
  );
  expect(text).toContain("It is **Saturday, noon**.");
});

test("it calls no tool that it was not offered", async () => {
  const asked = await events(modelRequest("what time is it?"));
  expect(asked.some(({ type }) => type === "tool_call")).toBe(false);
  expect(textOfEvents(asked)).toContain("no `current_time` tool");
});

test("a failed tool is told, not hidden", async () => {
  const text = await answer(
    userMessage("what time is it?"),
    {
      role: "assistant",
      parts: [{ type: "tool_call", callId: "c", tool: "current_time", args: "{}" }],
      status: "complete",
    },
    { role: "tool", parts: [{ type: "tool_result", callId: "c", ok: false, text: "no clock" }], status: "complete" },
  );
  expect(text).toContain("The tool failed: no clock");
});

test("the long answer has a list, code and a table, and is long enough to be watched", async () => {
  const text = await answer(userMessage("something long please"));
  expect(text).toMatch(/^1\. /m);
  expect(text).toMatch(/^```ts$/m);
  expect(text).toMatch(/^\| --- \| --- \|$/m);
  expect(text.split(/\s+/).length).toBeGreaterThan(120);
});

test("a quote cannot break out of its line", async () => {
  const text = await answer(userMessage("a\n\n# big\n```\nx"));
  expect(text).toContain("> a # big ``` x");
});

test("it speaks word by word, and nothing of its text is lost between the words", async () => {
  const spoken = (await events(modelRequest("long"))).filter(({ type }) => type === "text");
  expect(spoken.length).toBeGreaterThan(120);
  expect(textOfEvents(spoken)).toBe(await answer(userMessage("long")));
});
