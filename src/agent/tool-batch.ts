import { HAND_OVER } from "./agent-runner.ts";
import { capText } from "./cap-text.ts";
import type { Clock } from "./clock.ts";
import type { Message, Part } from "./message.ts";
import type { RunEvent } from "./run-event.ts";
import type { CallContext, Tool, ToolCall, ToolResult, ToolSource } from "./tool-source.ts";
import { type Traceparent, traceparentBelow } from "./traceparent.ts";

type ResultPart = Extract<Part, { type: "tool_result" }>;

export interface BatchOptions {
  source: ToolSource;
  /** The run's frozen view of the tools, by name. */
  tools: ReadonlyMap<string, Tool>;
  /** Calls that were running when an earlier attempt died. */
  inFlight: ReadonlySet<string>;
  concurrency: number;
  /** How long an aborted run waits for tools that may have effects. */
  graceMs: number;
  /** The last resort against a source that never answers; sources have shorter deadlines of their own. */
  toolMs: number;
  /** For tools that begin with what the run knows. */
  history: () => readonly Message[];
  /** Of the agent; left out: nobody traces it. */
  traceparent?: Traceparent;
  clock: Clock;
  signal: AbortSignal;
}

const STOPPED = failure("interrupted by the user");
const UNKNOWN_OUTCOME = failure("outcome unknown – the call may have taken effect");
const SKIPPED = failure("no result: the process was restarted; it may have taken effect");
const SKIPPED_ASK = failure(`${SKIPPED.text}. Ask the person whether to call it again before you do.`);

/**
 * Runs the calls of one assistant message and returns their results in the order of the calls. All `tool.started` are
 * yielded before any tool runs, so that the consumer has made them durable; `tool.finished` comes as the tools end,
 * once for every call that was started. Never throws, and ends soon after an abort: every call has a result then too,
 * the real one where that could be learnt in time. Null after a hand-over: calls without a real result stay open.
 */
export async function* runBatch(
  calls: readonly ToolCall[],
  options: BatchOptions,
): AsyncGenerator<RunEvent, ResultPart[] | null> {
  const { tools, inFlight, clock, signal } = options;
  const results = new Map<string, ToolResult>();
  const announced = new Set<string>();
  const queue: ToolCall[] = [];
  const running = new Map<string, ToolCall>();
  const ended: { call: ToolCall; result: ToolResult; ms: number }[] = [];
  /** What happened within calls; each call waits until its own is taken, so there are few. */
  const reports: { event: RunEvent; taken: () => void }[] = [];
  /** Aborts when nobody waits for these tools any more; ends the batch's timers. */
  const left = new AbortController();
  /** Told of abort, `ended` and `reports`; made anew for every wait. */
  let happened = Promise.withResolvers<void>();
  const somethingHappens = () => (happened = Promise.withResolvers<void>()).promise;
  const onAbort = () => happened.resolve();
  const context: CallContext = {
    history: options.history,
    report: (event) =>
      new Promise((taken) => {
        if (left.signal.aborted) return taken();
        reports.push({ event, taken });
        happened.resolve();
      }),
  };

  function launch(): void {
    while (!signal.aborted && running.size < options.concurrency) {
      const call = queue.shift();
      if (!call) return;
      running.set(call.callId, call);
      void runOne(call);
    }
  }

  async function runOne(call: ToolCall): Promise<void> {
    const since = clock.now();
    const result = await callSafely(call, options, context, left.signal);
    running.delete(call.callId);
    ended.push({ call, result, ms: clock.now() - since });
    launch();
    happened.resolve();
  }

  function* takeEnded(): Generator<RunEvent> {
    for (const { call, result, ms } of ended.splice(0)) {
      results.set(call.callId, result);
      yield finished(call, result, ms);
    }
  }

  function* takeReports(): Generator<RunEvent> {
    for (let next = reports.shift(); next; next = reports.shift()) {
      try {
        yield next.event;
      } finally {
        next.taken();
      }
    }
  }

  for (const call of calls) {
    const tool = tools.get(call.tool);
    const repeats = tool?.afterCrash === "repeat";
    // What is left to another attempt is repeated by that one.
    if (repeats && signal.reason === HAND_OVER) continue;
    if (inFlight.has(call.callId) && (!repeats || signal.aborted)) {
      const result = tool?.afterCrash === "ask" ? SKIPPED_ASK : SKIPPED;
      results.set(call.callId, result);
      yield finished(call, result, 0);
    } else if (!signal.aborted) {
      queue.push(call);
      announced.add(call.callId);
      const { callId, tool: name, args } = call;
      yield { type: "tool.started", callId, tool: name, args, readOnly: tool?.readOnly ?? true };
    }
  }

  signal.addEventListener("abort", onAbort);
  try {
    launch();
    while (!signal.aborted && (running.size > 0 || ended.length > 0)) {
      if (ended.length === 0 && reports.length === 0) await somethingHappens();
      yield* takeReports();
      yield* takeEnded();
    }
    if (signal.aborted) {
      const mayHaveEffects = (call: ToolCall) => running.has(call.callId) && !tools.get(call.tool)?.readOnly;
      const grace = clock.sleep(options.graceMs, left.signal).then(() => "over" as const);
      for (;;) {
        yield* takeReports();
        if (!calls.some(mayHaveEffects)) break;
        if ((await Promise.race([grace, somethingHappens()])) === "over") break;
      }
      const isReal = ({ call }: { call: ToolCall }) => !tools.get(call.tool)?.readOnly;
      // A read-only call that ended now was given up for the abort; the next attempt makes it again.
      if (signal.reason === HAND_OVER) ended.splice(0, ended.length, ...ended.filter(isReal));
      while (ended.length > 0) yield* takeEnded();
      if (signal.reason === HAND_OVER) return null;
      for (const call of calls) {
        if (results.has(call.callId) || !announced.has(call.callId)) continue;
        ended.push({ call, result: mayHaveEffects(call) ? UNKNOWN_OUTCOME : STOPPED, ms: 0 });
      }
      yield* takeEnded();
    }
  } finally {
    // The consumer may have left early: nothing that still waits in the queue may start.
    queue.length = 0;
    left.abort();
    for (const { taken } of reports.splice(0)) taken();
    signal.removeEventListener("abort", onAbort);
  }
  return calls.map(({ callId }) => ({ type: "tool_result", callId, ...(results.get(callId) ?? STOPPED) }));
}

/** One call whose source may throw, hang or return garbage. `left` aborts when its result is of no interest any more. */
async function callSafely(
  call: ToolCall,
  options: BatchOptions,
  context: CallContext,
  left: AbortSignal,
): Promise<ToolResult> {
  const { source, tools, toolMs, clock, signal, traceparent } = options;
  if (!tools.has(call.tool)) {
    return failure(`There is no tool "${call.tool}". Tools: ${[...tools.keys()].join(", ") || "none"}.`);
  }
  const late = new AbortController();
  const settled = new AbortController();
  const noLonger = AbortSignal.any([settled.signal, left]);
  const lastResort = clock.sleep(tools.get(call.tool)?.maxMs ?? toolMs, noLonger).then(() => {
    if (!noLonger.aborted) late.abort();
    return tools.get(call.tool)?.readOnly ? failure("no result in time") : UNKNOWN_OUTCOME;
  });
  try {
    const called = source.call(call, AbortSignal.any([signal, late.signal]), {
      ...context,
      ...(traceparent && { traceparent: traceparentBelow(traceparent, `call ${call.callId}`) }),
    });
    return readable(await Promise.race([called, lastResort]));
  } catch (error) {
    return failure(`${call.tool} failed: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    settled.abort();
  }
}

function readable(result: unknown): ToolResult {
  const { ok, text, file } = (typeof result === "object" && result !== null ? result : {}) as Partial<ToolResult>;
  if (typeof ok !== "boolean" || typeof text !== "string")
    return failure("The tool gave a result that cannot be read.");
  return { ok, text: capText(text), ...(file === undefined ? {} : { file }) };
}

function failure(text: string): ToolResult {
  return { ok: false, text: capText(text) };
}

function finished({ callId, tool }: ToolCall, result: ToolResult, ms: number): RunEvent {
  const { ok, text, file } = result;
  return { type: "tool.finished", callId, tool, ok, ms, text, ...(file === undefined ? {} : { file }) };
}
