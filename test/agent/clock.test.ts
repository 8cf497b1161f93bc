import { expect, test } from "vitest";
import { systemClock } from "../../src/agent/clock.ts";

test("the system's clock sleeps, and an abort ends the sleep without an error", async () => {
  const before = systemClock.now();
  await systemClock.sleep(5, new AbortController().signal);
  expect(systemClock.now()).toBeGreaterThanOrEqual(before);
  const controller = new AbortController();
  const long = systemClock.sleep(2 ** 30, controller.signal);
  controller.abort();
  await long;
  await systemClock.sleep(2 ** 30, AbortSignal.abort());
});
