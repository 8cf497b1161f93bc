import type { AgentCard } from "../../../src/agent/agent-card.ts";
import { type Compacted, type CompactOptions, HAND_OVER, type Joining } from "../../../src/agent/agent-runner.ts";
import { makeClone } from "../../../src/agent/clone.ts";
import { createNativeRunner } from "../../../src/agent/loop.ts";
import { type Message, userMessage } from "../../../src/agent/message.ts";
import type { ModelClient } from "../../../src/agent/model-client.ts";
import { repairHistory } from "../../../src/agent/repair-history.ts";
import { cutAt, summaryMessage } from "../../../src/agent/replay-window.ts";
import { type FinalRunEvent, isFinal, type RunEvent } from "../../../src/agent/run-event.ts";
import { TokenGauge } from "../../../src/agent/token-gauge.ts";
import type { ToolSource } from "../../../src/agent/tool-source.ts";
import { type MessageId, newId, type RunId } from "../../../src/ids.ts";
import { Answer } from "../../../src/run/answer.ts";
import { readAttempts, type Remains } from "../../../src/run/resume.ts";
import { toJson } from "../../../src/store/json.ts";
import type { StoredEvent } from "../../../src/store/run-events.ts";
import { hurriedClock } from "../../agent/manual-clock.ts";
import type { StoredRow } from "../provider-rules.ts";

/** What becomes of one attempt once it took this many events. */
export interface Cut {
  after: number;
  how: "stop" | "interrupt" | "timeout" | "hand over" | "crash";
  /** A turn of the event loop later. */
  late: boolean;
}

export interface Turn {
  said: string[];
  /** What joins, each at the next boundary of an attempt. */
  steered: string[];
  /** One for each attempt; the one after the last is left alone. */
  cuts: Cut[];
  /** Every so manyth event is written at once, though it need not be. */
  flushEvery: number;
  /** A stop that comes between the last word and the merge. */
  stoppedAtMerge: boolean;
  /** Rows of the history that the run is given. */
  window: number;
  /** Tokens its model reads: few, so that what is old must be summed up. */
  tokens: number;
  /** Whether that can be done. */
  sums: "well" | "badly" | "never";
}

export interface SessionParts {
  card: AgentCard;
  model: ModelClient;
  tools: ToolSource;
}

interface Said {
  messageId: MessageId;
  message: Message;
}

const MAX_CRASHES = 3;
const INTERRUPT = { type: "run.cancelled", by: "interrupt" } as const;

/**
 * A session whose runs are cut, without a store: what its worker would write and read of a run is kept in lists, by the
 * rules of `RunWorker`, whose own behaviour on a database is tested elsewhere.
 */
export class CutSession {
  readonly rows: (StoredRow & { message: Message })[] = [];
  readonly states = new Map<string, string>();
  /** Cuts that came in time. */
  cuts = 0;
  /** Everything that people said, in order. */
  readonly said: MessageId[] = [];
  /** Rows that a summary stands for. */
  summed = 0;
  readonly #parts: SessionParts;
  /** What an interrupted run gave back, for the next turn. */
  #returned: Said[] = [];

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  async take(turn: Turn): Promise<void> {
    const run = newId("run");
    const said = (text: string): Said => {
      const messageId = newId("msg");
      this.said.push(messageId);
      return { messageId, message: userMessage(text) };
    };
    const inputs = [...this.#returned.splice(0), ...turn.said.map(said)];
    const joining = turn.steered.map(said);
    const joined: Said[] = [];
    const events: StoredEvent[] = [];
    let crashes = 0;
    for (let attempt = 1; ; attempt++) {
      const remains = readAttempts(events);
      // What was bound but not read waits again.
      const read = remains.kept.filter(({ role }) => role === "user").length;
      joining.unshift(...joined.splice(read));
      const one = new Attempt({ run, attempt, turn, inputs, joining, joined, events, session: this, remains });
      const end = crashes >= MAX_CRASHES ? one.endHere() : await one.play(this.#parts);
      if (end === "crash") crashes += 1;
      if (end === "crash" || end === "hand over") continue;
      this.#merge(run, inputs, joined, one, end);
      // What did not join becomes a turn of its own.
      this.#returned.push(...joining);
      return;
    }
  }

  #merge(run: RunId, inputs: Said[], joined: Said[], { answer }: Attempt, end: FinalRunEvent): void {
    const vanishes = end.type === "run.cancelled" && end.by === "interrupt" && answer.text === "" && !answer.acted;
    if (vanishes) {
      this.#returned.push(...inputs, ...joined);
      return;
    }
    this.states.set(run, end.type.slice("run.".length));
    for (const [idx, { messageId, message: whole }] of [...inputs, ...answer.block(end)].entries()) {
      const message = JSON.parse(toJson(whole)) as Message;
      const { role, parts, status } = message;
      const seq = this.rows.length + 1;
      this.rows.push({ seq, message_id: messageId, run_id: run, idx, role, parts, status, message });
    }
  }
}

interface AttemptParts {
  run: RunId;
  attempt: number;
  turn: Turn;
  inputs: Said[];
  joining: Said[];
  joined: Said[];
  /** What is written of the run. */
  events: StoredEvent[];
  session: CutSession;
  remains: Remains;
}

class Attempt {
  readonly answer: Answer;
  readonly #parts: AttemptParts;
  readonly #abort = new AbortController();
  #pending: RunEvent[] = [];
  #n = 0;
  #ending: Cut["how"] | null = null;
  #over = false;

  constructor(parts: AttemptParts) {
    this.#parts = parts;
    const { remains, joined } = parts;
    this.answer = new Answer(
      remains.kept,
      joined.map(({ messageId }) => messageId),
      remains.inFlight,
    );
  }

  /** As a take-over does that does not go on with the run. */
  endHere(): FinalRunEvent {
    const { rest } = this.#parts.remains;
    const closing = this.answer.closing();
    if (closing) this.answer.take(closing);
    if (rest !== "") this.answer.take({ type: "text.delta", text: rest });
    return { type: "run.failed", code: "crashed", message: "It failed several times." };
  }

  async play({ card, model, tools }: SessionParts): Promise<FinalRunEvent | "crash" | "hand over"> {
    const { turn, attempt, inputs, remains, session } = this.#parts;
    const { kept, inFlight } = remains;
    const cut = turn.cuts[attempt - 1];
    const from = Math.max(session.summed, session.rows.length - turn.window);
    const rows = session.rows.slice(from).map(({ message }) => message);
    const summary = from > 0 ? [summaryMessage("What was before.")] : [];
    const clone = makeClone({
      card,
      history: [...summary, ...rows],
      gauge: new TokenGauge(turn.tokens),
      mustCompact: from > session.summed,
      ...(turn.sums === "never" ? {} : { compact: async (options) => this.#compact(rows, from, options) }),
      turn: inputs.map(({ message }) => message),
      kept,
      inFlight,
      model,
      tools,
      steer: async () => this.#steer(),
      today: "2026-11-21",
    });
    this.#append(
      attempt === 1
        ? { type: "run.started", agent: "a" }
        : { type: "run.restarted", agent: "a", kept, inFlight: [...inFlight] },
    );
    const runner = createNativeRunner({ clock: hurriedClock(), random: () => 0.5 });
    let taken = 0;
    for await (const event of runner.run(clone, this.#abort.signal)) {
      if (isFinal(event)) {
        this.#over = true;
        return this.#end(event);
      }
      this.#take(event, (taken += 1) % turn.flushEvery === 0);
      if (!cut || taken < cut.after || this.#ending !== null) continue;
      if (cut.how === "crash") {
        session.cuts += 1;
        return "crash";
      }
      if (cut.late) setImmediate(() => this.#cut(cut.how));
      else this.#cut(cut.how);
    }
    throw new Error("the run had no end");
  }

  /** As `RunHistory` does it, without a model. */
  #compact(rows: Message[], from: number, { keepTokens }: CompactOptions): Compacted {
    const cut = cutAt(rows, { maxTokens: keepTokens });
    const failed = this.#parts.turn.sums === "badly";
    if (failed || cut === 0) return { history: null, failed, usages: [] };
    this.#parts.session.summed = from + cut;
    const history = repairHistory([summaryMessage("What was before."), ...rows.slice(cut)]);
    return { history, failed: false, usages: [] };
  }

  #cut(how: Cut["how"]): void {
    if (this.#over) return;
    this.#parts.session.cuts += 1;
    this.#ending ??= how;
    this.#abort.abort(how === "hand over" ? HAND_OVER : undefined);
  }

  #steer(): Joining[] {
    const next = this.#ending === null ? this.#parts.joining.shift() : undefined;
    if (!next) return [];
    this.#parts.joined.push(next);
    return [next];
  }

  #take(event: RunEvent, flush: boolean): void {
    if (event.type === "text.delta" && this.#ending !== null && this.answer.silent) return;
    this.answer.take(event);
    this.#append(event);
    const joins = event.type === "message.completed" && event.message.role === "user";
    const starts = event.type === "tool.started" && !event.readOnly;
    if (flush || joins || starts || event.type === "tool.finished") this.#flush();
  }

  #end(event: FinalRunEvent): FinalRunEvent | "hand over" {
    if (event.type === "run.cancelled" && this.#ending === "hand over") {
      this.#flush();
      return "hand over";
    }
    if (event.type === "run.cancelled" && this.#ending === "timeout") {
      return { type: "run.failed", code: "timeout", message: "It took too long." };
    }
    if (event.type === "run.cancelled") return this.#ending === "interrupt" ? INTERRUPT : { ...INTERRUPT, by: "stop" };
    const stopped = event.type === "run.completed" && this.#parts.turn.stoppedAtMerge;
    return stopped ? { type: "run.cancelled", by: "stop" } : event;
  }

  #append(event: RunEvent): void {
    const last = this.#pending.at(-1);
    if (event.type === "text.delta" && last?.type === "text.delta") {
      this.#pending[this.#pending.length - 1] = { type: "text.delta", text: last.text + event.text };
    } else this.#pending.push(event);
  }

  #flush(): void {
    const { run, attempt, events } = this.#parts;
    for (const { type, ...data } of this.#pending.splice(0)) {
      this.#n += 1;
      events.push({ runId: run, attempt, n: this.#n, type, data: JSON.parse(toJson(data)), at: new Date(0) });
    }
  }
}
