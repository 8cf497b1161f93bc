import { setTimeout as wait } from "node:timers/promises";
import { demoAnswer } from "./demo-answers.ts";
import type { ModelClient, ModelEvent, ModelRequest } from "./model-client.ts";

export interface DemoModelOptions {
  /** Between two words, in ms; 0 says everything as fast as it is read. */
  wordMs?: number;
}

const WORD_MS = 25;
const NAME = "demo";

/**
 * A model without a model: answers from a built-in script, word by word, and says so. It stands in where no model key
 * is set, so that everything around it can be seen at work. The same request always gets the same answer.
 */
export function demoModel({ wordMs = WORD_MS }: DemoModelOptions = {}): ModelClient {
  return { stream: (request, signal) => speak(request, signal, wordMs) };
}

async function* speak(
  request: ModelRequest,
  signal: AbortSignal,
  wordMs: number,
): AsyncGenerator<ModelEvent, void, undefined> {
  const answer = demoAnswer(request);
  if (answer.call && !signal.aborted) yield { type: "tool_call", ...answer.call };
  for (const word of answer.text.match(/\s*\S+\s*/g) ?? []) {
    if (wordMs > 0) await pause(wordMs, signal);
    if (signal.aborted) break;
    yield { type: "text", text: word };
  }
  yield signal.aborted
    ? { type: "failed", failure: { kind: "aborted", what: "stopped", message: "The answer was stopped." } }
    : { type: "finished", reason: "stop", model: NAME };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
