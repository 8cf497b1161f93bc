import { expect, it, onTestFinished } from "vitest";
import { every } from "../../src/run/every.ts";
import { startLoop } from "../../src/run/supervised-loop.ts";
import { until } from "../support/test-gateway.ts";

it("work that failed is done again after the loop's pause, not after the whole interval", async () => {
  const end = new AbortController();
  onTestFinished(() => end.abort());
  let fails = 2;
  let done = 0;
  const work = async () => {
    if (fails-- > 0) throw new Error("not now");
    done++;
  };
  const round = every(500, work, end.signal);
  const log = { info() {}, warn() {}, error() {} };
  const loop = startLoop("work", round, { signal: end.signal, log, onRestart: () => undefined });
  await until("the failure", () => !loop.healthy);
  const failedAt = performance.now();
  await until("the recovery", () => loop.healthy);
  expect(performance.now() - failedAt).toBeLessThan(450);
  expect(done).toBe(1);
});

it("work is done in its interval and ends with the abort", async () => {
  const end = new AbortController();
  let done = 0;
  const round = every(20, async () => void done++, end.signal);
  const startedAt = performance.now();
  await round();
  await round();
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(38);
  end.abort();
  await round();
  expect(done).toBe(2);
});
