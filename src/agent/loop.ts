import { type AgentRunner, type Clone, HAND_OVER } from "./agent-runner.ts";
import { systemClock, type Clock } from "./clock.ts";
import { joinPastes } from "./join-pastes.ts";
import type { Message, Part } from "./message.ts";
import type { ModelRequest, SentImages } from "./model-client.ts";
import { modelStep, type ModelCall, type StepOutcome } from "./model-step.ts";
import { openCalls, repairHistory } from "./repair-history.ts";
import { estimateRequest } from "./replay-window.ts";
import { emptyAnswer, internalFailure, modelFailure, refusal } from "./run-endings.ts";
import { RunWindow } from "./run-window.ts";
import type { RunEvent, RunWaiting } from "./run-event.ts";
import { type Texts, textsFor } from "../texts/texts.ts";
import { notMade, sortCalls } from "./sort-calls.ts";
import { Thinking } from "./thinking.ts";
import { runBatch } from "./tool-batch.ts";
import type { Tool } from "./tool-source.ts";
import { traceparentBelow } from "./traceparent.ts";

export interface NativeRunnerOptions {
  clock: Clock;
  /** 0 ≤ random() < 1, for the jitter of retries. */
  random: () => number;
  /** From a request to the model to its first event, in ms. */
  firstTokenMs: number;
  /** Between two events of the model, in ms, where the card says nothing. */
  idleMs: number;
  /** How long an aborted run waits for running tools that may have effects, in ms. */
  graceMs: number;
  /** The longest a tool source may take to list its tools and to answer one call, in ms. */
  toolListMs: number;
  toolMs: number;
  /** Tools of one step that run at once, unless the card says one at a time. */
  toolConcurrency: number;
}

const DEFAULTS: NativeRunnerOptions = {
  clock: systemClock,
  random: Math.random,
  firstTokenMs: 60_000,
  idleMs: 60_000,
  graceMs: 5000,
  toolListMs: 15_000,
  toolMs: 300_000,
  toolConcurrency: 8,
};

/** Calls that people are asked for at once; the others are asked for when these are decided. */
const MAX_ASKED = 8;

/** The same call this often in a row is a loop. */
const REPEATED_CALLS = 3;

/**
 * The gateway's own agent loop: model step, tools, model step … until an answer without calls. It yields no
 * `run.started` and no `run.restarted`, because only the consumer knows the attempt. An abort after the last word of
 * the answer comes too late: the run is completed then.
 */
export function createNativeRunner(options: Partial<NativeRunnerOptions> = {}): AgentRunner {
  const settings = { ...DEFAULTS, ...options };
  return { run: (clone, signal) => guarded(clone, signal, settings) };
}

/** Ends in `run.failed` whatever throws inside, and aborts model and tools when the consumer stops asking. */
async function* guarded(clone: Clone, outer: AbortSignal, settings: NativeRunnerOptions): AsyncGenerator<RunEvent> {
  const controller = new AbortController();
  const forward = () => controller.abort(outer.reason);
  outer.addEventListener("abort", forward, { once: true });
  if (outer.aborted) forward();
  try {
    yield* new NativeRun(clone, controller.signal, settings).events();
  } catch (cause) {
    yield internalFailure(cause, textsFor(clone.language));
  } finally {
    outer.removeEventListener("abort", forward);
    controller.abort();
  }
}

class NativeRun {
  readonly #clone: Clone;
  readonly #texts: Texts;
  readonly #signal: AbortSignal;
  readonly #settings: NativeRunnerOptions;
  readonly #window: RunWindow;
  readonly #thinking: Thinking;
  #images: SentImages;
  /** The agent's fallback is asked, to the end of the run. */
  #fellBack = false;
  /** The run's own block: its turn, what earlier attempts kept, and what this one adds. */
  readonly #own: Message[];
  /** Call ids the run has used: a provider may number its calls anew in every step. */
  readonly #callIds = new Set<string>();
  #tools: ReadonlyMap<string, Tool> = new Map();
  /** Whose tools the run does without. */
  #missing: string[] = [];

  constructor(clone: Clone, signal: AbortSignal, settings: NativeRunnerOptions) {
    this.#clone = clone;
    this.#texts = textsFor(clone.language);
    this.#signal = signal;
    this.#settings = settings;
    this.#images = clone.images;
    this.#own = [...clone.turn, ...clone.kept];
    const { clock, random } = settings;
    this.#thinking = new Thinking(clock);
    const request = () => this.#request();
    this.#window = new RunWindow({ clone, own: this.#own, request, clock, random, signal });
    for (const call of callsOf(clone.kept)) this.#callIds.add(call.callId);
  }

  async *events(): AsyncGenerator<RunEvent> {
    const { kept, traceparent } = this.#clone;
    const cancelled: RunEvent = { type: "run.cancelled", by: "stop" };
    yield* this.#listTools();
    // Steps of earlier attempts count, so that a run that crashes again and again still meets its limit.
    let step = kept.filter((message) => message.role === "assistant").length;
    let answered = isAnswer(kept.at(-1));
    // The attempt that met the limit died before its last words were merged.
    if (answered && kept.at(-1)?.status === "truncated") {
      yield* this.#endAtLength();
      return;
    }

    while (!answered) {
      const calls = openCalls(this.#own);
      if (calls.length > 0) {
        const limit = this.#limitReached(step);
        const parts = limit ? calls.map(notRun) : yield* this.#runTools(calls);
        if (parts === null || !Array.isArray(parts)) {
          yield parts ?? cancelled;
          return;
        }
        yield this.#add({ role: "tool", parts, status: "complete" });
        if (limit) {
          yield* this.#close(limit.text);
          yield { type: "run.completed", stopReason: limit.stopReason };
          return;
        }
      }
      if (this.#signal.aborted) {
        yield cancelled;
        return;
      }
      for (const { message, messageId } of await this.#clone.steer()) yield { ...this.#add(message), messageId };

      step += 1;
      yield { type: "step.started", step };
      this.#thinking.begin(step);
      const traced = traceparent && { traceparent: traceparentBelow(traceparent, `step ${step}`) };
      yield* this.#window.fit();
      const outcome = yield* modelStep({
        model: this.#clone.model,
        request: () => ({ ...this.#request(), ...traced }),
        shrink: () => this.#window.shrink(),
        dropImages: () => this.#dropImages(),
        fallBack: () => this.#fallBack(),
        thinking: this.#thinking,
        clock: this.#settings.clock,
        random: this.#settings.random,
        signal: this.#signal,
      });
      if (outcome.kind !== "answered") {
        const status = outcome.kind === "aborted" ? "interrupted" : "truncated";
        if (outcome.text !== "") yield this.#add({ role: "assistant", parts: [said(outcome.text)], status });
        yield outcome.kind === "aborted" ? cancelled : modelFailure(outcome.failure, outcome.text !== "", this.#texts);
        return;
      }
      if (outcome.usage && !this.#fellBack)
        this.#clone.gauge.learn(estimateRequest(this.#request()), outcome.usage.inputTokens);
      const message = this.#readAnswer(outcome, step);
      if (message.parts.length > 0) yield this.#add(message);
      if (outcome.usage) yield { type: "usage", model: outcome.model, usage: outcome.usage };
      if (outcome.reason === "refusal") {
        yield refusal(outcome.text !== "", this.#texts);
        return;
      }
      if (outcome.reason === "length") {
        yield* this.#endAtLength();
        return;
      }
      if (message.parts.length === 0) {
        yield emptyAnswer(this.#texts);
        return;
      }
      answered = isAnswer(message);
    }
    yield { type: "run.completed", stopReason: "stop" };
  }

  /** Tools are listed once and sorted: the prompt's beginning stays the same all run. No tools rather than no run. */
  async *#listTools(): AsyncGenerator<RunEvent> {
    const { clock, toolListMs } = this.#settings;
    const settled = new AbortController();
    const signal = AbortSignal.any([this.#signal, settled.signal]);
    try {
      const late = clock.sleep(toolListMs, signal).then(() => null);
      const listed = await Promise.race([this.#clone.tools.list(), late]);
      if (listed) {
        const sorted = listed.toSorted((a, b) => (a.name < b.name ? -1 : 1));
        this.#tools = new Map(sorted.map((tool) => [tool.name, tool]));
        this.#missing = [...(this.#clone.tools.unreachable?.() ?? [])];
        if (this.#missing.length > 0) {
          const text = withoutTools(this.#missing);
          yield { type: "notice", code: "tools_unreachable", level: "warning", text, servers: this.#missing };
        }
        return;
      }
    } catch {
      // Told below: the run goes on without tools, and the source reports its own trouble.
    } finally {
      settled.abort();
    }
    if (!this.#signal.aborted) {
      const text = "The agent's tools cannot be reached right now.";
      yield { type: "notice", code: "tools_unreachable", level: "warning", text };
    }
  }

  #request(): ModelRequest {
    const { card } = this.#clone;
    const fallback = this.#fellBack ? card.fallback : undefined;
    return {
      model: fallback?.model ?? card.model,
      instruction:
        this.#missing.length > 0 ? `${card.instruction}\n\n${withoutTools(this.#missing)}` : card.instruction,
      // Names, quotes and results of tools stay inside messages: nothing untrusted ever joins the instruction.
      messages: joinPastes(repairHistory([...(card.seed ?? []), ...this.#window.messages()])),
      images: this.#images,
      tools: [...this.#tools.values()].map(({ name, description, schema }) => ({ name, description, schema })),
      sampling: { ...card.sampling, ...fallback?.sampling },
      firstTokenMs: this.#settings.firstTokenMs,
      idleMs: card.idleMs ?? this.#settings.idleMs,
    };
  }

  #fallBack(): { from: string | null; to: string } | null {
    const { model, fallback } = this.#clone.card;
    if (this.#fellBack || !fallback || fallback.model === model) return null;
    this.#fellBack = true;
    return { from: model, to: fallback.model };
  }

  #dropImages(): boolean {
    if (this.#images.size === 0) return false;
    this.#images = new Map();
    return true;
  }

  /** The results of the calls; or null after a hand-over, or that people are to be asked for some of them. */
  async *#runTools(calls: readonly CallPart[]): AsyncGenerator<RunEvent, Part[] | RunWaiting | null> {
    const { inFlight, decisions } = this.#clone;
    const sorted = sortCalls(calls, this.#tools, decisions, inFlight);
    // What was approved and not used up since was not made, wherever its attempt died.
    const inDoubt = new Set([...inFlight].filter((callId) => !decisions.has(callId)));
    const results = yield* this.#callTools(sorted.go, inDoubt);
    if (results === null) return null;
    const { aborted, reason } = this.#signal;
    const asked = sorted.asked.slice(0, MAX_ASKED).map(({ callId, tool, args }) => {
      return { callId, tool, args, again: inFlight.has(callId) };
    });
    if (asked.length > 0 && (!aborted || reason === HAND_OVER)) return { type: "run.waiting", calls: asked };
    const byId = new Map([...results, ...sorted.declined].map((part) => [part.callId, part]));
    return calls.map(({ callId }) => byId.get(callId) ?? notMade(callId, "interrupted by the user"));
  }

  #callTools(calls: readonly CallPart[], inFlight: ReadonlySet<string>) {
    const { clock, graceMs, toolMs, toolConcurrency } = this.#settings;
    const { traceparent } = this.#clone;
    return runBatch(calls, {
      source: this.#clone.tools,
      tools: this.#tools,
      inFlight,
      concurrency: this.#clone.card.sampling.parallelToolCalls === false ? 1 : toolConcurrency,
      graceMs,
      toolMs,
      history: () => this.#known(),
      ...(traceparent && { traceparent }),
      clock,
      signal: this.#signal,
    });
  }

  /** Without the step whose calls are open. */
  #known(): Message[] {
    const step = this.#own.findLastIndex(({ role }) => role === "assistant");
    return repairHistory([...(this.#clone.card.seed ?? []), ...this.#window.messages(step)]);
  }

  /** The answer as a message. A cut one has no calls: their arguments may be cut too, and none of them has run. */
  #readAnswer(outcome: Extract<StepOutcome, { kind: "answered" }>, step: number): Message {
    const cut = outcome.reason !== "stop";
    const calls = cut ? [] : outcome.calls.map((call) => this.#callPart(call, outcome.model, step));
    const text = outcome.text === "" ? [] : [said(outcome.text)];
    return { role: "assistant", parts: [...text, ...calls], status: cut ? "truncated" : "complete" };
  }

  #callPart({ callId: given, tool, args, extra }: ModelCall, model: string, step: number): CallPart {
    let callId = given;
    for (let n = this.#callIds.size; callId === "" || this.#callIds.has(callId); n++) callId = `call_${step}_${n}`;
    this.#callIds.add(callId);
    const call: CallPart = { type: "tool_call", callId, tool, args };
    return extra === undefined ? call : { ...call, extra: { model, data: extra } };
  }

  /** The closing words if the open calls must not run any more, else null. */
  #limitReached(step: number): { text: string; stopReason: "max_steps" | "budget" } | null {
    if (repeats(this.#own)) return { text: this.#texts.sameCallAgain, stopReason: "max_steps" };
    if (step >= this.#clone.card.maxSteps) return { text: this.#texts.tooManySteps, stopReason: "max_steps" };
    return this.#clone.usedUp() ? { text: this.#texts.runUsedUp, stopReason: "budget" } : null;
  }

  *#endAtLength(): Generator<RunEvent> {
    yield* this.#close(this.#texts.cutAtLength);
    yield { type: "run.completed", stopReason: "length" };
  }

  *#close(text: string): Generator<RunEvent> {
    yield { type: "text.delta", text };
    yield this.#add({ role: "assistant", parts: [said(text)], status: "complete" });
  }

  #add(message: Message): Extract<RunEvent, { type: "message.completed" }> {
    this.#own.push(message);
    return { type: "message.completed", message };
  }
}

type CallPart = Extract<Part, { type: "tool_call" }>;

function callsOf(messages: readonly Message[]): CallPart[] {
  return messages.flatMap(({ parts }) => parts.filter((part) => part.type === "tool_call"));
}

/**
 * True if the newest calls, since the person last said something, end in the same call again and again. Within one
 * step the same call counts once: three dice are thrown by three calls at once.
 */
function repeats(own: readonly Message[]): boolean {
  const since = own.findLastIndex((message) => message.role === "user");
  const calls = own.slice(since + 1).flatMap((message) => {
    return [...new Set(callsOf([message]).map(({ tool, args }) => `${tool} ${args}`))];
  });
  const newest = calls.slice(-REPEATED_CALLS);
  return newest.length === REPEATED_CALLS && new Set(newest).size === 1;
}

function notRun({ callId }: CallPart): Part {
  return notMade(callId, "not run: the limit of this answer was reached");
}

function isAnswer(message: Message | undefined): boolean {
  return message?.role === "assistant" && callsOf([message]).length === 0;
}

/** For the model it stands behind the instruction, whose beginning stays the same for the provider's cache. */
function withoutTools(servers: readonly string[]): string {
  return `The tools of ${servers.join(", ")} cannot be reached right now.`;
}

function said(text: string): Part {
  return { type: "text", text };
}
