import { expect, test } from "vitest";
import { accountId } from "../../src/ids.ts";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import type { AgentCard } from "../../src/agent/agent-card.ts";
import type { Agents } from "../../src/agent/agents.ts";
import { arriving } from "../../src/talk/arriving.ts";

const MESSAGE: Extract<IncomingUpdate, { kind: "message" }> = {
  kind: "message",
  account: accountId("telegram", "4711"),
  key: "u1",
  place: { kind: "private", chat: "7", thread: "", title: "Ann" },
  sender: { id: "7", name: "Ann", language: "de" },
  messageId: "10",
  text: "look",
  addressed: true,
  writtenAt: 1_790_000_000_000,
};
const AGENTS = { list: () => [{ name: "Poet" }, { name: "tester" }] as AgentCard[] } as unknown as Agents;
const FORWARD = { type: "context", kind: "forward", author: "Bob", text: "snow" } as const;
const PICTURE = { type: "file", kind: "image", name: "", mediaType: "image/jpeg", size: 9, ref: "A" } as const;

test("what came with a message stands before its words, its files behind them", () => {
  const { parts, language } = arriving({ ...MESSAGE, context: [FORWARD], files: [PICTURE] }, true, AGENTS);
  expect(parts).toEqual([FORWARD, { type: "text", text: "look" }, PICTURE]);
  expect(language).toBe("de");
});

test("nobody is given words they did not say: what is only forwarded or shown has none of its sender's", () => {
  expect(arriving({ ...MESSAGE, text: "", context: [FORWARD] }, true, AGENTS).parts).toEqual([FORWARD]);
  expect(arriving({ ...MESSAGE, text: "", files: [PICTURE] }, true, AGENTS).parts).toEqual([PICTURE]);
  expect(arriving({ ...MESSAGE, text: "" }, true, AGENTS).parts).toEqual([{ type: "text", text: "" }]);
});

test.each([
  ["@poet write a haiku", "Poet"],
  ["  @POET, please", "Poet"],
  ["@poet", "Poet"],
  ["@poetry night", null],
  ["@somebody look", null],
  ["ask @poet", null],
  ["poet, write", null],
])("%j names the agent %j", (text, asks) => {
  expect(arriving({ ...MESSAGE, text }, true, AGENTS).asks).toBe(asks);
});
