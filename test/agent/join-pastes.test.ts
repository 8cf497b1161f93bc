import { expect, test } from "vitest";
import { joinPastes } from "../../src/agent/join-pastes.ts";
import { type Message, userMessage } from "../../src/agent/message.ts";

const ann = { id: "1", name: "Ann" };
const cut = (text: string, author = ann): Message => ({
  role: "user",
  parts: [{ type: "text", text, continues: true }],
  status: "complete",
  author,
});
const texts = (messages: Message[]) =>
  messages.map(({ parts }) => parts.map((part) => ("text" in part ? part.text : part.type)));

test("a text that was cut into three messages is one again, as it was written", () => {
  expect(
    texts(joinPastes([cut("one wo"), cut("rd and ano"), userMessage("ther", ann), userMessage("Well?", ann)])),
  ).toEqual([["one word and another"], ["Well?"]]);
});

test("nobody goes on where somebody else ends", () => {
  const messages = [cut("one wo"), userMessage("rd", { id: "2", name: "Bob" })];
  expect(joinPastes(messages)).toEqual(messages);
});

test("what comes after an answer begins anew", () => {
  const said: Message = { role: "assistant", parts: [{ type: "text", text: "yes" }], status: "complete" };
  const messages = [cut("long"), said, userMessage("ago", ann)];
  expect(joinPastes(messages)).toEqual(messages);
});

test("files and origins of the last part stay", () => {
  const context = { type: "context", kind: "reply", author: "Bob", text: "q" } as const;
  const file = { type: "file", kind: "image", name: "", mediaType: "", size: 1 } as const;
  const first: Message = { ...cut("a"), parts: [context, ...cut("a").parts] };
  const last: Message = { ...userMessage("b", ann), parts: [{ type: "text", text: "b" }, file] };
  expect(texts(joinPastes([first, last]))).toEqual([["q", "ab", "file"]]);
});
