import { describe, expect, test } from "vitest";
import { readSettings } from "../../src/agent/agent-settings.ts";
import { costOf } from "../../src/agent/budgets.ts";

describe("budgets in parley.yaml", () => {
  test("are read for everybody, and for one agent or place", () => {
    const settings = readSettings(`
budgets:
  person: { tokens_per_day: 200000, money_per_day: 1.5, runs_per_minute: 6, concurrent_runs: 2 }
  guests: { money_per_day: 2 }
  gateway: { money_per_day: 20 }
  run: { tokens: 50000, money: 0.25 }
agents:
  demo: { budget: { tokens_per_day: 7 } }
places:
  "telegram:-1": { budget: { concurrent_runs: 1 } }
`);
    expect(settings.budgets).toEqual({
      person: { tokensPerDay: 200_000, microsPerDay: 1_500_000, runsPerMinute: 6, concurrentRuns: 2 },
      guests: { microsPerDay: 2_000_000 },
      gateway: { microsPerDay: 20_000_000 },
      run: { tokens: 50_000, micros: 250_000 },
    });
    expect(settings.agents.get("demo")).toEqual({ budget: { tokensPerDay: 7 } });
    expect(settings.places.get("telegram:-1")).toEqual({ budget: { concurrentRuns: 1 } });
  });

  test("every fault is listed with its field", () => {
    const text = `
budgets: { person: { tokens_per_day: 0, hours: 1 }, run: 7, team: {} }
prices: { good: { input: 0, output: 1 }, half: { input: 1 }, odd: { input: -1, output: "2" } }
`;
    expect(() => readSettings(text)).toThrow(
      [
        "budgets.team: is not a field; remove it (fields: person, guests, place, agent, key, gateway, run)",
        "budgets.person.hours: is not a field; remove it (fields: tokens_per_day, money_per_day, runs_per_minute, concurrent_runs)",
        "budgets.person.tokens_per_day: must be a whole number over 0",
        "budgets.run: must be a mapping of fields to values",
        "prices.half: needs input and output, in dollars for a million tokens",
        "prices.odd.input: must be a number from 0 on",
        "prices.odd.output: must be a number from 0 on",
        "prices.odd: needs input and output, in dollars for a million tokens",
      ]
        .map((fault) => `parley.yaml: ${fault}`)
        .join("\n"),
    );
  });
});

describe("a price", () => {
  const { prices = new Map() } = readSettings(`
prices:
  "gpt-5*": { input: 10, output: 20 }
  "gpt-5-mini*": { input: 0.25, cached: 0.025, output: 2 }
  gpt-5-mini-old: { input: 1, output: 1 }
`);
  const million = { inputTokens: 1_000_000, outputTokens: 1_000_000 };
  const dollars = (model: string, cachedTokens = 0) => {
    const micros = costOf(prices, model, { ...million, cachedTokens });
    return micros === null ? null : micros / 1e6;
  };

  test.each([
    ["gpt-5-mini-2025-08-07", 2.25],
    ["gpt-5-mini-old", 2],
    ["openai.gpt-5-mini-old", 2],
    ["gpt-5.2", 30],
    ["llama", null],
  ])("of %s is that of its name, else of the longest pattern", (model, wanted) => {
    expect(dollars(model)).toBe(wanted);
  });

  test("is lower for what the provider had kept, where that is told", () => {
    expect(dollars("gpt-5-mini", 1_000_000)).toBeCloseTo(2.025);
    expect(dollars("gpt-5", 500_000)).toBe(30);
  });
});
