import { describe, expect, it } from "vitest";
import { every, startLoop } from "../../src/run/supervised-loop.ts";
import { until } from "../support/test-gateway.ts";

const log = { info() {}, warn() {}, error() {} };

describe("a loop", () => {
  it("starts again after a throw, is unhealthy until a round went well, and ends with the abort", async () => {
    const end = new AbortController();
    const restarts: string[] = [];
    let failures = 2;
    let rounds = 0;
    const pause = Promise.withResolvers<void>();
    const round = async () => {
      rounds += 1;
      if (failures-- > 0) throw new Error("trouble");
      if (rounds > 3) await pause.promise;
    };
    const onRestart = (name: string) => restarts.push(name);
    const loop = startLoop("test", round, { signal: end.signal, log, onRestart, maxPauseMs: 1 });
    await Promise.resolve();
    expect(loop.healthy).toBe(false);
    await until("a round that went well", () => rounds === 4);
    expect(loop.healthy).toBe(true);
    expect(restarts).toEqual(["test", "test"]);
    end.abort();
    pause.resolve();
    await loop.ended;
    expect(rounds).toBe(4);
  });
});

describe("work that is due now and then", () => {
  it("waits for its time, but is tried again at once when it failed", async () => {
    const end = new AbortController();
    let calls = 0;
    const round = every(
      20,
      async () => {
        calls += 1;
        if (calls === 1) throw new Error("trouble");
      },
      end.signal,
    );
    const first = round();
    expect(calls).toBe(0);
    await expect(first).rejects.toThrow("trouble");
    const second = round();
    expect(calls).toBe(2);
    await second;
    const third = round();
    expect(calls).toBe(2);
    end.abort();
    await third;
    expect(calls).toBe(2);
  });
});
