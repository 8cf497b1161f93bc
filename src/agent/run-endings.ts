import type { ModelFailure } from "./model-client.ts";
import type { RunEvent } from "./run-event.ts";
import type { Texts } from "../texts/texts.ts";

type Failed = Extract<RunEvent, { type: "run.failed" }>;

/** Beyond this a provider's Retry-After is told to the person instead of waited for. */
export const LONGEST_RETRY_AFTER_MS = 60_000;

/** The end of a run whose model gave no text and no call. */
export function emptyAnswer(texts: Texts): Failed {
  return { type: "run.failed", code: "empty_answer", message: texts.emptyAnswer };
}

/** The end of a run whose model, or its provider's filter, declined; `partly` = after some text. */
export function refusal(partly: boolean, texts: Texts): Failed {
  return { type: "run.failed", code: "refusal", message: partly ? texts.declinedToGoOn : texts.declined };
}

/** The end of a run after a mistake in this program: the person learns nothing of it, the log does. */
export function internalFailure(cause: unknown, texts: Texts): Failed {
  return { type: "run.failed", code: "internal", message: texts.wentWrong, cause };
}

/** The end of a run whose model failed for good, in one sentence that says what the person can do. */
export function modelFailure(failure: ModelFailure, partly: boolean, texts: Texts): Failed {
  const said = failure.what ? texts.modelTroubles[failure.what] : sentence(failure.message) || texts.modelFailed;
  const message = partly ? texts.notComplete(said) : adviceFor(failure, said, texts);
  return { type: "run.failed", code: codeFor(failure), message, cause: failure.cause ?? failure };
}

function adviceFor(failure: ModelFailure, said: string, texts: Texts): string {
  switch (failure.kind) {
    case "retryable": {
      const waitMs = failure.retryAfterMs ?? 0;
      if (waitMs <= LONGEST_RETRY_AFTER_MS) return texts.tryAgainLater(said);
      return texts.tryAgainIn(said, Math.ceil(waitMs / 60_000));
    }
    case "context_too_long":
      return texts.sendLess(said);
    case "refused":
    case "images_refused":
      return said;
    case "truncated":
    case "first_token_timeout":
    case "idle_timeout":
    case "aborted":
      return texts.askAgain(said);
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
  const trimmed = text.trim();
  return trimmed === "" || /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
