import type { Clock } from "../../src/agent/clock.ts";

/** A clock that stands still until a test moves it. `waits` are the lengths of all sleeps asked for, in order. */
export interface ManualClock extends Clock {
  readonly waits: number[];
  /** Sleeps that are not over: what a test leaves behind. */
  readonly sleeping: number;
  advance(ms: number): void;
}

export function manualClock(startMs = Date.UTC(2026, 10, 21, 9, 15)): ManualClock {
  let now = startMs;
  const sleepers = new Set<{ until: number; wake: () => void }>();
  const waits: number[] = [];
  return {
    waits,
    get sleeping() {
      return sleepers.size;
    },
    now: () => now,
    sleep(ms, signal) {
      waits.push(ms);
      return new Promise((resolve) => {
        const wake = () => {
          sleepers.delete(sleeper);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        const sleeper = { until: now + ms, wake };
        sleepers.add(sleeper);
        signal.addEventListener("abort", wake, { once: true });
        if (signal.aborted) wake();
      });
    },
    advance(ms) {
      now += ms;
      for (const sleeper of sleepers) if (sleeper.until <= now) sleeper.wake();
    },
  };
}

/** Hardly waits: every sleep is over once all that is ready has run. `waits` still tells what was asked for. */
export function hurriedClock(): ManualClock {
  const clock = manualClock();
  return {
    ...clock,
    async sleep(ms) {
      clock.waits.push(ms);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}
