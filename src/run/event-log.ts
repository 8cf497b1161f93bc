import { innermost, type RunEvent } from "../agent/run-event.ts";
import type { RunId, SessionId } from "../ids.ts";
import { GroupCommit } from "../store/group-commit.ts";
import { retrying } from "../store/transaction.ts";
import { appendEvents, type EventBatch } from "../store/run-events.ts";
import type { Db } from "../store/schema.ts";
import { GatewayError } from "../errors.ts";

/** Text waits this long for company when nobody of this process follows the session. */
const TEXT_FLUSH_MS = 1_000;
/** And this long when somebody does. */
const FOLLOWED_FLUSH_MS = 100;

/** What readers get of an event: an error's cause is the operator's. */
function publicData(event: RunEvent): object {
  if (event.type === "run.failed") return { code: event.code, message: event.message };
  if (event.type === "child.event") {
    const { callId, instance, event: inner } = event;
    return { callId, instance, event: { type: inner.type, ...publicData(inner) } };
  }
  const { type: _type, ...data } = event;
  return data;
}

/** Null = they are two. */
function joinTexts(last: RunEvent, next: RunEvent): RunEvent | null {
  if (last.type === "text.delta" && next.type === "text.delta") return { ...next, text: last.text + next.text };
  if (last.type !== "reasoning.delta" || next.type !== "reasoning.delta" || last.step !== next.step) return null;
  return { ...next, text: last.text + next.text };
}

/**
 * The events of one attempt, in order, written in groups: `n` is given out when an event is written, so what readers
 * see is gapless and already durable.
 */
export class RunLog {
  #pending: RunEvent[] = [];
  #n = 0;
  #flushing: Promise<boolean> = Promise.resolve(true);
  #lastFlush = performance.now();
  readonly #events: EventLog;
  readonly session: SessionId;
  readonly run: RunId;
  readonly attempt: number;

  constructor(events: EventLog, session: SessionId, run: RunId, attempt: number) {
    this.#events = events;
    this.session = session;
    this.run = run;
    this.attempt = attempt;
  }

  /** Texts that wait together become one event; what only the chat shows becomes none. */
  append(event: RunEvent): void {
    if (innermost(event).type === "tool.progress") return;
    const last = this.#pending.at(-1);
    const joined = last && joinTexts(last, event);
    if (joined) this.#pending[this.#pending.length - 1] = joined;
    else this.#pending.push(event);
  }

  /** Writes what waits. False = another attempt owns the run. Rejects `unavailable`; then nothing is lost. */
  flush(): Promise<boolean> {
    const next = this.#flushing.then(
      () => this.#write(),
      () => this.#write(),
    );
    this.#flushing = next;
    next.catch(() => undefined);
    return next;
  }

  async #write(): Promise<boolean> {
    if (this.#pending.length === 0 && this.#unwritten.length === 0) return true;
    const events = this.#number();
    this.#lastFlush = performance.now();
    try {
      return await this.#events.write({ session: this.session, run: this.run, attempt: this.attempt, events });
    } catch (error) {
      // Numbers are given again; a write that did happen is not repeated, because its numbers are taken.
      this.#unwritten.push(...events);
      throw error;
    }
  }

  readonly #unwritten: EventBatch["events"] = [];

  #number(): EventBatch["events"] {
    const again = this.#unwritten.splice(0);
    const fresh = this.#pending.splice(0).map((event) => {
      this.#n += 1;
      return { n: this.#n, type: event.type, data: publicData(event) };
    });
    return [...again, ...fresh];
  }

  get due(): boolean {
    if (this.#pending.length === 0 && this.#unwritten.length === 0) return false;
    const wait = this.#events.followed(this.session) ? FOLLOWED_FLUSH_MS : TEXT_FLUSH_MS;
    return performance.now() - this.#lastFlush >= wait;
  }

  /** Waits for the flush under way and hands over everything that is not written, for the merge to write. */
  async takeRest(): Promise<EventBatch["events"]> {
    await this.#flushing.catch(() => undefined);
    return this.#number();
  }

  /** The last events of a run as they would be written next, without giving the numbers out. */
  closing(events: RunEvent[]): EventBatch["events"] {
    return events.map((event, index) => ({ n: this.#n + index + 1, type: event.type, data: publicData(event) }));
  }
}

/** One writer of run events per replica. */
export class EventLog {
  readonly #commit: GroupCommit<EventBatch, boolean>;
  readonly #open = new Set<RunLog>();
  readonly followed: (session: SessionId) => boolean;

  constructor(db: Db, options: { followed: (session: SessionId) => boolean; written: (session: SessionId) => void }) {
    this.followed = options.followed;
    this.#commit = new GroupCommit<EventBatch, boolean>(
      async (batches) => {
        const live = await retrying(() => appendEvents(db, batches));
        for (const batch of batches) options.written(batch.session);
        return batches.map((batch) => live.get(batch.run) === batch.attempt);
      },
      { max: 500, bound: 20_000, full: () => new GatewayError("unavailable", "Too many events wait to be stored.") },
    );
  }

  open(session: SessionId, run: RunId, attempt: number): RunLog {
    const log = new RunLog(this, session, run, attempt);
    this.#open.add(log);
    return log;
  }

  close(log: RunLog): void {
    this.#open.delete(log);
  }

  write(batch: EventBatch): Promise<boolean> {
    return this.#commit.add(batch);
  }

  /** Flushes every log that is due; `lost` hears of logs whose run another attempt owns. Failed writes wait for the next call. */
  async flushDue(lost: (log: RunLog) => void): Promise<void> {
    const due = [...this.#open].filter((log) => log.due);
    await Promise.all(
      due.map(async (log) => {
        if (!(await log.flush())) lost(log);
      }),
    );
  }
}
