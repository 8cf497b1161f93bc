import { expect, test } from "vitest";
import { DEFAULT_CONTEXT_TOKENS, TokenGauge } from "../../src/agent/token-gauge.ts";

test("a gauge takes its estimate as it is until it knows better", () => {
  const gauge = new TokenGauge();
  expect([gauge.window, gauge.ratio, gauge.tokens(1000)]).toEqual([DEFAULT_CONTEXT_TOKENS, null, 1000]);
});

test("it learns from what the model reports, the newest a third at a time", () => {
  const gauge = new TokenGauge();
  gauge.learn(2000, 1400);
  expect(gauge.ratio).toBeCloseTo(0.7);
  gauge.learn(2000, 3400);
  expect(gauge.ratio).toBeCloseTo(1);
  expect([gauge.tokens(1000), gauge.estimate(1000)]).toEqual([1000, 1000]);
  const known = new TokenGauge(1000, 2);
  expect([known.tokens(100), known.estimate(100)]).toEqual([200, 50]);
});

test("no report makes it believe nonsense, and short requests teach it nothing", () => {
  const gauge = new TokenGauge();
  gauge.learn(900, 9000);
  gauge.learn(2000, 0);
  expect(gauge.ratio).toBeNull();
  gauge.learn(2000, 1_000_000);
  expect(gauge.ratio).toBe(3);
  const small = new TokenGauge();
  small.learn(2000, 1);
  expect(small.ratio).toBe(0.3);
});

test("a refusal tells that the window is smaller than was thought", () => {
  const gauge = new TokenGauge(10_000, 0.5);
  gauge.refuse(30_000);
  expect(gauge.window).toBe(10_000);
  gauge.refuse(8_000);
  expect(gauge.window).toBe(4_000);
});
