import type { AgentCard } from "../agent/agent-card.ts";
import type { FinalRunEvent, RunEvent } from "../agent/run-event.ts";
import { textOf } from "../agent/message.ts";
import { toTraceparent, type Traceparent } from "../agent/traceparent.ts";
import { type OutboxId, spanIdOf } from "../ids.ts";
import { GENAI } from "../observe/genai-names.ts";
import type { Span } from "../observe/span.ts";
import type { StoredEvent } from "../store/run-events.ts";
import type { MergedPage } from "../store/show-pages.ts";
import type { TraceRow } from "../store/traces.ts";
import { AgentSpans, type Spans } from "./agent-spans.ts";
import type { ClaimedRun } from "./claimed-run.ts";
import type { TurnInput } from "./turn.ts";

/** Of one attempt; a run that makes more is told by what it did first. */
const MAX_SPANS = 1_000;
/** Of a text that is kept, in UTF-16 units. */
const MAX_CONTENT = 4_096;

export interface RunTraceOptions {
  claimed: ClaimedRun;
  /** Hides secrets; null = nothing that was said is kept. */
  content: ((text: string) => string) | null;
  resolve: Spans["resolve"];
  now: () => number;
}

/** What a trace tells of the agent. */
export type TracedCard = Pick<AgentCard, "name" | "model" | "outside">;

/** What one attempt of a run tells of it: spans that have ended or begun, and the trace's own row. */
export class RunTrace {
  readonly row: TraceRow;
  readonly #options: RunTraceOptions;
  readonly #content: ((text: string) => string) | null;
  readonly #root: Span;
  #agent: AgentSpans | null = null;
  #spans: Span[] = [];
  #count = 0;
  #dropped = 0;
  #delivery: { pages: number; edits: number; waiting: Set<OutboxId>; worst: string } | null = null;
  /** Nothing more comes of it. */
  over = false;
  /** Until when what is to be shown may be waited for. */
  mergedMs: number | null = null;

  constructor(options: RunTraceOptions) {
    const { claimed, content } = options;
    const { trace, session, id, agent, target, queuedMs } = claimed;
    this.#options = options;
    this.#content = content && ((text) => content(text.slice(0, MAX_CONTENT)));
    const account = target?.account ?? null;
    this.row = {
      traceId: trace,
      session,
      run: id,
      agent,
      account,
      platform: account?.split(":")[0] ?? "api",
      startedMs: queuedMs,
      endedMs: null,
      status: "running",
      model: null,
      inputTokens: 0,
      outputTokens: 0,
      toolCalls: 0,
      firstShownMs: null,
    };
    this.#root = this.#span("run", `run ${agent}`, null, queuedMs, {
      "session.id": session,
      "user.id": claimed.user,
      [GENAI.agent]: agent,
      "parley.run.id": id,
      "parley.platform": this.row.platform,
    });
    this.#root.kind = "consumer";
    const now = options.now();
    // As it is now: it is told again when it has ended.
    this.#add({ ...this.#root, attributes: { ...this.#root.attributes } });
    if (claimed.attempt === 1) {
      this.#accepted(claimed.turn ?? []);
      this.#ended(this.#span("wait", "wait", this.#root.spanId, queuedMs, {}), Math.max(queuedMs, now));
    }
  }

  /** The span that whatever the agent does is below. */
  get #agentSpanId(): string {
    return spanIdOf(this.row.traceId, `attempt ${this.#options.claimed.attempt}`);
  }

  /** The same for those who work for the agent. */
  get traceparent(): Traceparent {
    return toTraceparent(this.row.traceId, this.#agentSpanId);
  }

  #accepted(turn: readonly TurnInput[]): void {
    for (const { messageId, receivedMs = this.row.startedMs } of turn) {
      const attributes = { "parley.message.id": messageId };
      const span = this.#span(`accept ${messageId}`, "accept", this.#root.spanId, receivedMs, attributes);
      this.#ended(span, receivedMs);
    }
  }

  /** The agent begins. */
  begin(card: TracedCard, turn: readonly TurnInput[]): void {
    const { claimed, now, resolve } = this.#options;
    const spans: Spans = {
      traceId: this.row.traceId,
      session: claimed.session,
      content: this.#content,
      resolve,
      now,
      ended: (span) => this.#add(span),
    };
    const of = { agent: card.name, model: card.model, parentId: this.#root.spanId, spanId: this.#agentSpanId };
    this.#agent = new AgentSpans(spans, of);
    const { invoke } = this.#agent;
    invoke.attributes["parley.attempt"] = claimed.attempt;
    if (card.outside) invoke.kind = "client";
    if (this.#content)
      invoke.attributes[GENAI.inputMessages] = this.#content(turn.map(({ message }) => textOf(message)).join("\n\n"));
    // As it is now, so that an attempt that dies is seen.
    this.#add({ ...invoke, attributes: { ...invoke.attributes } });
  }

  take(event: RunEvent): void {
    // What is shown nowhere is seen when it is said.
    if (event.type === "text.delta" && this.row.account === null) this.firstShown();
    if (event.type === "usage") {
      if (event.callId === undefined) this.row.model = event.model;
      this.row.inputTokens += event.usage.inputTokens;
      this.row.outputTokens += event.usage.outputTokens;
    } else if (event.type === "tool.started") this.row.toolCalls += 1;
    this.#agent?.take(event);
  }

  /** What earlier attempts left behind: one that died, and what people were asked meanwhile. */
  follow(events: readonly StoredEvent[]): void {
    const { crashed, attempt } = this.#options.claimed;
    const last = events.filter((event) => event.attempt === attempt - 1);
    const [first] = last;
    for (const { type, data } of events) {
      if (type === "usage" || type === "tool.started") this.take({ type, ...data } as RunEvent);
    }
    if (crashed && first) {
      const attributes = { [GENAI.operation]: "invoke_agent", "parley.attempt": attempt - 1, "error.type": "lost" };
      const name = `invoke_agent ${this.row.agent}`;
      const span = this.#span(`attempt ${attempt - 1}`, name, this.#root.spanId, first.at.getTime(), attributes);
      this.#ended(span, last.at(-1)!.at.getTime(), "error");
    }
    const asked = events.filter(({ type }) => type === "approval.requested");
    for (const { data, at } of asked.filter((event) => event.attempt === attempt - 1)) {
      const decided = events.find((event) => {
        return event.type === "approval.resolved" && event.data["approval"] === data["approval"];
      });
      const decision = decided?.data["decision"];
      const attributes = {
        [GENAI.tool]: String(data["tool"]),
        [GENAI.toolCall]: String(data["callId"]),
        "parley.decision": typeof decision === "string" ? decision : "expired",
      };
      const span = this.#span(String(data["approval"]), "approval", this.#root.spanId, at.getTime(), attributes);
      this.#ended(span, decided?.at.getTime() ?? this.#options.now());
    }
  }

  firstShown(): void {
    this.row.firstShownMs ??= this.#options.now();
  }

  /** This attempt ends, and the run does not. */
  leave(why: "waits" | "handed_over" | "lost"): void {
    if (this.over || this.mergedMs !== null) return;
    this.#agent?.leave(why);
    this.over = true;
  }

  /** The run is merged; what is not shown yet of these pages is from now on. */
  end(event: FinalRunEvent, pages: readonly MergedPage[], edits: number): void {
    this.#agent?.end(event);
    const now = this.#options.now();
    this.mergedMs = now;
    this.row.status = event.type === "run.completed" ? "ok" : event.type === "run.failed" ? "error" : "cancelled";
    this.#root.status = event.type === "run.failed" ? "error" : "ok";
    if (event.type === "run.failed") this.#root.attributes["error.type"] = event.code;
    if (this.row.account === null || pages.length === 0) return this.#finish(now);
    const waiting = new Set(pages.flatMap(({ id, shown }) => (shown ? [] : [id])));
    this.#delivery = { pages: pages.length, edits, waiting, worst: "done" };
    if (waiting.size === 0) this.finishDelivery();
  }

  /** What became of a page: `done`, or why it is not shown. */
  told(page: OutboxId, kind: string): void {
    if (!this.#delivery?.waiting.delete(page)) return;
    if (kind !== "done") this.#delivery.worst = kind;
    if (this.#delivery.waiting.size === 0) this.finishDelivery();
  }

  /** All is shown, or nobody waits for it any more. */
  finishDelivery(): void {
    if (this.over || !this.#delivery || this.mergedMs === null) return;
    const { pages, edits, waiting, worst } = this.#delivery;
    const now = this.#options.now();
    const isShown = waiting.size === 0 && worst === "done";
    const span = this.#span("delivery", "delivery", this.#root.spanId, this.row.firstShownMs ?? this.mergedMs, {
      "parley.delivery.pages": pages,
      "parley.delivery.edits": edits,
      ...(isShown ? {} : { "error.type": waiting.size > 0 ? "not_shown_yet" : worst }),
    });
    if (this.row.firstShownMs !== null)
      span.events.push({ name: "first shown", atMs: this.row.firstShownMs, attributes: {} });
    span.kind = "client";
    if (isShown) span.events.push({ name: "final shown", atMs: now, attributes: {} });
    this.#ended(span, now, isShown ? "ok" : "error");
    this.#finish(now);
  }

  #finish(endMs: number): void {
    this.row.endedMs = endMs;
    if (this.#dropped > 0) this.#root.attributes["parley.spans.dropped"] = this.#dropped;
    this.#root.endMs = endMs;
    this.#count = 0;
    this.#add(this.#root);
    this.over = true;
  }

  /** What has come since this was asked last. */
  drain(): Span[] {
    return this.#spans.splice(0);
  }

  #span(what: string, name: string, parentId: string | null, startMs: number, attributes: Span["attributes"]): Span {
    const { traceId } = this.row;
    const spanId = spanIdOf(traceId, what);
    const open = { kind: "internal", endMs: null, status: "unset" } as const;
    return { traceId, spanId, parentId, name, ...open, startMs, attributes, events: [] };
  }

  #ended(span: Span, endMs: number, status: Span["status"] = "ok"): void {
    this.#add({ ...span, endMs: Math.max(endMs, span.startMs), status });
  }

  #add(span: Span): void {
    this.#count += 1;
    if (this.#count > MAX_SPANS) this.#dropped += 1;
    else this.#spans.push(span);
  }
}
