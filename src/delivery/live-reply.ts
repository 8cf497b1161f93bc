import { isDeepStrictEqual } from "node:util";
import type { RenderedPage } from "../platform/platform-adapter.ts";
import { stopValue } from "../platform/stop-button.ts";
import { type Draft, underText } from "../run/answer.ts";
import { Doorbell } from "../run/hints.ts";
import type { RunTarget } from "../store/schema.ts";
import type { Call } from "./call-scheduler.ts";
import { APPEND, ChatCalls, DRAFT, FIRST, TYPING } from "./chat-calls.ts";
import { LiveMessages, type LivePage, type LivePlace } from "./live-messages.ts";
import { NativeDraft } from "./native-draft.ts";
import { judgeSendFailure } from "./send-failure.ts";
import { TypingSign } from "./typing-sign.ts";

/** The first message waits for this much text or this long after the first token or tool, so that its notification says something. */
const FIRST_CHARS = 24;
const FIRST_AFTER_MS = 250;
/** Edits are further apart than that anyway. */
const TOGETHER_MS = 30;
/** Nothing is to be shown until somebody says so. */
const IDLE_MS = 60_000;

export interface LiveReplyOptions extends LivePlace {
  /** The text that earlier attempts had said: it is not shortened meanwhile. */
  knownText: string;
  /** What is to be shown now. */
  draft: () => Draft;
  /** Pure: Markdown as the pages that are shown of it. */
  render: (markdown: string) => RenderedPage[];
  stopLabel: string;
  /** Whether this replica may still send: its lease was confirmed lately. */
  maySend: () => boolean;
}

interface NextPage {
  index: number;
  live: LivePage | undefined;
  content: RenderedPage;
  /** The page without what passes. */
  said: RenderedPage;
  isLast: boolean;
  asDraft: boolean;
}

/**
 * The bot's messages that grow while a run speaks: newest text wins, one call in flight, within the chat's budget.
 * Failed drafts are not queued; what must be shown in the end is the outbox's.
 */
export class LiveReply {
  readonly #options: LiveReplyOptions;
  readonly #bell = new Doorbell();
  readonly #closing = new AbortController();
  readonly #messages: LiveMessages;
  readonly #native: NativeDraft;
  readonly #typing: TypingSign;
  readonly #calls: ChatCalls;
  /** Characters that stand in the chat at least. */
  readonly #knownLength: number;
  #firstTextAt = 0;
  #pump: Promise<void> | null = null;

  constructor(options: LiveReplyOptions) {
    this.#options = options;
    this.#calls = new ChatCalls(options.delivery.scheduler, options.adapter, options.target);
    let isFirst = true;
    const showing = {
      ...options,
      signal: this.#closing.signal,
      mayCall: () => options.maySend() && !this.#calls.blocked,
      giveBack: (call: Call) => this.#calls.giveBack(call),
      onPosting: () => this.#typing.end(),
      onFirstShown: () => {
        if (isFirst) options.onFirstShown();
        isFirst = false;
      },
    };
    this.#native = new NativeDraft({ ...showing, learn: (error) => this.#messages.learn(error, "edit") });
    const onPosting = () => {
      showing.onPosting();
      this.#native.replaced();
    };
    this.#messages = new LiveMessages({ ...showing, onPosting });
    this.#typing = new TypingSign({
      typing: options.adapter.typing,
      target: this.target,
      mayShow: () => this.#calls.take(TYPING) && options.maySend(),
      learn: (error) => this.#learnFromTyping(error),
    });
    const { knownText, render } = options;
    const posted = options.known.filter((page) => page.message_id !== null && !page.remove && page.content);
    this.#knownLength = Math.max(
      lengthOf(knownText.trim() === "" ? [] : render(knownText)),
      lengthOf(posted.map((page) => page.content!)),
    );
  }

  /** Something of the answer stands in the chat, or may. */
  get shown(): boolean {
    return this.#messages.lostPosts > 0 || this.pages.some((page) => page.messageId !== null);
  }

  /** Something of it was seen as a draft of the platform's own. */
  get drafted(): boolean {
    return this.#native.everShown;
  }

  /** The platform takes no text of it. */
  get refused(): boolean {
    return this.#messages.refused;
  }

  /** How often its messages were edited. */
  get edits(): number {
    return this.#messages.edits;
  }

  get pages(): readonly LivePage[] {
    return this.#messages.pages;
  }

  /** The place as it is known now: it may have moved, or lost its thread. */
  get target(): RunTarget {
    return this.#messages.target;
  }

  /** Shows that something happens: at once, then until the first text. */
  startTyping(): void {
    if (!this.shown) this.#typing.start();
  }

  /** Nothing will be shown: takes the typing away, where it would stay. Never rejects, and waits a second at most. */
  async hideTyping(): Promise<void> {
    if (!this.shown) await this.#typing.hide();
  }

  /** The run ends here: ends what shows beside its messages that it works. */
  over(): void {
    this.#typing.over(this.#options.run.attempt > 1);
  }

  /** There is more text. It is asked for when something can be shown, not with every chunk. */
  changed(): void {
    if (this.#closing.signal.aborted) return;
    if (this.#firstTextAt === 0 && this.#options.draft().said.trim() !== "") this.#firstTextAt = performance.now();
    this.#bell.ring();
    this.#pump ??= this.#run().catch((error: unknown) =>
      this.#options.delivery.log.error({ err: error, run_id: this.#options.run.id }, "drafts of a run ended"),
    );
  }

  /** Ends the drafts and waits for the call in flight. */
  async close(): Promise<void> {
    this.#typing.end();
    this.#closing.abort();
    this.#bell.ring();
    await this.#pump;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    using _streaming = this.#calls.streaming();
    while (!signal.aborted) {
      const draft = this.#options.draft();
      const waitMs = this.#firstWaitMs(draft);
      if (waitMs > 0) {
        await this.#bell.wait(waitMs, signal);
        continue;
      }
      let next = this.#nextPage(draft);
      if (!next) {
        await this.#bell.wait(Math.min(draft.againInMs ?? IDLE_MS, this.#native.againInMs), signal);
        // What happens at once is one edit: tools begin together.
        await pause(TOGETHER_MS, signal);
        continue;
      }
      if (!this.#options.maySend()) {
        await pause(200, signal);
        continue;
      }
      const call = this.#callFor(next);
      if (!this.#calls.take(call)) {
        const againInMs = await this.#calls.turn(call, { signal });
        if (againInMs > 0) {
          await pause(againInMs, signal);
          continue;
        }
        // More may have been said while it waited.
        next = this.#nextPage(this.#options.draft());
        if (signal.aborted || !next || this.#callFor(next) !== call) {
          this.#calls.giveBack(call);
          continue;
        }
      }
      if (next.asDraft) await this.#native.show(next.content, call);
      else if (next.live?.messageId) await this.#messages.edit(next.live, next.content, call);
      else await this.#messages.post(next.index, next.content, next.said);
      // What comes until the next edit may go is rendered once, not with every chunk.
      const shown = next.asDraft ? this.#native.shown : this.pages[next.index]?.shown;
      const isShown = next.isLast && shown === next.content;
      if (isShown) await pause(this.#calls.untilDraftMs(), signal);
    }
  }

  #firstWaitMs({ said, since }: Draft): number {
    if (this.pages[0]?.messageId || this.#native.shown) return 0;
    if (said.trim().length >= FIRST_CHARS) return 0;
    const from = [this.#firstTextAt || null, since].filter((at) => at !== null);
    return from.length === 0 ? IDLE_MS : Math.max(0, Math.min(...from) + FIRST_AFTER_MS - performance.now());
  }

  /** The first page that differs from what is shown; null = the chat is up to date, or must not be shortened. */
  #nextPage(draft: Draft): NextPage | null {
    if (this.#messages.lostPosts > 1 || this.#messages.refused) return null;
    const shown = this.#render(draft);
    if (!shown) return null;
    const last = shown.pages.length - 1;
    const endsAsDraft = this.#native.usable && !this.pages[last]?.messageId;
    const pages = endsAsDraft ? shown.pages : this.#growing(shown.pages, draft);
    for (const [index, content] of pages.entries()) {
      const live = this.pages[index];
      const isLast = index === last;
      const asDraft = endsAsDraft && isLast;
      const isLacking = asDraft ? this.#native.lacks(content) : !live?.shown || !isDeepStrictEqual(live.shown, content);
      if (isLacking) return { index, live, content, said: shown.said()[index] ?? { text: "" }, isLast, asDraft };
    }
    return null;
  }

  /** The pages as they are to be, and those of the text alone. */
  #render({ said, progress }: Draft): { pages: RenderedPage[]; said: () => RenderedPage[] } | null {
    const { render, knownText } = this.#options;
    // A draft that nobody shows again would go away before its answer has caught up.
    const text = this.#longest(said, progress === "" && !this.#native.usable ? said : knownText);
    if (text === null || (text.trim() === "" && progress === "")) return null;
    const pages = render(underText(text, progress));
    if (progress === "") return { pages, said: () => pages };
    const alone = () => (text.trim() === "" ? [] : render(text));
    // No page for passing lines only: it would have to be taken away again.
    const isOver = pages.length > 1 && text.trim() !== "" && alone().length < pages.length;
    return { pages: isOver ? alone() : pages, said: alone };
  }

  /** The first of the texts that is no shorter than what stands there already. */
  #longest(...texts: string[]): string | null {
    if (this.#knownLength === 0) return texts[0] ?? null;
    const { render } = this.#options;
    return texts.find((text) => text.trim() !== "" && lengthOf(render(text)) >= this.#knownLength) ?? null;
  }

  /** Drafts can be stopped where the platform has buttons: under their end, which moves on to a further page. */
  #growing(pages: RenderedPage[], { said, tasks }: Draft): RenderedPage[] {
    const { adapter, run, stopLabel, mayBeNative } = this.#options;
    const last = pages.at(-1);
    if (!last) return pages;
    const { buttons, nativeStream } = adapter;
    const stoppable = buttons ? buttons.withStop(last, stopValue(run.id), stopLabel) : last;
    if (!mayBeNative || !nativeStream?.mayStream(this.target)) return [...pages.slice(0, -1), stoppable];
    return [...pages.slice(0, -1), nativeStream.asStream(stoppable, said, tasks)];
  }

  #callFor({ live, isLast, asDraft }: NextPage): Call {
    if (asDraft) return this.#native.shown ? DRAFT : FIRST;
    const messageId = live?.messageId ?? null;
    if (messageId === null) return FIRST;
    const { account, chat } = this.target;
    return isLast && this.#options.adapter.nativeStream?.isStreaming({ account, chat, messageId }) ? APPEND : DRAFT;
  }

  /** Whether typing shows matters little: only what concerns every call to the chat is taken from its failure. */
  async #learnFromTyping(error: unknown): Promise<void> {
    const { kind } = judgeSendFailure(error);
    if (kind === "blocked" || kind === "gone" || kind === "moved") await this.#messages.learn(error, "typing");
  }
}

function lengthOf(pages: RenderedPage[]): number {
  return pages.reduce((sum, page) => sum + page.text.length, 0);
}

/** A wait that the abort ends early. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Doorbell().wait(ms, signal);
}
