import { expect, it, onTestFinished, vi } from "vitest";
import { freePort } from "./free-port.ts";

const ports = (count: number) => Promise.all(Array.from({ length: count }, () => freePort()));

it("gives no port a second time soon, because whoever was given it may not listen yet", async () => {
  expect(new Set(await ports(300)).size).toBe(300);
});

it("gives workers that run side by side different ports", async () => {
  onTestFinished(() => void vi.unstubAllEnvs());
  const given: number[] = [];
  for (const worker of ["1", "2", "3"]) {
    vi.stubEnv("VITEST_POOL_ID", worker);
    given.push(...(await ports(300)));
  }
  expect(new Set(given).size).toBe(900);
});
