import { expect, test } from "vitest";
import type { AgentCard, Children } from "../../src/agent/agent-card.ts";
import { childFaults } from "../../src/agent/child-faults.ts";
import { userMessage } from "../../src/agent/message.ts";
import { card } from "./run-it.ts";

const agent = (name: string, agents: string[] = [], more: Partial<Children> = {}): AgentCard => ({
  ...card,
  name,
  file: `${name}.md`,
  children: {
    agents,
    historySource: "none",
    mergeTarget: "none",
    maxParallel: null,
    timeoutMs: null,
    maxLines: null,
    ...more,
  },
});

test("agents that call others which call none are fine, also when two call the same", () => {
  expect(childFaults([agent("a", ["b", "c"]), agent("b", ["c"]), agent("c")])).toEqual([]);
});

test("a child that is not there is a fault of its parent's card", () => {
  expect(childFaults([agent("a", ["b", "nobody"]), agent("b")])).toEqual(['a.md: agents: there is no agent "nobody"']);
});

test("a circle is told once, from its first card on; an agent that calls itself is one", () => {
  const cards = [agent("z", ["a"]), agent("a", ["b"]), agent("b", ["c"]), agent("c", ["a"]), agent("d", ["d"])];
  expect(childFaults(cards)).toEqual([
    "z.md: agents: call each other in a circle: a → b → c → a",
    "d.md: agents: call each other in a circle: d → d",
  ]);
});

test("three deep is the most", () => {
  const cards = [agent("a", ["b"]), agent("b", ["c"]), agent("c", ["d"]), agent("d", ["e"]), agent("e")];
  expect(childFaults(cards)).toEqual(["a.md: agents: call each other 4 deep; 3 is the most"]);
  expect(childFaults(cards.slice(1))).toEqual([]);
});

test("a child that is to begin with its own messages has some", () => {
  const seeded = { ...agent("c"), seed: [userMessage("Hi.")] };
  expect(childFaults([agent("a", ["b", "c"], { historySource: "messages" }), agent("b"), seeded])).toEqual([
    'a.md: history_source: "messages" needs messages in the card of "b"',
  ]);
});

test("many agents that all call each other's followers are looked at in no time", () => {
  const names = Array.from({ length: 60 }, (_, index) => `n${index}`);
  const cards = names.map((name, index) => agent(name, names.slice(index + 1)));
  expect(childFaults(cards)).toHaveLength(56);
});
