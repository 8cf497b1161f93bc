import type { AgentCard } from "../agent/agent-card.ts";
import type { Span } from "../observe/span.ts";
import type { Log } from "../platform/platform-adapter.ts";
import { errorCode } from "../errors.ts";
import type { Root } from "../store/schema.ts";
import { writeTraces, type TraceRow } from "../store/traces.ts";
import { retrying } from "../store/transaction.ts";
import { RunTrace, type RunTraceOptions } from "./run-trace.ts";

/** Spans that wait for a database that is away; what comes then is lost. */
const MAX_WAITING = 20_000;
/** Of one statement. */
const MAX_BATCH = 2_000;
/** How long a trace waits for its last pages. */
const SHOWN_WITHIN_MS = 60_000;

export interface TraceLogOptions {
  db: Root;
  log: Log;
  /** Whether what this agent is told and says is kept. */
  keepsContent: (agent: AgentCard["name"]) => boolean;
  redact: (text: string) => string;
  resolve: RunTraceOptions["resolve"];
  /** Takes spans that have ended, for another system; left out: there is none. */
  exporter?: { take(spans: Span[]): void };
  /** So many spans are lost. */
  lost: (count: number) => void;
}

/**
 * The traces of one replica. Nobody waits for them: what runs tell is gathered and written together, in one statement
 * for all of them, a quarter of a second later at most. They fence nothing and are fenced by nothing.
 */
export class TraceLog {
  readonly #options: TraceLogOptions;
  readonly #open = new Set<RunTrace>();
  #waiting: { rows: Map<string, TraceRow>; spans: Span[] } = { rows: new Map(), spans: [] };

  constructor(options: TraceLogOptions) {
    this.#options = options;
  }

  open(claimed: RunTraceOptions["claimed"]): RunTrace {
    const { keepsContent, redact, resolve } = this.#options;
    const content = keepsContent(claimed.agent) ? redact : null;
    // Finer than a millisecond and never back: steps are told in their order.
    const offset = Date.now() - performance.now();
    const now = () => offset + performance.now();
    const trace = new RunTrace({ claimed, content, resolve, now });
    this.#open.add(trace);
    return trace;
  }

  /** Writes what has come since the last time. What cannot be written now waits for the next. */
  async flush(): Promise<void> {
    this.#gather();
    while (this.#waiting.rows.size > 0) {
      const { rows } = this.#waiting;
      const spans = this.#waiting.spans.splice(0, MAX_BATCH);
      this.#waiting.rows = new Map();
      try {
        await retrying(() => writeTraces(this.#options.db, [...rows.values()], spans));
      } catch (error) {
        const isAway = errorCode(error) === "unavailable";
        if (isAway) {
          this.#waiting.rows = new Map([...rows, ...this.#waiting.rows]);
          this.#waiting.spans.unshift(...spans);
          return;
        }
        this.#options.lost(spans.length);
        this.#options.log.error({ err: error, spans: spans.length }, "traces were not stored");
      }
      if (this.#waiting.spans.length > 0) this.#waiting.rows = new Map([...rows, ...this.#waiting.rows]);
    }
  }

  #gather(): void {
    const { exporter, lost } = this.#options;
    const now = Date.now();
    for (const trace of this.#open) {
      if (trace.mergedMs !== null && now - trace.mergedMs > SHOWN_WITHIN_MS) trace.finishDelivery();
      const { over } = trace;
      const spans = trace.drain();
      if (over) this.#open.delete(trace);
      if (spans.length === 0) continue;
      exporter?.take(spans.filter(({ endMs }) => endMs !== null));
      const room = MAX_WAITING - this.#waiting.spans.length;
      if (spans.length > room) lost(spans.length - Math.max(0, room));
      this.#waiting.spans.push(...spans.slice(0, Math.max(0, room)));
      this.#waiting.rows.set(trace.row.traceId, { ...trace.row });
    }
  }

  /** The last of them, when no run goes on here. */
  async close(): Promise<void> {
    for (const trace of this.#open) trace.finishDelivery();
    await this.flush();
  }
}
