import { readId, type RunId } from "../ids.ts";

const WORD = "stop:";

/** What a platform's own stop brings, which names no run: it ends what runs at its place. */
export const STOP_HERE = "stop-here";

/** What a stop button brings back when it is pressed: the run it ends, and no right to do so. */
export function stopValue(run: RunId): string {
  return `${WORD}${run}`;
}

/** The run that a pressed button means; null = it is no stop button of ours. */
export function readStopValue(value: string): RunId | null {
  return value.startsWith(WORD) ? readId("run", value.slice(WORD.length)) : null;
}
