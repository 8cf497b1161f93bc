import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../platform/platform-adapter.ts";

const MAX_PAUSE_MS = 10_000;

/** A lasting loop as its owner and `/readyz` see it. */
export interface SupervisedLoop {
  readonly name: string;
  /** False from a throw until the loop has run a round again. */
  readonly healthy: boolean;
  /** Resolves when the loop has ended after the abort. */
  readonly ended: Promise<void>;
}

/**
 * Runs `round` again and again until the abort. A round that throws is logged and the loop goes on after a pause of
 * 100 ms to 10 s (or `maxPauseMs`), doubled each time; meanwhile it is unhealthy.
 */
export function startLoop(
  name: string,
  round: () => Promise<void>,
  options: { signal: AbortSignal; log: Log; onRestart: (name: string) => void; maxPauseMs?: number },
): SupervisedLoop {
  const state = { name, healthy: true, ended: Promise.resolve() };
  const run = async () => {
    let pauseMs = 100;
    while (!options.signal.aborted) {
      try {
        await round();
        state.healthy = true;
        pauseMs = 100;
      } catch (error) {
        if (options.signal.aborted) return;
        state.healthy = false;
        options.onRestart(name);
        options.log.error({ err: error, loop: name, pauseMs }, "a loop failed and starts again");
        await sleep(pauseMs, undefined, { signal: options.signal }).catch(() => undefined);
        pauseMs = Math.min(pauseMs * 2, options.maxPauseMs ?? MAX_PAUSE_MS);
      }
    }
  };
  state.ended = run();
  return state;
}

/**
 * Rounds of `work`, `ms` apart. After a round that failed the next one begins at once (the loop has paused already): its
 * replica is not ready meanwhile, and some work is due every ten minutes only.
 */
export function every(ms: number, work: () => Promise<void>, signal: AbortSignal): () => Promise<void> {
  let failed = false;
  return async () => {
    if (!failed) await sleep(ms, undefined, { signal }).catch(() => undefined);
    failed = true;
    if (!signal.aborted) await work();
    failed = false;
  };
}
