import type { Clone } from "./agent-runner.ts";
import type { Clock } from "./clock.ts";
import type { Message } from "./message.ts";
import type { ModelRequest } from "./model-client.ts";
import { dropOldest, estimateRequest, estimateTokens, halveWindow, summaryMessage } from "./replay-window.ts";
import type { RunEvent } from "./run-event.ts";
import { summarise } from "./summarise.ts";

export interface RunWindowParts {
  clone: Clone;
  /** The run's own messages, which grow; they stay what they are. */
  own: readonly Message[];
  /** As it would be sent now. */
  request: () => ModelRequest;
  clock: Clock;
  random: () => number;
  signal: AbortSignal;
}

/** So full, a window is made emptier before the next step: its answer has to fit as well. */
const FULL_SHARE = 0.85;
/** What of the history stays as it is: few enough that the next time is far. */
const KEPT_SHARE = 0.25;
/** Summing up less than this is not worth a request and a new beginning of the prompt. */
const WORTH_SHARE = 0.1;
/** Of a long run's own steps, those that always stay; one where the model has refused more. */
const KEPT_EXCHANGES = 3;

/**
 * What of talk and run the model is sent, so that it fits: before a step that would fill the window, and after one that
 * the model refused, what is old is summed up. First the history, whose summary is kept; then the run's own older
 * steps, for this run only, because their messages are history later. Never the seed, and never what was asked.
 */
export class RunWindow {
  readonly #parts: RunWindowParts;
  #history: readonly Message[];
  /** Own steps that are summed up: from the first, to before this one; null = none. */
  #summed: { to: number; text: string } | null = null;
  /** A history that could not be summed up is not tried again. */
  #failed = false;
  #sizedUp = false;
  #refused = false;
  #halved = false;

  constructor(parts: RunWindowParts) {
    this.#parts = parts;
    this.#history = parts.clone.history;
  }

  /** History and own messages as they are sent, up to before an own one. */
  messages(to = this.#parts.own.length): Message[] {
    const { own } = this.#parts;
    if (!this.#summed) return [...this.#history, ...own.slice(0, to)];
    const asked = own.slice(0, this.#summed.to).filter(({ role }) => role === "user");
    return [...this.#history, ...asked, summaryMessage(this.#summed.text), ...own.slice(this.#summed.to, to)];
  }

  /** Makes room before a step, where it is needed. */
  async *fit(): AsyncGenerator<RunEvent> {
    const { clone } = this.#parts;
    const due = clone.mustCompact && !this.#sizedUp;
    if (due || this.#isFull) yield* this.#compactHistory(due);
    this.#sizedUp = true;
    if (this.#isFull) yield* this.#compactOwn(KEPT_EXCHANGES);
    // Nothing could be summed up, so the oldest are left out, and the model is told.
    if (this.#failed && this.#isFull) this.#history = dropOldest(this.#history, this.#room());
  }

  /** Makes room after the model said that it was sent too much; false = there is none to make. */
  async *shrink(): AsyncGenerator<RunEvent, boolean> {
    const { clone, request } = this.#parts;
    clone.gauge.refuse(estimateRequest(request()));
    if (!this.#refused) {
      this.#refused = true;
      if (yield* this.#compactHistory(true)) return true;
      if (yield* this.#compactOwn(1)) return true;
    }
    if (this.#halved || this.#history.length === 0) return false;
    this.#history = halveWindow(this.#history);
    this.#halved = true;
    return true;
  }

  get #isFull(): boolean {
    const { gauge } = this.#parts.clone;
    return gauge.tokens(estimateRequest(this.#parts.request())) >= FULL_SHARE * gauge.window;
  }

  /** What a history may be, by our estimate, beside all else that is sent. */
  #room(): number {
    const { gauge } = this.#parts.clone;
    const rest = estimateRequest(this.#parts.request()) - estimateTokens(this.#history);
    return Math.max(0, gauge.estimate(FULL_SHARE * gauge.window) - rest);
  }

  async *#compactHistory(must: boolean): AsyncGenerator<RunEvent, boolean> {
    const { clone, clock, random, signal } = this.#parts;
    const { compact, gauge } = clone;
    if (!compact) this.#failed = true;
    if (!compact || this.#failed) return false;
    const windowTokens = gauge.estimate(gauge.window);
    const worth = must ? 0 : WORTH_SHARE * windowTokens;
    const made = await compact({ keepTokens: KEPT_SHARE * windowTokens, worth, windowTokens, clock, random, signal });
    for (const { model, usage } of made.usages) yield { type: "usage", model, usage };
    this.#failed = made.history === null && made.failed;
    if (!made.history) return false;
    yield this.#compacted(made.history);
    this.#history = made.history;
    return true;
  }

  async *#compactOwn(kept: number): AsyncGenerator<RunEvent, boolean> {
    const { clone, own, clock, random, signal } = this.#parts;
    const steps = own.flatMap(({ role }, at) => (role === "assistant" ? [at] : []));
    const from = this.#summed?.to ?? steps[0];
    const to = steps.at(-kept);
    if (from === undefined || to === undefined || to <= from) return false;
    const messages = own.slice(from, to);
    const windowTokens = clone.gauge.estimate(clone.gauge.window);
    if (estimateTokens(messages) < WORTH_SHARE * windowTokens) return false;
    const earlier = this.#summed?.text ?? "";
    const { model, card } = clone;
    const asked = { model, name: card.model, messages, earlier, windowTokens, clock, random, signal };
    const { text, usages } = await summarise(asked);
    for (const each of usages) yield { type: "usage", ...each };
    if (text === null) return false;
    const before = this.messages();
    this.#summed = { to, text };
    yield { type: "history.compacted", before: this.#count(before), after: this.#count(this.messages()) };
    return true;
  }

  #compacted(history: readonly Message[]): RunEvent {
    return { type: "history.compacted", before: this.#count(this.#history), after: this.#count(history) };
  }

  #count(messages: readonly Message[]): number {
    return this.#parts.clone.gauge.tokens(estimateTokens(messages, this.#parts.clone.images));
  }
}
