import type { ModelFailure } from "./model-client.ts";
import type { RunEvent } from "./run-event.ts";

type Failed = Extract<RunEvent, { type: "run.failed" }>;

/** Beyond this a provider's Retry-After is told to the person instead of waited for. */
export const LONGEST_RETRY_AFTER_MS = 60_000;

/** What an agent says, as a message of its own, when it stops before it was done. */
export const CLOSING = {
  length: "The answer was cut off at its length limit. Write “continue” to go on.",
  maxSteps: "I stopped here: this took more steps than one answer may have. Write “continue” to go on.",
  repeated: "I stopped here: I was making the same tool call again and again without getting further.",
} as const;

/** The end of a run whose model gave no text and no call. */
export const EMPTY_ANSWER: Failed = {
  type: "run.failed",
  code: "empty_answer",
  message: "The model gave an empty answer. Please ask again.",
};

/** The end of a run whose model, or its provider's filter, declined; `partly` = after some text. */
export function refusal(partly: boolean): Failed {
  const message = partly ? "The model declined to go on with this answer." : "The model declined to answer this.";
  return { type: "run.failed", code: "refusal", message };
}

/** The end of a run after a mistake in this program: the person learns nothing of it, the log does. */
export function internalFailure(cause: unknown): Failed {
  return { type: "run.failed", code: "internal", message: "Something went wrong.", cause };
}

/** The end of a run whose model failed for good, in one sentence that says what the person can do. */
export function modelFailure(failure: ModelFailure, partly: boolean): Failed {
  const message = partly
    ? `${sentence(failure.message)} The answer is not complete; write “continue” to go on.`
    : adviceFor(failure);
  return { type: "run.failed", code: codeFor(failure), message, cause: failure.cause ?? failure };
}

function adviceFor(failure: ModelFailure): string {
  const said = sentence(failure.message);
  switch (failure.kind) {
    case "retryable": {
      const waitMs = failure.retryAfterMs ?? 0;
      return waitMs > LONGEST_RETRY_AFTER_MS
        ? `${said} Please try again in ${inMinutes(waitMs)}.`
        : `${said} Please try again later.`;
    }
    case "context_too_long":
      return `${said} Please start a new conversation, or send less text at once.`;
    case "refused":
    case "images_refused":
      return said;
    case "truncated":
    case "first_token_timeout":
    case "idle_timeout":
    case "aborted":
      return `${said} Please ask again.`;
    default:
      failure.kind satisfies never;
      return said;
  }
}

function codeFor(failure: ModelFailure): string {
  if (failure.kind !== "retryable") return `model_${failure.kind}`;
  return (failure.retryAfterMs ?? 0) > LONGEST_RETRY_AFTER_MS ? "model_busy" : "model_unavailable";
}

function sentence(text: string): string {
  const trimmed = text.trim() || "The model failed";
  return /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

function inMinutes(ms: number): string {
  const minutes = Math.ceil(ms / 60_000);
  return minutes === 1 ? "a minute" : `${minutes} minutes`;
}
