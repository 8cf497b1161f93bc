import { expect, test } from "vitest";
import { chatRequest } from "../../adapters/openai/openai-request.ts";
import { quirksAt } from "../../src/agent/provider-presets.ts";
import { type Message, userMessage } from "../../src/agent/message.ts";
import { answer, asks, gives } from "../agent/run-it.ts";
import { modelRequest } from "../contract/model-client.ts";
import { wireFaults } from "../support/provider-rules.ts";

const hi = userMessage("hi");

/** What is sent for these messages, which every provider would take. */
function sent(...messages: Message[]) {
  const options = { defaultModel: "m", quirks: quirksAt("http://127.0.0.1/v1"), unwrapExtra: () => null };
  const body = chatRequest(modelRequest("hi", { instruction: " ", messages }), options);
  expect(wireFaults(body)).toEqual([]);
  return body.messages;
}

test("calls of several runs that have the same id get ids of their own, and so do their results", () => {
  const run = [hi, asks(["call_0", "look"]), gives(["call_0", "noon"]), answer("It is noon.")];
  const messages = sent(...run, ...run, hi);
  const ids = messages
    .flatMap((message) => ("tool_calls" in message ? (message.tool_calls ?? []) : []))
    .map(({ id }) => id);
  expect(ids).toEqual(["call_0", expect.stringMatching(/^call_[0-9a-f]{32}$/)]);
  expect(messages.flatMap((message) => (message.role === "tool" ? [message.tool_call_id] : []))).toEqual(ids);
  expect(sent(...run, ...run, ...run, hi).slice(0, messages.length - 1), "what was sent stays").toEqual(
    messages.slice(0, -1),
  );
});

test("an id that only its provider would take goes to others in a shape that they take", () => {
  sent(
    hi,
    asks(["functions.look:0", "look"], ["", "look"]),
    gives(["functions.look:0", "a"], ["", "b"]),
    answer("ok"),
    hi,
  );
});

test("what a person says right after results follows an answer that says it is none", () => {
  expect(sent(hi, asks(["1", "look"]), gives(["1", "noon"]), hi).slice(-2)).toEqual([
    { role: "assistant", content: "[not answered]" },
    { role: "user", content: "hi" },
  ]);
});

test("white space is nobody's word", () => {
  const blank: Message = {
    role: "assistant",
    parts: [{ type: "text", text: "\n" }, ...asks(["1", "look"]).parts],
    status: "complete",
  };
  const messages = sent(userMessage(" "), blank, gives(["1", " \n"]), answer("\0"), userMessage("\0"));
  expect(messages.map(({ content }) => content)).toEqual([
    "(no words)",
    null,
    "(no output)",
    "[not answered]",
    "(no words)",
  ]);
  expect(sent(userMessage(" "), userMessage("hi"))).toEqual([{ role: "user", content: "hi" }]);
});
