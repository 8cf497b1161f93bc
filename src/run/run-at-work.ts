import { AsyncLocalStorage } from "node:async_hooks";
import type { RunId } from "../ids.ts";

/** The run whose work this is, also in what its tools have left behind: a timer, a promise that nobody waits for. */
export const runAtWork = new AsyncLocalStorage<RunId>();
