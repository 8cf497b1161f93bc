import { expect, test } from "vitest";
import { collect, modelClientContract, modelRequest } from "../contract/model-client.ts";
import { callTool, failWith, finish, hold, scriptedModel, think } from "./scripted-model.ts";

const signal = () => new AbortController().signal;

modelClientContract(
  "the scripted model",
  async () => {
    let broken = false;
    const step = () => (broken ? failWith("retryable") : ["for", "ty-", "two"]);
    const model = scriptedModel(step, step, step);
    return {
      model,
      request: modelRequest("What is the answer?"),
      text: "forty-two",
      open: () => model.open,
      breakDown: () => (broken = true),
      close: () => Promise.resolve(),
    };
  },
  (subject) => void subject.breakDown(),
);

test("it plays one step per request and refuses a request too many", async () => {
  const model = scriptedModel("one", [think("hm"), "two", callTool("add", { a: 1 })], [finish("length")]);
  const play = async () => collect(model.stream(modelRequest("?"), signal()));
  expect(await play()).toEqual([{ type: "text", text: "one" }, finish()]);
  expect(await play()).toEqual([
    { type: "reasoning", text: "hm" },
    { type: "text", text: "two" },
    { type: "tool_call", callId: "call_add", tool: "add", args: '{"a":1}' },
    finish(),
  ]);
  expect(await play()).toEqual([finish("length")]);
  expect(await play()).toMatchObject([{ type: "failed", failure: { kind: "refused" } }]);
});

test("a hold waits until it is released, or until the abort", async () => {
  const [first, second] = [hold(), hold()];
  const model = scriptedModel(["a", first, "b", second, "c"]);
  const controller = new AbortController();
  const playing = collect(model.stream(modelRequest("?"), controller.signal));
  await first.reached;
  expect(model.open).toBe(1);
  first.release();
  await second.reached;
  controller.abort();
  expect(await playing).toMatchObject([{ text: "a" }, { text: "b" }, { failure: { kind: "aborted" } }]);
  expect(model.open).toBe(0);
});

test("it keeps what it was asked, as it was then", async () => {
  const model = scriptedModel("ok", ({ messages }) => `${messages.length}`);
  const request = modelRequest("one");
  const messages = [...request.messages];
  await collect(model.stream({ ...request, messages }, signal()));
  messages.push(...request.messages);
  expect(await collect(model.stream({ ...request, messages }, signal()))).toMatchObject([{ text: "2" }, {}]);
  expect(model.requests.map((asked) => asked.messages.length)).toEqual([1, 2]);
});
