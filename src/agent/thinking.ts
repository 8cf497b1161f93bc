import type { Clock } from "./clock.ts";
import type { RunEvent } from "./run-event.ts";

/**
 * What each attempt of a run tells of what its model thinks, in characters: people look into it, and it lies in the log
 * for a day. So much of a run is read later.
 */
export const THINKING_LIMIT = 20_000;

/**
 * What the model thinks in one attempt of a run, as events: bounded for all its steps, in no message, and so neither in
 * a history nor in a chat. Time counts from the request on, also where a provider keeps its model's thoughts to the end.
 */
export class Thinking {
  readonly #clock: Clock;
  #left = THINKING_LIMIT;
  #step = 0;
  #askedAt = 0;
  #thinks = false;
  /** An earlier try of the same step has thought. */
  #thought = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(step: number): void {
    this.#step = step;
    this.#thought = false;
  }

  /** The model is asked, maybe once more. */
  asked(): void {
    this.#askedAt = this.#clock.now();
    this.#thought ||= this.#thinks;
    this.#thinks = false;
  }

  *hear(text: string): Generator<RunEvent> {
    const told = (this.#thought && !this.#thinks ? `\n\n${text}` : text).slice(0, this.#left);
    this.#thinks = true;
    this.#left -= told.length;
    if (told !== "") yield this.#event(told.toWellFormed());
  }

  /** Something else comes: for how long it took. */
  *over(): Generator<RunEvent> {
    if (!this.#thinks) return;
    this.#thinks = false;
    this.#thought = true;
    yield this.#event("");
  }

  #event(text: string): RunEvent {
    const ms = Math.max(0, Math.round(this.#clock.now() - this.#askedAt));
    return { type: "reasoning.delta", step: this.#step, text, ms };
  }
}
