import { isDeepStrictEqual } from "node:util";
import type { RenderedPage } from "../platform/platform-adapter.ts";
import { callWhile } from "../platform/right-to-call.ts";
import { Doorbell } from "../run/hints.ts";
import type { Call } from "./call-scheduler.ts";
import { LOG_WAIT_MS, type LiveMessagesOptions, PAUSE_MS } from "./live-messages.ts";
import { isLetGo, judgeSendFailure } from "./send-failure.ts";

/** It is shown again after this part of the time it lasts. */
const AGAIN = 2 / 3;
/** Nobody looks more often whether it is time. */
const LOOK_MS = 1_000;

export interface NativeDraftOptions extends LiveMessagesOptions {
  /** Remembers what a failure says about the chat. Never rejects. */
  learn: (error: unknown) => Promise<void>;
}

/**
 * The end of an answer as the platform's own draft, which people see grow, but which is no message: nothing of it is in
 * the outbox, and it goes away by itself or with the next message. A platform that refuses one gets no more of the run.
 */
export class NativeDraft {
  /** What was shown last, until a message took its place. */
  shown: RenderedPage | null = null;
  /** One was shown at any time. */
  everShown = false;
  #shownAt = 0;
  #refused = false;
  readonly #options: NativeDraftOptions;

  constructor(options: NativeDraftOptions) {
    this.#options = options;
  }

  get usable(): boolean {
    const { adapter, target, mayBeNative } = this.#options;
    return mayBeNative && !this.#refused && (adapter.nativeDraft?.mayShow(target) ?? false);
  }

  /** The page is not there, or not for long any more. */
  lacks(page: RenderedPage): boolean {
    return this.#leftMs() <= 0 || !isDeepStrictEqual(this.shown, page);
  }

  /** When it is to be shown again, in ms. */
  get againInMs(): number {
    return this.shown && this.usable ? Math.max(LOOK_MS, this.#leftMs()) : Number.POSITIVE_INFINITY;
  }

  /** Shows the page once what it says is durable or late: a take-over shows no less. Never rejects. */
  async show(page: RenderedPage, call: Call): Promise<void> {
    const { adapter, target, run, flushLog, signal, mayCall, giveBack, onPosting, onFirstShown } = this.#options;
    await Promise.race([flushLog().catch(() => undefined), pause(LOG_WAIT_MS, signal)]);
    if (!mayCall() || signal.aborted) return giveBack(call);
    onPosting();
    try {
      await callWhile(mayCall, async () => adapter.nativeDraft?.show(target, run.id, page));
    } catch (error) {
      if (isLetGo(error)) return giveBack(call);
      return this.#notShown(error);
    }
    this.shown = page;
    this.#shownAt = performance.now();
    this.everShown = true;
    onFirstShown();
  }

  /** A message takes its place. */
  replaced(): void {
    this.shown = null;
  }

  async #notShown(error: unknown): Promise<void> {
    const { delivery, run, learn, signal } = this.#options;
    const { kind } = judgeSendFailure(error);
    if (kind === "blocked" || kind === "retry" || kind === "unknown") {
      await learn(error);
      return pause(PAUSE_MS, signal);
    }
    // If it is about the chat and not about drafts, the post that comes instead finds out.
    this.#refused = true;
    this.shown = null;
    delivery.log.warn({ err: error, run_id: run.id, failure: kind }, "a native draft was refused; messages are edited");
  }

  #leftMs(): number {
    const { nativeDraft } = this.#options.adapter;
    return nativeDraft ? this.#shownAt + nativeDraft.lastsMs * AGAIN - performance.now() : 0;
  }
}

/** A wait that the abort ends early. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Doorbell().wait(ms, signal);
}
