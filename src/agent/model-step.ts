import type { Clock } from "./clock.ts";
import type { ModelClient, ModelEvent, ModelFailure, ModelRequest, Usage } from "./model-client.ts";
import type { ModelTrouble } from "../texts/run-texts.ts";
import type { RunEvent } from "./run-event.ts";
import { ForeignTools } from "./foreign-tools.ts";
import { LONGEST_RETRY_AFTER_MS } from "./run-endings.ts";
import type { Thinking } from "./thinking.ts";

export type ModelCall = Extract<ModelEvent, { type: "tool_call" }>;

/** How one model step ended. `text` is what its `text.delta`s said, joined. */
export type StepOutcome =
  | {
      kind: "answered";
      text: string;
      calls: ModelCall[];
      reason: "stop" | "length" | "refusal";
      usage: Usage | null;
      model: string;
    }
  | { kind: "failed"; text: string; failure: ModelFailure }
  | { kind: "aborted"; text: string };

export interface StepOptions {
  model: ModelClient;
  /** Built anew for every try: the history may have shrunk. */
  request: () => ModelRequest;
  /** Makes the history shorter after `context_too_long`; false, or left out: it cannot be. */
  shrink?: () => AsyncGenerator<RunEvent, boolean>;
  /** Leaves the pictures out from now on; false, or left out: there are none. */
  dropImages?: () => boolean;
  /** Has another model asked from now on; null, or left out: there is none, or it is asked already. */
  fallBack?: () => { from: string | null; to: string } | null;
  /** Left out: nobody is told what the model thinks. */
  thinking?: Thinking;
  clock: Clock;
  /** 0 ≤ random() < 1, for the jitter of waits. */
  random: () => number;
  signal: AbortSignal;
}

const MAX_RETRIES = 2;
const FIRST_BACKOFF_MS = 500;
/** A wait that a person would wonder about is told. */
const TOLD_WAIT_MS = 2000;
/** An answer that never ends is cut like one that met the model's own limit. */
const ANSWER_LIMIT = 1_000_000;

/**
 * One model step: yields `text.delta` and `reasoning.delta` as they come and retries while nothing was said (no tool runs inside a
 * step, so saying is all that can be doubled). White space before the first word counts as not said and is held back.
 */
export async function* modelStep(options: StepOptions): AsyncGenerator<RunEvent, StepOutcome> {
  const { clock, signal } = options;
  for (let retries = 0; ;) {
    const outcome = yield* oneTry(options);
    if (outcome.kind !== "failed" || outcome.text !== "") return outcome;
    const { failure } = outcome;
    if (failure.kind === "context_too_long" || failure.kind === "images_refused") {
      const shorter = failure.kind === "context_too_long" && options.shrink && (yield* options.shrink());
      if (signal.aborted) return { kind: "aborted", text: "" };
      if (!shorter && !options.dropImages?.()) return outcome;
      continue;
    }
    const backoffMs = FIRST_BACKOFF_MS * 2 ** retries * (0.5 + options.random());
    const waitMs = Math.max(backoffMs, failure.retryAfterMs ?? 0);
    const again = worthRetrying(failure) && retries < MAX_RETRIES;
    // Where there is another model, nobody waits for one that is away.
    const long = failure.resting || waitMs >= TOLD_WAIT_MS || failure.kind.endsWith("_timeout");
    const other = (!again || long) && othersMay(failure) ? options.fallBack?.() : null;
    if (other) {
      const text = "The agent's model cannot be asked right now; another one answers.";
      const why = failure.what ?? failure.kind;
      yield { type: "notice", code: "model_fallback", level: "warning", text, ...other, why };
      retries = 0;
      continue;
    }
    if (!again) return outcome;
    if (waitMs >= TOLD_WAIT_MS) {
      yield {
        type: "notice",
        code: "model_busy",
        level: "info",
        text: `The model is busy; trying again in ${Math.ceil(waitMs / 1000)} s.`,
        waitMs,
      };
    }
    retries += 1;
    await clock.sleep(waitMs, signal);
    if (signal.aborted) return { kind: "aborted", text: "" };
  }
}

/** Whatever became of the try, the other side's own tools end with it. */
async function* oneTry(options: StepOptions): AsyncGenerator<RunEvent, StepOutcome> {
  const tools = new ForeignTools(options.clock);
  const outcome = yield* readTry(options, tools);
  yield* tools.rest(outcome.kind === "answered");
  return outcome;
}

async function* readTry(
  { model, request, thinking, signal }: StepOptions,
  tools: ForeignTools,
): AsyncGenerator<RunEvent, StepOutcome> {
  const calls: ModelCall[] = [];
  let text = "";
  let heldBack = "";
  thinking?.asked();
  using events = readUntilAbort(model, request(), signal);
  for (;;) {
    const event = await events.next();
    if (event === "aborted") return { kind: "aborted", text };
    if (thinking && event.type !== "reasoning") yield* thinking.over();
    switch (event.type) {
      case "text": {
        heldBack += event.text;
        if (text !== "" || event.text.trim() !== "") {
          text += heldBack;
          yield { type: "text.delta", text: heldBack };
          heldBack = "";
        }
        if (text.length + heldBack.length > ANSWER_LIMIT) {
          return { kind: "answered", text, calls: [], reason: "length", usage: null, model: "" };
        }
        break;
      }
      case "reasoning":
        if (thinking) yield* thinking.hear(event.text);
        break;
      case "tool_call":
        calls.push(event);
        break;
      case "tool_started":
      case "tool_finished":
        yield* tools.take(event);
        break;
      case "finished": {
        const { reason, usage = null, model: name } = event;
        return { kind: "answered", text, calls, reason, usage, model: name };
      }
      case "failed":
        if (event.failure.kind === "aborted" && signal.aborted) return { kind: "aborted", text };
        return { kind: "failed", text, failure: event.failure };
      default:
        event satisfies never;
    }
  }
}

/** `refused` never gets better; a long Retry-After is the person's decision, and so is what may be done twice. */
function worthRetrying(failure: ModelFailure): boolean {
  if (failure.kind === "refused" || failure.mayHaveActed) return false;
  return (failure.retryAfterMs ?? 0) <= LONGEST_RETRY_AFTER_MS;
}

/** What another model, at another provider, may do better; what was asked is not at fault. */
function othersMay({ kind, what }: ModelFailure): boolean {
  return kind !== "refused" || (what !== undefined && PROVIDERS_FAULTS.has(what));
}

const PROVIDERS_FAULTS = new Set<ModelTrouble>(["no_credit", "bad_key", "no_access", "no_model", "not_asked"]);

interface AbortableEvents {
  next(): Promise<ModelEvent | "aborted">;
  [Symbol.dispose](): void;
}

/**
 * The model's stream, whose every `next` ends at once when `signal` aborts, however long the client needs to notice.
 * One listener serves the whole stream: racing each read against a lasting promise would leave a reaction behind per
 * read. A stream that throws or ends without a last word broke its contract and reads as a failure.
 */
function readUntilAbort(model: ModelClient, request: ModelRequest, signal: AbortSignal): AbortableEvents {
  const iterator = model.stream(request, signal)[Symbol.asyncIterator]();
  let wake: ((value: "aborted") => void) | null = null;
  const onAbort = () => wake?.("aborted");
  signal.addEventListener("abort", onAbort, { once: true });
  return {
    next: () =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve("aborted");
        wake = resolve;
        iterator.next().then(
          ({ done, value }) => resolve(done ? endedEarly() : value),
          (cause: unknown) => resolve(brokenStream(cause)),
        );
      }),
    [Symbol.dispose]() {
      signal.removeEventListener("abort", onAbort);
      // Closes the connection of a stream that has more to say; nobody waits for it.
      iterator.return?.().catch(() => {});
    },
  };
}

function endedEarly(): ModelEvent {
  return {
    type: "failed",
    failure: { kind: "truncated", what: "broke_off", message: "The model's answer broke off." },
  };
}

/** Not retried: a client that throws has a bug, which a second try would meet again. */
function brokenStream(cause: unknown): ModelEvent {
  return {
    type: "failed",
    failure: { kind: "refused", what: "not_asked", message: "The model could not be asked.", cause },
  };
}
