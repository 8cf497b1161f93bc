import type { EditBudget, PlatformAdapter } from "../platform/platform-adapter.ts";
import type { Call, CallPlace, CallScheduler, Patience } from "./call-scheduler.ts";

export const FIRST: Call = { purpose: "first", kind: "post" };
export const DRAFT: Call = { purpose: "draft", kind: "edit" };
export const APPEND: Call = { purpose: "draft", kind: "append" };
export const TYPING: Call = { purpose: "typing", kind: "typing" };

/** How one place asks the scheduler. A platform without a budget may be called at any time. The place may move. */
export class ChatCalls {
  readonly #scheduler: CallScheduler;
  readonly #budget: EditBudget | undefined;
  readonly #place: CallPlace;

  constructor(scheduler: CallScheduler, { editing }: PlatformAdapter, place: CallPlace) {
    this.#scheduler = scheduler;
    this.#budget = editing?.budget;
    this.#place = place;
  }

  /** Whether the call may go at once; then it is counted. */
  take(call: Call): boolean {
    return !this.#budget || this.#scheduler.take(this.#budget, this.#place, call) === 0;
  }

  /** Waits for the call's turn; see `CallScheduler.acquire`. */
  async turn(call: Call, patience: Patience): Promise<number> {
    return this.#budget ? this.#scheduler.acquire(this.#budget, this.#place, call, patience) : 0;
  }

  giveBack(call: Call): void {
    if (this.#budget) this.#scheduler.giveBack(this.#budget, this.#place, call);
  }

  untilDraftMs(): number {
    return this.#budget ? this.#scheduler.untilDraftMs(this.#budget, this.#place) : 0;
  }

  /** No call goes there now, also one that was let go. */
  get blocked(): boolean {
    return this.#scheduler.isBlocked(this.#place);
  }

  /** How long the platform wants no such call there. */
  pausedMs({ kind }: Call): number {
    return this.#scheduler.pausedMs(this.#place, kind);
  }

  /** Until it is disposed of, an answer streams there. */
  streaming(): Disposable {
    return this.#scheduler.streaming(this.#place);
  }
}
