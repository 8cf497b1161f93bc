import type { PlatformAdapter } from "../platform/platform-adapter.ts";
import { Doorbell } from "../run/hints.ts";
import type { RunTarget } from "../store/schema.ts";

/** Typing is shown again after this part of the time it lasts. */
const TYPING_AGAIN = 0.8;
/** In groups only what lasts this long is shown again: there the budget is for texts. */
const LASTING_MS = 30_000;
const HIDE_MS = 1_000;

export interface TypingSignOptions {
  typing: PlatformAdapter["typing"];
  /** Where it is shown; it may move. */
  target: RunTarget;
  /** Whether the call may go now; then it is counted. */
  mayShow: () => boolean;
  /** Never rejects. */
  learn: (error: unknown) => Promise<void>;
}

/** The platform's sign that somebody is writing, until the first text. */
export class TypingSign {
  readonly #options: TypingSignOptions;
  #again: NodeJS.Timeout | undefined;
  /** The last call of it: hiding must not overtake it. */
  #shown: Promise<void> = Promise.resolve();
  #hidden = false;
  #over = false;

  constructor(options: TypingSignOptions) {
    this.#options = options;
  }

  /** At once, and again before it is over. */
  start(): void {
    const { typing, target, mayShow, learn } = this.#options;
    if (!typing) return;
    const show = () => {
      if (mayShow()) this.#shown = typing.show(target).catch(learn);
    };
    show();
    if (target.placeKind === "private" || typing.lastsMs >= LASTING_MS) {
      this.#again = setInterval(show, typing.lastsMs * TYPING_AGAIN);
    }
  }

  /** Not shown again. */
  end(): void {
    clearInterval(this.#again);
  }

  /** The run is over, whatever was shown; `elsewhere`: by another process maybe, of which hiding knows nothing. */
  over(elsewhere: boolean): void {
    const { typing, target } = this.#options;
    if (this.#over || (this.#hidden && !elsewhere)) return;
    this.#over = true;
    this.#hidden = true;
    void this.#shown.then(() => typing?.over?.(target, elsewhere));
  }

  /** Takes it away, where it would stay. Never rejects, and waits a second at most. */
  async hide(): Promise<void> {
    const { typing, target, learn } = this.#options;
    if (!typing?.hide || this.#hidden) return;
    this.#hidden = true;
    const hide = async () => {
      await this.#shown;
      await typing.hide?.(target);
    };
    await Promise.race([hide().catch(learn), new Doorbell().wait(HIDE_MS, new AbortController().signal)]);
  }
}
