import { setTimeout as sleep } from "node:timers/promises";

/**
 * A round for a loop that works every `ms`. After a round that failed it works at once: the loop has paused already,
 * and counts as failing until the work is done.
 */
export function every(ms: number, work: () => Promise<void>, signal: AbortSignal): () => Promise<void> {
  let failed = false;
  return async () => {
    if (!failed) await sleep(ms, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    failed = true;
    await work();
    failed = false;
  };
}
