import { expect, test } from "vitest";
import { chatRequestFault } from "./model/check-chat-request.ts";
import { type FakeModel, startFakeModel } from "./model-server.ts";

const user = { role: "user", content: "Hi" };
const calls = (id: string, name: string) => ({
  role: "assistant",
  content: null,
  tool_calls: [{ id, type: "function", function: { name, arguments: "{}" } }],
});
const calling = calls("c", "f");
const answered = { role: "assistant", content: "x" };
const result = { role: "tool", tool_call_id: "c", content: "x" };

function post(server: FakeModel, body: object, key = "k"): Promise<Response> {
  const headers = { authorization: `Bearer ${key}` };
  return fetch(`${server.url}/chat/completions`, { method: "POST", headers, body: JSON.stringify(body) });
}

test.each([
  ["no model", { model: "" }],
  ["no stream", { stream: false }],
  ["no messages", { messages: [] }],
  ["an unknown role", { messages: [{ role: "bot", content: "x" }] }],
  ["a message without content", { messages: [{ role: "user" }] }],
  ["NUL", { messages: [{ role: "user", content: "a\0b" }] }],
  ["half a surrogate pair", { messages: [{ role: "user", content: "\ud800" }] }],
  ["an empty list of calls", { messages: [user, { role: "assistant", content: "x", tool_calls: [] }] }],
  ["a call without result", { messages: [user, calling, user] }],
  ["a call without result at the end", { messages: [user, calling] }],
  ["a result without call", { messages: [user, result] }],
  ["two results of one call", { messages: [user, calling, result, result] }],
  [
    "a call whose id is too long",
    { messages: [user, calls("c".repeat(41), "f"), { ...result, tool_call_id: "c".repeat(41) }] },
  ],
  ["a call of a tool with a dot in its name", { messages: [user, calls("c", "a.f"), result] }],
  ["two user messages in a row", { messages: [user, user] }],
  ["two answers in a row", { messages: [user, answered, answered] }],
  ["an empty list of tools", { tools: [] }],
  ["a tool name with a space", { tools: [{ function: { name: "a b" } }] }],
  ["two tools of one name", { tools: [{ function: { name: "a" } }, { function: { name: "a" } }] }],
])("the fake model refuses %s", (_what, changes) => {
  const good = { model: "m", stream: true, messages: [user, calling, result], tools: [{ function: { name: "a" } }] };
  expect(chatRequestFault(good)).toBeNull();
  expect(chatRequestFault({ ...good, ...changes })).toEqual(expect.any(String));
});

test("the fake model quotes what was said last, and keeps a journal", async () => {
  const server = await startFakeModel({ words: 3, apiKey: "right" });
  const refused = await post(server, { model: "m", stream: true, messages: [user] }, "wrong");
  expect(refused.status).toBe(401);
  const answer = await post(server, { model: "m", stream: true, messages: [user] }, "right");
  expect(await answer.text()).toContain("data: [DONE]");
  await server.until(() => server.requests.every(({ closedBy }) => closedBy === "server"));
  expect(server.requests).toMatchObject([
    { n: 0, apiKeyOk: false, sentText: "", closedBy: "server" },
    { n: 1, apiKeyOk: true, model: "m", sentText: "You said: Hi\n\nword1 word2 word3", closedBy: "server" },
  ]);
  await expect(server.until(() => false, 10)).rejects.toThrow('"Hi" sent 31 characters');
  await server.close();
});

test("the fake model keeps its pace, and knows who left first", async () => {
  const server = await startFakeModel();
  const takeBack = server.script(({ messages }) =>
    messages.length === 1 ? { text: "abcdefgh", chunkEveryMs: 30, ttftMs: 40 } : undefined,
  );
  await (await post(server, { model: "m", stream: true, messages: [user] })).text();
  const [first] = server.requests;
  // Both pieces count from the request: a late first one does not delay the second, and neither is ever early.
  expect((first?.firstChunkAt ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(40);
  expect((first?.lastChunkAt ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(70);
  takeBack();
  server.script(() => ({ text: "abcdefgh", fault: "stall-mid" }));
  const cut = await post(server, { model: "m", stream: true, messages: [user] });
  await server.until(() => server.requests[1]?.sentText === "abcd");
  await cut.body?.cancel();
  await server.until(() => server.requests[1]?.closedBy === "client");
  await server.close();
});
