import type { Clock } from "../../src/agent/clock.ts";

/**
 * Hands values on one at a time, `everyMs` apart, and of those that come meanwhile the newest alone. Nothing is handed on
 * once `over` has aborted.
 */
export function newestOnly<T>(
  hand: (value: T) => Promise<void>,
  everyMs: number,
  clock: Clock,
  over: AbortSignal,
): (value: T) => void {
  let waiting: { value: T } | null = null;
  let handing = false;
  async function handOn(): Promise<void> {
    handing = true;
    while (waiting && !over.aborted) {
      const { value } = waiting;
      waiting = null;
      await hand(value);
      await clock.sleep(everyMs, over);
    }
    handing = false;
  }
  return (value) => {
    waiting = { value };
    if (!handing) void handOn();
  };
}
