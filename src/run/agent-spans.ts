import { type FinalRunEvent, isFinal, type RunEvent } from "../agent/run-event.ts";
import { type Message, textOf } from "../agent/message.ts";
import { spanBelow, type Work } from "../agent/traceparent.ts";
import { newSpanId, type TraceId } from "../ids.ts";
import { GENAI } from "../observe/genai-names.ts";
import type { Span } from "../observe/span.ts";

/** What the spans of one run have in common. */
export interface Spans {
  traceId: TraceId;
  session: string;
  /** What was said and what tools were given, as it may be kept; null = it is not. */
  content: ((text: string) => string) | null;
  /** A model by how it is written, and where it is asked; null = the default model. */
  resolve: (written: string | null) => { provider: string; model: string | null };
  now: () => number;
  /** Takes a span that has ended. */
  ended: (span: Span) => void;
}

type UsageEvent = Extract<RunEvent, { type: "usage" }>;

/**
 * The spans of one agent at work, told by its events: `invoke_agent`, below it a `chat` for each step and an
 * `execute_tool` for each call, and below the call of another agent that agent's. Nothing that was said is in them
 * unless `content` says how.
 */
export class AgentSpans {
  readonly invoke: Span;
  readonly #spans: Spans;
  readonly #agent: string;
  readonly #model: string | null;
  readonly #tools = new Map<string, Span>();
  readonly #children = new Map<string, AgentSpans>();
  readonly #told = new Set<Work>();
  #chat: Span | null = null;
  #hasAnswered = false;
  /** When the last thing happened: where what only tells of its end has begun. */
  #sinceMs: number;

  constructor(spans: Spans, of: { agent: string; model: string | null; parentId: string; spanId?: string }) {
    this.#spans = spans;
    this.#agent = of.agent;
    this.#model = of.model;
    this.#sinceMs = spans.now();
    this.invoke = this.#open(`invoke_agent ${of.agent}`, of.parentId, {
      [GENAI.operation]: "invoke_agent",
      [GENAI.agent]: of.agent,
      [GENAI.conversation]: spans.session,
    });
    if (of.spanId !== undefined) this.invoke.spanId = of.spanId;
  }

  take(event: RunEvent): void {
    if (event.type === "usage") this.#use(event);
    else if (event.type === "child.event") this.#takeChild(event);
    else {
      // Its usage comes right behind an answer, or never.
      if (this.#hasAnswered) this.#endChat(event.type === "run.failed" ? "error" : "ok");
      this.#takeOwn(event);
    }
    this.#sinceMs = this.#spans.now();
  }

  #takeOwn(event: RunEvent): void {
    if (event.type === "step.started") this.#step(event.step);
    else if (event.type === "text.delta") this.#speak();
    else if (event.type === "message.completed" && event.message.role === "assistant") this.#answered(event.message);
    else if (event.type === "tool.started") this.#openTool(event);
    else if (event.type === "tool.finished") this.#endTool(event);
    else if (event.type === "history.compacted") this.#compacted(event);
    else if (event.type === "notice" && event.code === "model_fallback")
      this.#note(event.code, { to: event.to, why: event.why });
    else if (event.type === "notice" && event.code !== "tools_unreachable") this.#note(event.code, {});
    else if (isFinal(event)) this.end(event);
  }

  #step(step: number): void {
    this.#endChat("ok");
    this.#chat = this.#openChat(this.#model);
    this.#chat.spanId = this.#idOf(`step ${step}`);
  }

  #speak(): void {
    if (!this.#chat || this.#chat.attributes[GENAI.firstChunk] !== undefined) return;
    this.#chat.attributes[GENAI.firstChunk] = (this.#spans.now() - this.#chat.startMs) / 1000;
  }

  #openChat(written: string | null): Span {
    const { provider, model } = this.#spans.resolve(written);
    return this.#open(
      model === null ? "chat" : `chat ${model}`,
      this.invoke.spanId,
      {
        [GENAI.operation]: "chat",
        [GENAI.provider]: provider,
        [GENAI.agent]: this.#agent,
        [GENAI.conversation]: this.#spans.session,
        ...(model !== null && { [GENAI.requestModel]: model }),
      },
      "client",
    );
  }

  #answered(message: Message): void {
    if (!this.#chat) return;
    this.#hasAnswered = true;
    this.#chat.endMs = this.#spans.now();
    const calls = message.parts.some(({ type }) => type === "tool_call");
    if (message.status === "complete") this.#chat.attributes[GENAI.finishReasons] = [calls ? "tool_call" : "stop"];
    this.#keep(this.#chat, GENAI.outputMessages, () => textOf(message));
  }

  /** Usage before the step's answer is that of a summary; what names a call is a called agent's. */
  #use({ callId, ...event }: UsageEvent): void {
    if (callId !== undefined) return void this.#children.get(callId)?.useBelow(event);
    if (!this.#chat || !this.#hasAnswered) return this.#summed(event);
    this.#count(this.#chat, event);
    this.#endChat("ok");
  }

  /** True = it was told here or below. */
  useBelow(event: UsageEvent): boolean {
    if (this.#hasAnswered && (event.agent ?? this.#agent) === this.#agent) {
      this.#use(event);
      return true;
    }
    return [...this.#children.values()].some((child) => child.useBelow(event));
  }

  #summed(event: UsageEvent): void {
    const span = this.#openChat(event.model);
    span.startMs = this.#sinceMs;
    span.attributes["parley.purpose"] = "summary";
    this.#count(span, event);
    this.#end(span, "ok");
    if (this.#chat) this.#chat.startMs = this.#spans.now();
  }

  #compacted({ before, after }: Extract<RunEvent, { type: "history.compacted" }>): void {
    this.#note("history.compacted", { before, after });
  }

  #openTool({ callId, tool, args = "" }: { callId: string; tool: string; args?: string }): Span {
    const span = this.#open(`execute_tool ${tool}`, this.invoke.spanId, {
      [GENAI.operation]: "execute_tool",
      [GENAI.tool]: tool,
      [GENAI.toolCall]: callId,
    });
    span.spanId = this.#idOf(`call ${callId}`);
    this.#keep(span, GENAI.toolArguments, () => args);
    this.#tools.set(callId, span);
    return span;
  }

  #endTool(event: Extract<RunEvent, { type: "tool.finished" }>): void {
    const span = this.#tools.get(event.callId) ?? this.#openTool(event);
    this.#tools.delete(event.callId);
    this.#children.get(event.callId)?.leave("cancelled");
    this.#children.delete(event.callId);
    // Calls of a step are told together, and may wait for each other.
    if (event.ms > 0) span.startMs = Math.max(span.startMs, this.#spans.now() - event.ms);
    if (!event.ok) span.attributes["error.type"] = "tool_error";
    this.#keep(span, GENAI.toolResult, () => event.text);
    this.#end(span, event.ok ? "ok" : "error");
  }

  #takeChild({ callId, event }: Extract<RunEvent, { type: "child.event" }>): void {
    const known = this.#children.get(callId);
    if (event.type !== "run.started") return known?.take(event);
    const parentId = this.#tools.get(callId)?.spanId ?? this.invoke.spanId;
    const spanId = spanBelow(this.#spans.traceId, parentId, "agent");
    this.#children.set(callId, new AgentSpans(this.#spans, { agent: event.agent, model: null, parentId, spanId }));
  }

  #note(name: string, attributes: Span["attributes"]): void {
    (this.#chat ?? this.invoke).events.push({ name, atMs: this.#spans.now(), attributes });
  }

  /** The agent's last event. */
  end(event: FinalRunEvent): void {
    if (event.type === "run.failed") this.#leave("error", event.code);
    else this.#leave("ok", event.type === "run.cancelled" ? event.by : event.stopReason);
  }

  /** Nobody tells how it ends. */
  leave(why: string): void {
    this.#leave(why === "lost" ? "error" : "unset", why);
  }

  #leave(status: Span["status"], reason: string): void {
    if (this.invoke.endMs !== null) return;
    this.#endChat(this.#hasAnswered ? "ok" : status);
    for (const child of this.#children.values()) child.leave(reason);
    for (const span of this.#tools.values()) this.#end(span, "unset");
    this.#tools.clear();
    if (status === "error") this.invoke.attributes["error.type"] = reason;
    else this.invoke.attributes["parley.end_reason"] = reason;
    this.#end(this.invoke, status);
  }

  #endChat(status: Span["status"]): void {
    if (this.#chat) this.#end(this.#chat, status);
    this.#chat = null;
    this.#hasAnswered = false;
  }

  #open(name: string, parentId: string, attributes: Span["attributes"], kind: Span["kind"] = "internal"): Span {
    const { traceId, now } = this.#spans;
    const timed = { startMs: now(), endMs: null, status: "unset" as const };
    return { traceId, spanId: newSpanId(), parentId, name, kind, ...timed, attributes, events: [] };
  }

  /** As who does the work was told it. What comes again, as only tools that are called elsewhere do, has another. */
  #idOf(work: Work): string {
    if (this.#told.has(work)) return newSpanId();
    this.#told.add(work);
    return spanBelow(this.#spans.traceId, this.invoke.spanId, work);
  }

  #end(span: Span, status: Span["status"]): void {
    span.endMs ??= this.#spans.now();
    span.status = status;
    this.#spans.ended(span);
  }

  #keep(span: Span, name: string, text: () => string): void {
    if (this.#spans.content) span.attributes[name] = this.#spans.content(text());
  }

  #count(span: Span, { model: written, usage }: UsageEvent): void {
    const { provider, model } = this.#spans.resolve(written);
    Object.assign(span.attributes, {
      [GENAI.provider]: provider,
      [GENAI.responseModel]: model,
      [GENAI.inputTokens]: usage.inputTokens,
      [GENAI.outputTokens]: usage.outputTokens,
      ...(usage.cachedTokens !== undefined && { [GENAI.cachedTokens]: usage.cachedTokens }),
      ...(usage.reasoningTokens !== undefined && { [GENAI.reasoningTokens]: usage.reasoningTokens }),
    });
    if (span.name === "chat") span.name = `chat ${model}`;
  }
}
