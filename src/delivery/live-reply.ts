import { isDeepStrictEqual } from "node:util";
import { newId, type OutboxId, type RunId, type SessionId } from "../ids.ts";
import type { PlatformAdapter, RenderedPage, SentMessage } from "../platform/platform-adapter.ts";
import type { ReplyTarget } from "../platform/reply-target.ts";
import { stopValue } from "../platform/stop-button.ts";
import { Doorbell } from "../run/hints.ts";
import { type OutboxPage, recordDraftFailure } from "../store/outbox.ts";
import { GatewayError } from "../errors.ts";
import { chatOfRun } from "../store/runs.ts";
import { retrying } from "../store/transaction.ts";
import type { RunTarget } from "../store/schema.ts";
import type { Call } from "./call-scheduler.ts";
import { ChatCalls, DRAFT, FIRST, TYPING } from "./chat-calls.ts";
import type { Delivery } from "./delivery.ts";
import { findPost } from "./find-post.ts";
import { judgeSendFailure } from "./send-failure.ts";

/** The first message waits for this much text or this long after the first token, so that its notification says something. */
const FIRST_CHARS = 24;
const FIRST_AFTER_MS = 250;
/** After a failed draft; finals have the outbox. */
const PAUSE_MS = 1_000;
/** Typing is shown again after this part of the time it lasts. */
const TYPING_AGAIN = 0.8;
/** In groups only what lasts this long is shown again: there the budget is for texts. */
const LASTING_MS = 30_000;
const HIDE_MS = 1_000;
/** Drafts go on although the log is behind: it only sharpens what a take-over knows. */
const LOG_WAIT_MS = 150;

/** One page of the answer as the chat shows it. */
export interface LivePage {
  id: OutboxId;
  messageId: string | null;
  /** Null = not known, or nothing yet. */
  shown: RenderedPage | null;
  /** An edit of it may still be on its way. */
  doubtful: boolean;
}

export interface LiveReplyOptions {
  delivery: Delivery;
  adapter: PlatformAdapter;
  target: RunTarget;
  run: { session: SessionId; id: RunId; attempt: number };
  /** The row planned for the first page. */
  firstPage: OutboxId;
  /** What earlier attempts left in the chat, and the text they had said: it is not shortened meanwhile. */
  known: OutboxPage[];
  knownText: string;
  /** The whole text so far, as Markdown. */
  text: () => string;
  /** Whether this replica may still send: its lease was confirmed lately. */
  maySend: () => boolean;
  /** Makes the text said so far durable. */
  flushLog: () => Promise<unknown>;
  /** The chat cannot be written to any more. */
  onGone: () => void;
  /** The first text stands in the chat. */
  onFirstShown: () => void;
}

/**
 * The bot's messages that grow while a run speaks: newest text wins, one call in flight, within the chat's budget.
 * Failed drafts are not queued; what must be shown in the end is the outbox's.
 */
export class LiveReply {
  readonly #options: LiveReplyOptions;
  readonly #pages: LivePage[] = [];
  readonly #bell = new Doorbell();
  readonly #closing = new AbortController();
  readonly #target: RunTarget;
  readonly #calls: ChatCalls;
  /** Characters that stand in the chat at least. */
  readonly #knownLength: number;
  #firstTextAt = 0;
  #lostPosts = 0;
  /** No more drafts, although the run goes on. */
  #ended = false;
  #pump: Promise<void> | null = null;
  #typing: NodeJS.Timeout | undefined;
  /** The last call of it: hiding must not overtake it. */
  #typed: Promise<void> = Promise.resolve();
  #hidden = false;

  constructor(options: LiveReplyOptions) {
    this.#options = options;
    this.#target = options.target;
    this.#calls = new ChatCalls(options.delivery.scheduler, options.adapter, options.target);
    for (const page of options.known) {
      // Ids of a chat that has moved mean something else in the new one.
      if (page.message_id !== null && !page.remove && page.chat === options.target.chat) {
        this.#pages.push({ id: page.id, messageId: page.message_id, shown: null, doubtful: true });
      }
    }
    const { knownText, adapter } = options;
    const posted = options.known.filter((page) => page.message_id !== null && !page.remove && page.content);
    this.#knownLength = Math.max(
      lengthOf(knownText.trim() === "" ? [] : adapter.render(knownText)),
      lengthOf(posted.map((page) => page.content!)),
    );
    if (this.#pages.length === 0) {
      const planned = options.known.find((page) => page.state === "planned");
      const fresh = options.known.length > 0 ? newId("out") : options.firstPage;
      this.#pages.push({ id: planned?.id ?? fresh, messageId: null, shown: null, doubtful: false });
    }
  }

  /** Something of the answer stands in the chat, or may. */
  get shown(): boolean {
    return this.#lostPosts > 0 || this.#pages.some((page) => page.messageId !== null);
  }

  /** The platform takes no text of it. */
  get refused(): boolean {
    return this.#ended;
  }

  get pages(): readonly LivePage[] {
    return this.#pages;
  }

  /** The place as it is known now: it may have moved, or lost its thread. */
  get target(): RunTarget {
    return this.#target;
  }

  /** Shows that something happens: at once, then until the first text. */
  startTyping(): void {
    const { typing } = this.#options.adapter;
    if (!typing || this.shown) return;
    const show = () => {
      if (!this.#calls.take(TYPING) || !this.#options.maySend()) return;
      this.#typed = typing.show(this.#target).catch((error: unknown) => this.#learnFromTyping(error));
    };
    show();
    if (this.#target.placeKind === "private" || typing.lastsMs >= LASTING_MS) {
      this.#typing = setInterval(show, typing.lastsMs * TYPING_AGAIN);
    }
  }

  /** Nothing will be shown: takes the typing away, where it would stay. Never rejects, and waits a second at most. */
  async hideTyping(): Promise<void> {
    const { typing } = this.#options.adapter;
    if (!typing?.hide || this.shown || this.#hidden) return;
    this.#hidden = true;
    const hide = async () => {
      await this.#typed;
      await typing.hide?.(this.#target);
    };
    await Promise.race([hide().catch((error: unknown) => this.#learnFromTyping(error)), pause(HIDE_MS, NEVER)]);
  }

  /** There is more text. It is asked for when something can be shown, not with every chunk. */
  changed(): void {
    if (this.#closing.signal.aborted) return;
    if (this.#firstTextAt === 0 && this.#options.text().trim() !== "") this.#firstTextAt = performance.now();
    this.#bell.ring();
    this.#pump ??= this.#run().catch((error: unknown) =>
      this.#options.delivery.log.error({ err: error, run_id: this.#options.run.id }, "drafts of a run ended"),
    );
  }

  /** Ends the drafts and waits for the call in flight. */
  async close(): Promise<void> {
    clearInterval(this.#typing);
    this.#closing.abort();
    this.#bell.ring();
    await this.#pump;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    using _streaming = this.#calls.streaming();
    while (!signal.aborted) {
      const waitMs = this.#firstWaitMs();
      if (waitMs > 0) {
        await this.#bell.wait(waitMs, signal);
        continue;
      }
      let next = this.#nextPage();
      if (!next) {
        await this.#bell.wait(60_000, signal);
        continue;
      }
      if (!this.#options.maySend()) {
        await pause(200, signal);
        continue;
      }
      const call = callFor(next);
      if (!this.#calls.take(call)) {
        const againInMs = await this.#calls.turn(call, { signal });
        if (againInMs > 0) {
          await pause(againInMs, signal);
          continue;
        }
        // More may have been said while it waited.
        next = this.#nextPage();
        if (signal.aborted || !next || callFor(next) !== call) {
          this.#calls.giveBack(call);
          continue;
        }
      }
      if (next.live?.messageId) await this.#edit(next.live, next.content);
      else await this.#post(next.index, next.live, next.content);
      // What comes until the next edit may go is rendered once, not with every chunk.
      const isShown = next.isLast && this.#pages[next.index]?.shown === next.content;
      if (isShown) await pause(this.#calls.untilDraftMs(), signal);
    }
  }

  #firstWaitMs(): number {
    if (this.#pages[0]?.messageId || this.#options.text().trim().length >= FIRST_CHARS) return 0;
    if (this.#firstTextAt === 0) return 60_000;
    return Math.max(0, this.#firstTextAt + FIRST_AFTER_MS - performance.now());
  }

  /** The first page that differs from what is shown; null = the chat is up to date, or must not be shortened. */
  #nextPage(): { index: number; live: LivePage | undefined; content: RenderedPage; isLast: boolean } | null {
    if (this.#lostPosts > 1 || this.#ended) return null;
    const text = this.#options.text();
    if (text.trim() === "") return null;
    const pages = this.#withButton(this.#options.adapter.render(text));
    if (lengthOf(pages) < this.#knownLength) return null;
    for (const [index, content] of pages.entries()) {
      const live = this.#pages[index];
      if (!live?.shown || !isDeepStrictEqual(live.shown, content)) {
        return { index, live, content, isLast: index === pages.length - 1 };
      }
    }
    return null;
  }

  /** Drafts can be stopped where the platform has buttons: under their end, which moves on to a further page. */
  #withButton(pages: RenderedPage[]): RenderedPage[] {
    const { adapter, run } = this.#options;
    const last = pages.at(-1);
    if (!adapter.buttons || !last) return pages;
    return [...pages.slice(0, -1), adapter.buttons.withStop(last, stopValue(run.id))];
  }

  async #post(index: number, known: LivePage | undefined, content: RenderedPage): Promise<void> {
    const { delivery, adapter, run } = this.#options;
    const live = known ?? { id: newId("out"), messageId: null, shown: null, doubtful: false };
    if (!known) this.#pages.push(live);
    const draft = {
      id: live.id,
      session: run.session,
      run: run.id,
      attempt: run.attempt,
      page: index,
      target: this.#target,
      content,
    };
    const allowed = await delivery.drafts.announce(draft).catch(() => false);
    if (!allowed || !this.#maySendNow()) {
      // An older post of the chat may be what this one waits for, and needs the call.
      this.#calls.giveBack(FIRST);
      if (allowed) await this.#record(() => recordDraftFailure(delivery.db, live.id, "no", "it was not its time"));
      return pause(PAUSE_MS / 2, this.#closing.signal);
    }
    clearInterval(this.#typing);
    const to = { ...this.#target, replyTo: index === 0 ? this.#target.replyTo : null };
    let sent: SentMessage | null;
    try {
      sent = await adapter.send(to, content, live.id);
    } catch (error) {
      sent = await this.#notPosted(live, to, error);
    }
    if (!sent) return;
    const { messageId } = sent;
    live.messageId = messageId;
    live.shown = content;
    if (index === 0) this.#options.onFirstShown();
    await this.#record(() => delivery.drafts.posted(live.id, messageId));
  }

  /** Returns the message if the post was applied all the same. */
  async #notPosted(live: LivePage, to: ReplyTarget, error: unknown): Promise<SentMessage | null> {
    const { adapter, delivery } = this.#options;
    const failure = judgeSendFailure(error);
    const found = failure.kind === "unknown" ? await findPost(adapter, to, live.id) : "absent";
    if (found && found !== "absent") return found;
    const applied = found === "absent" ? "no" : "unknown";
    const { id } = live;
    if (applied === "unknown") {
      // That row stays listed; the page goes on under a new one, so only this first, short post can be doubled.
      this.#lostPosts += 1;
      live.id = newId("out");
    }
    // The final text has its own ladder.
    if (failure.kind === "refused" || failure.kind === "missing") this.#ended = true;
    await this.#record(() => recordDraftFailure(delivery.db, id, applied, reason(error)));
    await this.#learn(error);
    await pause(PAUSE_MS, this.#closing.signal);
    return null;
  }

  async #edit(live: LivePage, content: RenderedPage): Promise<void> {
    const { adapter, flushLog } = this.#options;
    await Promise.race([flushLog().catch(() => undefined), pause(LOG_WAIT_MS, this.#closing.signal)]);
    if (!this.#maySendNow() || this.#closing.signal.aborted) return;
    const at = { account: this.#target.account, chat: this.#target.chat, messageId: live.messageId as string };
    try {
      await adapter.editing?.edit(at, content);
      live.shown = content;
    } catch (error) {
      const failure = judgeSendFailure(error);
      if (failure.kind === "unknown") {
        live.doubtful = true;
        live.shown = null;
      }
      if (failure.kind === "missing") {
        live.id = newId("out");
        live.messageId = null;
        live.shown = null;
      }
      // What the platform does not take as a draft is tried once more as the final text.
      if (failure.kind === "refused") Object.assign(live, { shown: content, doubtful: true });
      await this.#learn(error, "edit");
      await pause(PAUSE_MS, this.#closing.signal);
    }
  }

  /** Whether typing shows matters little: only what concerns every call to the chat is taken from its failure. */
  async #learnFromTyping(error: unknown): Promise<void> {
    const { kind } = judgeSendFailure(error);
    if (kind === "blocked" || kind === "gone" || kind === "moved") await this.#learn(error);
  }

  async #learn(error: unknown, call: "post" | "edit" = "post"): Promise<void> {
    const failure = judgeSendFailure(error);
    const { delivery, run } = this.#options;
    delivery.log.warn({ err: error, run_id: run.id, failure: failure.kind }, "a draft was not shown");
    if (failure.kind === "gone" && (await this.#followChat())) return;
    await delivery.learn(this.#target.account, this.#target.chat, failure, call);
    if (failure.kind === "gone") this.#options.onGone();
    if (failure.kind === "thread_gone") {
      // A place without a thread has nowhere to go on: its main topic may be closed.
      this.#ended ||= this.#target.thread === "";
      Object.assign(this.#target, { thread: "", replyTo: null });
    }
    if (failure.kind === "moved") {
      Object.assign(this.#target, { chat: failure.chat, replyTo: null });
      for (const page of this.#pages) Object.assign(page, { id: newId("out"), messageId: null, shown: null });
    }
  }

  /** A platform may tell of a chat's new id by an update only; then what stands there keeps its ids. */
  async #followChat(): Promise<boolean> {
    const { delivery, run } = this.#options;
    const chat = await retrying(() => chatOfRun(delivery.db, run.session, run.id)).catch(() => null);
    if (chat === null || chat === this.#target.chat) return false;
    Object.assign(this.#target, { chat });
    return true;
  }

  /** Tries for some seconds; after that the merge says what became of the page, and until then a take-over is in doubt. */
  async #record(write: () => Promise<void>): Promise<void> {
    for (let round = 0; round < 20; round++) {
      try {
        return await retrying(write);
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        await pause(500, NEVER);
      }
    }
  }

  /** Once more after any wait: the lease may have run out, and the platform may have asked another call for a pause. */
  #maySendNow(): boolean {
    return this.#options.maySend() && !this.#calls.blocked;
  }
}

const NEVER = new AbortController().signal;

function callFor({ live }: { live: LivePage | undefined }): Call {
  return live?.messageId ? DRAFT : FIRST;
}

function lengthOf(pages: RenderedPage[]): number {
  return pages.reduce((sum, page) => sum + page.text.length, 0);
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : "unknown error";
}

/** A wait that the abort ends early. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Doorbell().wait(ms, signal);
}
