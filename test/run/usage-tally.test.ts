import { describe, expect, test } from "vitest";
import { NO_SETTINGS, readSettings } from "../../src/agent/agent-settings.ts";
import type { Message } from "../../src/agent/message.ts";
import type { RunEvent } from "../../src/agent/run-event.ts";
import type { RunBudget } from "../../src/store/schema.ts";
import { UsageTally } from "../../src/run/usage-tally.ts";

const said = (text: string): Message => ({ role: "assistant", parts: [{ type: "text", text }], status: "complete" });
const user = (text: string): Message => ({ ...said(text), role: "user" });
const step = (number: number): RunEvent => ({ type: "step.started", step: number });
const delta = (text: string): RunEvent => ({ type: "text.delta", text });
const completed = (text: string): RunEvent => ({ type: "message.completed", message: said(text) });
const used = (inputTokens: number, outputTokens: number, more = {}): RunEvent => ({
  type: "usage",
  model: "m",
  usage: { inputTokens, outputTokens },
  ...more,
});
const tallyOf = (budget: RunBudget | null = null, settings = NO_SETTINGS) =>
  new UsageTally({ agent: "demo", budget }, settings);
const play = (tally: UsageTally, ...events: RunEvent[]) => {
  for (const event of events) tally.take(event);
  return tally.rows.map(({ agent, model, input, output }) => `${agent} ${model} ${input}/${output}`);
};

describe("a step whose usage nobody told", () => {
  test("is estimated if it was broken off while it spoke: what it was sent, and what it said", () => {
    const tally = tallyOf();
    tally.reads({ history: [user("x".repeat(350))], turn: [user("x".repeat(35))], kept: [] });
    expect(play(tally, step(1), delta("y".repeat(70)))).toEqual(["demo estimated 118/20"]);
  });

  test("was sent about what the step before was", () => {
    const events = [step(1), completed("Let me see."), used(700, 5), step(2), delta("y".repeat(35))];
    expect(play(tallyOf(), ...events)).toEqual(["demo m 700/5", "demo estimated 700/10"]);
  });

  test("costs nothing if it had said nothing", () => {
    expect(play(tallyOf(), step(1))).toEqual([]);
  });

  test("counts as well where a server tells none, and where the attempt died", () => {
    const restarted: RunEvent = { type: "run.restarted", agent: "demo", kept: [], inFlight: [] };
    const events = [step(1), delta("y".repeat(35)), restarted, step(1), completed("y".repeat(35)), used(9, 1)];
    expect(play(tallyOf(), ...events)).toEqual(["demo m 9/1", "demo estimated 0/10"]);
    const silent = [step(1), completed("y".repeat(35)), step(2), completed("y".repeat(35))];
    expect(play(tallyOf(), ...silent)).toEqual(["demo estimated 0/28"]);
  });

  test("has a price if there is one for what is estimated", () => {
    const tally = tallyOf(null, readSettings("prices: { estimated: { input: 1, output: 3 } }"));
    play(tally, step(1), delta("y".repeat(35)));
    expect(tally.rows).toMatchObject([{ micros: 30 }]);
  });
});

test("what a summary used that was made within a step leaves the step open", () => {
  expect(play(tallyOf(), step(1), used(80, 8), delta("y".repeat(35)))).toEqual(["demo m 80/8", "demo estimated 0/10"]);
});

test("what a called agent tells is its own, and leaves the caller's step open", () => {
  const events = [step(1), completed("Ask."), used(50, 5, { agent: "clerk", callId: "c" }), used(9, 1)];
  expect(play(tallyOf(), ...events)).toEqual(["clerk m 50/5", "demo m 9/1"]);
});

describe("security-22: a run has used what it may", () => {
  const budget = { scopes: [], held: { tokens: 0, micros: 0 }, allowed: { tokens: 60, micros: null } };

  test.each([
    ["once its tokens reach what it was begun with", budget, "", [used(50, 9)], [used(1, 0)]],
    ["with those of agents it called", budget, "", [used(5, 9)], [used(40, 6, { agent: "clerk", callId: "c" })]],
    ["as each may, if it was begun without", null, "budgets: { run: { tokens: 10 } }", [used(8, 1)], [used(1, 0)]],
    [
      "once its money does",
      null,
      "budgets: { run: { money: 0.001 } }\nprices: { m: { input: 10, output: 10 } }",
      [used(99, 0)],
      [used(1, 0)],
    ],
  ])("%s", (_name, of, settings, before, after) => {
    const tally = tallyOf(of, readSettings(settings));
    play(tally, ...before);
    expect(tally.usedUp).toBe(false);
    play(tally, ...after);
    expect(tally.usedUp).toBe(true);
  });

  test("never, where nothing is set", () => {
    const tally = tallyOf();
    play(tally, used(1e9, 1e9));
    expect(tally.usedUp).toBe(false);
  });
});
