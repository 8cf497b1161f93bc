import type { ModelClient, ModelEvent, ModelFailure, ModelRequest, Usage } from "../../src/agent/model-client.ts";

/**
 * What the model does with one request: one text, or a list of texts, calls and holds in order, which a failure or an
 * explicit `finish` may end. A function decides when the request is there.
 */
export type ModelStep = string | StepPart | readonly (string | StepPart)[] | ((request: ModelRequest) => ModelStep);

export type StepPart = ModelEvent | Hold;

/** A place where the model waits until the test goes on. */
export interface Hold {
  readonly type: "hold";
  /** Resolves once the model got here. */
  readonly reached: Promise<void>;
  release(): void;
  /** For the model only. */
  readonly enter: () => Promise<void>;
}

export function hold(): Hold {
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  return {
    type: "hold",
    reached: reached.promise,
    release: () => released.resolve(),
    enter: () => {
      reached.resolve();
      return released.promise;
    },
  };
}

/** A call of a tool; arguments that are a string go out as they are, valid JSON or not. */
export function callTool(tool: string, args: Record<string, unknown> | string = {}, callId?: string): ModelEvent {
  const text = typeof args === "string" ? args : JSON.stringify(args);
  return { type: "tool_call", callId: callId ?? `call_${tool}`, tool, args: text };
}

export function think(text: string): ModelEvent {
  return { type: "reasoning", text };
}

export function failWith(kind: ModelFailure["kind"], details: Partial<Omit<ModelFailure, "kind">> = {}): ModelEvent {
  return { type: "failed", failure: { kind, message: `The model failed: ${kind}.`, ...details } };
}

export function finish(reason: "stop" | "length" | "refusal" = "stop", usage?: Usage): ModelEvent {
  return { type: "finished", reason, model: "scripted", ...(usage && { usage }) };
}

export interface ScriptedModel extends ModelClient {
  /** What was asked, in order; later changes of the caller's lists do not show. */
  readonly requests: readonly ModelRequest[];
  /** Streams that have neither ended nor been left by their consumer. */
  readonly open: number;
  /** Adds steps to the end. */
  push(...steps: ModelStep[]): void;
}

/** A model that plays one step per request. A request too many fails as `refused`. */
export function scriptedModel(...steps: ModelStep[]): ScriptedModel {
  const left = [...steps];
  const requests: ModelRequest[] = [];
  let open = 0;

  async function* play(request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelEvent, void, undefined> {
    requests.push({ ...request, messages: [...request.messages], tools: [...request.tools] });
    const parts = resolve(left.shift() ?? failWith("refused", { message: "The script has no more steps." }), request);
    open++;
    try {
      for (const part of parts) {
        if (part.type === "hold") await Promise.race([part.enter(), aborted(signal)]);
        if (signal.aborted) break;
        if (part.type === "hold") continue;
        yield part;
        if (isFinal(part)) return;
      }
      yield signal.aborted ? failWith("aborted") : finish();
    } finally {
      open--;
    }
  }

  return {
    requests,
    get open() {
      return open;
    },
    push: (...more) => void left.push(...more),
    stream: (request, signal) => play(request, signal),
  };
}

function resolve(step: ModelStep, request: ModelRequest): StepPart[] {
  if (typeof step === "function") return resolve(step(request), request);
  const parts = typeof step === "string" || !Array.isArray(step) ? [step as string | StepPart] : step;
  return (parts as readonly (string | StepPart)[]).map((part) =>
    typeof part === "string" ? { type: "text", text: part } : part,
  );
}

function isFinal(event: ModelEvent): boolean {
  return event.type === "finished" || event.type === "failed";
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((settle) => signal.addEventListener("abort", () => settle(), { once: true }));
}
