import { expect, test } from "vitest";
import { CircuitBreaker } from "../../src/agent/circuit-breaker.ts";
import { manualClock } from "./manual-clock.ts";

function start() {
  const clock = manualClock();
  return { clock, breaker: new CircuitBreaker(clock, () => 0.5) };
}

test("a server rests after three failures in a row, longer after each more, and never for more than two minutes", () => {
  const { clock, breaker } = start();
  breaker.failed(false);
  breaker.failed(false);
  expect(breaker.resting).toBe(false);
  for (const rest of [5_000, 10_000, 20_000, 40_000, 80_000, 120_000, 120_000]) {
    breaker.failed(false);
    clock.advance(rest - 1);
    expect(breaker.resting).toBe(true);
    clock.advance(1);
    expect(breaker.resting).toBe(false);
  }
});

test("one failure is enough where callers had to wait for it", () => {
  const { breaker } = start();
  breaker.failed(true);
  expect(breaker.resting).toBe(true);
});

test("a success ends all that", () => {
  const { breaker } = start();
  breaker.failed(true);
  breaker.succeeded();
  breaker.failed(false);
  expect(breaker.resting).toBe(false);
});

test("after a rest one alone may ask, until it is known what became of it", () => {
  const { clock, breaker } = start();
  expect([breaker.admit(), breaker.admit()]).toEqual([true, true]);
  breaker.failed(true);
  expect(breaker.admit()).toBe(false);
  clock.advance(breaker.restsForMs);
  expect([breaker.admit(), breaker.admit()]).toEqual([true, false]);
  breaker.unknown();
  expect([breaker.admit(), breaker.admit()]).toEqual([true, false]);
  breaker.succeeded();
  expect([breaker.admit(), breaker.admit()]).toEqual([true, true]);
});

test("a rest is as long as the server asked for, and no longer for many failures at once", () => {
  const { breaker } = start();
  breaker.failed(true, 60_000);
  expect(breaker.restsForMs).toBe(60_000);
  for (let each = 0; each < 50; each++) breaker.failed(true);
  expect(breaker.restsForMs).toBe(60_000);
  breaker.failed(false, 24 * 3_600_000);
  expect(breaker.restsForMs).toBe(600_000);
});
