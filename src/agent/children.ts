import type { AgentCard, Children } from "./agent-card.ts";
import type { AgentRunner } from "./agent-runner.ts";
import { capText } from "./cap-text.ts";
import { systemClock, type Clock } from "./clock.ts";
import { makeClone } from "./clone.ts";
import { functionTools } from "./function-tools.ts";
import { type Message, textOf, userMessage } from "./message.ts";
import type { ModelClient, SentImages } from "./model-client.ts";
import { type FinalRunEvent, isFinal } from "./run-event.ts";
import { Slots } from "./slots.ts";
import type { CallContext, Tool, ToolCall, ToolResult, ToolSource } from "./tool-source.ts";
import { traceparentBelow } from "./traceparent.ts";

export interface ChildrenOptions {
  /** Asked once, at the beginning: a reload meanwhile does not reach this run. */
  find(name: string): AgentCard | null;
  /** An agent's tools besides its children. */
  toolsOf(card: AgentCard): ToolSource;
  runner: AgentRunner;
  model: ModelClient;
  /** Of the run, for children that begin with what it knows. */
  images: SentImages;
  today: string;
  /** The run has used what it may, its children included. Left out: never. */
  usedUp?: () => boolean;
  /** Left out: the system's. */
  clock?: Clock;
}

/** Runs of children that one run may have, theirs included: a model that never stops asking must not run up a bill. */
const MAX_CHILD_RUNS = 50;
/** As deep as cards may call each other is for the loader to say; this only ends what no loader has seen. */
const MAX_NESTING = 8;
const NOT_CALLED: ToolResult = { ok: false, text: "Not called: the run was stopped." };
const DEFAULT_TIMEOUT_MS = 5 * 60_000;
/** What a child that is out of time may take to end, which is more than its tools may. */
const WIND_UP_MS = 10_000;
/** Waiting for others included: no run is longer. */
const MAX_CALL_MS = 15 * 60_000;
/** https://platform.openai.com/docs/api-reference/chat/create, `tools.function.description` of older models. */
const MAX_DESCRIPTION = 1024;

const ONE_MESSAGE = {
  type: "object",
  properties: { message: { type: "string", description: "What the agent is to do, with all it needs to know" } },
  required: ["message"],
  additionalProperties: false,
};

/**
 * A run's tools, and one more for each agent that its card calls. A call spawns a clone of that agent, runs it, and
 * gives what it answers; whatever happens to it is the call's result and never the end of the run.
 */
export function withChildren(card: AgentCard, tools: ToolSource, options: ChildrenOptions): ToolSource {
  return new Family(options).sourceOf(card, tools, 0);
}

interface Call extends ToolCall {
  parent: Children;
  child: AgentCard;
  tools: ToolSource;
  context: CallContext | undefined;
}

/** All children of one run, and theirs. */
class Family {
  readonly #options: ChildrenOptions;
  readonly #clock: Clock;
  /** Those of each agent, once. */
  readonly #sources = new Map<string, ToolSource>();
  readonly #instances = new Map<string, number>();
  #runs = 0;

  constructor(options: ChildrenOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  sourceOf(card: AgentCard, own: ToolSource, depth: number): ToolSource {
    const parent = card.children;
    if (!parent || depth >= MAX_NESTING) return own;
    const children = new Map<string, { child: AgentCard; tools: ToolSource }>();
    for (const name of parent.agents) {
      const child = this.#options.find(name);
      if (child) children.set(`agent__${name}`, { child, tools: this.#toolsOf(child, depth + 1) });
    }
    const slots = new Slots(parent.maxParallel ?? Number.POSITIVE_INFINITY);
    const known = new Map<string, Tool>();
    return {
      async list() {
        const others = await own.list();
        const mine = await Promise.all([...children].map(([name, { child, tools }]) => describe(name, child, tools)));
        for (const tool of mine) known.set(tool.name, tool);
        return [...others.filter(({ name }) => !children.has(name)), ...mine];
      },
      call: async (call, signal, context) => {
        const found = children.get(call.tool);
        const tool = known.get(call.tool);
        if (!found || !tool) return own.call(call, signal, context);
        const called = { ...call, ...found, parent, context };
        return (await slots.during(signal, () => this.#call(tool, called, signal))) ?? NOT_CALLED;
      },
      unreachable: () => own.unreachable?.() ?? [],
    };
  }

  #toolsOf(child: AgentCard, depth: number): ToolSource {
    const known = this.#sources.get(child.name);
    if (known) return known;
    const source = this.sourceOf(child, this.#options.toolsOf(child), depth);
    this.#sources.set(child.name, source);
    return source;
  }

  #call(tool: Tool, call: Call, signal: AbortSignal): Promise<ToolResult> {
    const timeoutMs = Math.min(call.parent.timeoutMs ?? DEFAULT_TIMEOUT_MS, MAX_CALL_MS);
    const run = (args: Record<string, unknown>, inner: AbortSignal) => this.#run(call, args, timeoutMs, inner);
    return functionTools([{ ...tool, timeoutMs: timeoutMs + WIND_UP_MS, run }], this.#clock).call(call, signal);
  }

  /** What the child says; throws what kept it from saying it. */
  async #run(call: Call, args: Record<string, unknown>, timeoutMs: number, signal: AbortSignal): Promise<string> {
    const { child, callId, context, parent } = call;
    if (this.#runs >= MAX_CHILD_RUNS) throw new Error(`not called: one answer may call agents ${MAX_CHILD_RUNS} times`);
    this.#runs += 1;
    const number = (this.#instances.get(child.name) ?? 0) + 1;
    this.#instances.set(child.name, number);
    const instance = `${child.name}[${number}]`;
    const report: CallContext["report"] = async (event) => {
      if (event.type === "usage") await context?.report({ agent: child.name, ...event, callId });
      else if (!event.type.endsWith(".delta")) await context?.report({ type: "child.event", callId, instance, event });
    };

    const late = new AbortController();
    const over = new AbortController();
    void this.#clock.sleep(timeoutMs, over.signal).then(() => over.signal.aborted || late.abort());
    const said: Message[] = [];
    let end: FinalRunEvent = { type: "run.cancelled", by: "stop" };
    try {
      await report({ type: "run.started", agent: child.name });
      const clone = this.#clone(call, args);
      for await (const event of this.#options.runner.run(clone, AbortSignal.any([signal, late.signal]))) {
        // Nobody can be asked within a call; the guard of its tools sees to it that it does not come to that.
        if (event.type === "run.waiting") continue;
        if (isFinal(event)) end = event;
        else await report(event);
        if (event.type === "message.completed") said.push(event.message);
      }
    } finally {
      over.abort();
    }
    if (end.type === "run.cancelled" && late.signal.aborted && !signal.aborted) {
      end = { type: "run.failed", code: "timeout", message: `It had no answer within ${timeoutMs / 1000} s.` };
    }
    await report(end);
    const trouble = troubleOf(end);
    const words = parent.mergeTarget === "orchestrator" ? transcriptOf(said) : trouble === "" ? answerOf(said) : "";
    if (trouble !== "") throw new Error([trouble, words].filter((text) => text !== "").join("\n\n"));
    return words;
  }

  #clone({ child, tools, parent, context }: Call, args: Record<string, unknown>) {
    const { model, today, images, usedUp } = this.#options;
    const { historySource } = parent;
    const { seed, ...card } = child;
    const asked = child.inputSchema ? JSON.stringify(args) : String(args["message"]);
    return makeClone({
      // Where it begins is its parent's to say.
      card: { ...card, useHistory: true, ...(historySource === "messages" && seed ? { seed } : {}) },
      history: historySource === "orchestrator" ? (context?.history() ?? []) : [],
      turn: [userMessage(asked)],
      images: historySource === "orchestrator" ? images : new Map(),
      model,
      tools,
      today,
      ...(usedUp && { usedUp }),
      ...(context?.traceparent && { traceparent: traceparentBelow(context.traceparent, "agent") }),
    });
  }
}

/** It does what its tools do: what they are not known to leave unchanged, it may change. */
async function describe(name: string, child: AgentCard, source: ToolSource): Promise<Tool> {
  // What an agent elsewhere does, nobody here knows.
  const tools = child.outside ? null : await source.list().catch(() => null);
  const description = (child.description || child.instruction || child.name).trim();
  return {
    name,
    description: description.length <= MAX_DESCRIPTION ? description : `${description.slice(0, MAX_DESCRIPTION - 1)}…`,
    schema: child.inputSchema ?? ONE_MESSAGE,
    readOnly: tools?.every(({ readOnly }) => readOnly) ?? false,
    afterCrash: tools?.every((tool) => tool.readOnly || tool.afterCrash === "repeat") ? "repeat" : "skip",
    maxMs: MAX_CALL_MS,
  };
}

/** "" = it has answered. */
function troubleOf(end: FinalRunEvent): string {
  switch (end.type) {
    case "run.completed":
      if (end.stopReason === "budget") return "Budget exhausted: it still wanted tools, but no more may be used.";
      return end.stopReason === "max_steps" ? "Runtime budget exhausted: it still wanted tools at its last step." : "";
    case "run.failed":
      return end.message;
    case "run.cancelled":
      return "It was stopped; what it had done by then stays done.";
    default:
      return end satisfies never;
  }
}

/** What it said after its last tool. */
function answerOf(messages: readonly Message[]): string {
  const since = messages.findLastIndex(({ role }) => role === "tool");
  return messages
    .slice(since + 1)
    .map(textOf)
    .filter((text) => text !== "")
    .join("\n\n");
}

/** All it said and did. A call's result is the one place for it: nothing may stand between a call and its result. */
function transcriptOf(messages: readonly Message[]): string {
  const lines = messages.flatMap(({ parts }) =>
    parts.map((part) => {
      if (part.type === "tool_call") return `[calls ${part.tool} ${part.args}]`;
      if (part.type === "tool_result") return `[${part.ok ? "result" : "no result"}: ${capText(part.text)}]`;
      return part.type === "text" ? part.text : "";
    }),
  );
  return lines.filter((line) => line !== "").join("\n\n");
}
