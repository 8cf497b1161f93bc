import { GatewayError } from "../errors.ts";
import { newId, type OutboxId, type RunId, type SessionId } from "../ids.ts";
import type { CallKind, PlatformAdapter, RenderedPage, SentMessage } from "../platform/platform-adapter.ts";
import type { ReplyTarget } from "../platform/reply-target.ts";
import { callWhile } from "../platform/right-to-call.ts";
import { Doorbell } from "../run/hints.ts";
import { isOfAnother, type OutboxPage, recordDraftFailure } from "../store/outbox.ts";
import { chatOfRun } from "../store/runs.ts";
import type { RunTarget } from "../store/schema.ts";
import { retrying } from "../store/transaction.ts";
import type { Call } from "./call-scheduler.ts";
import { FIRST } from "./chat-calls.ts";
import type { Delivery } from "./delivery.ts";
import { findPost } from "./find-post.ts";
import { isLetGo, judgeSendFailure } from "./send-failure.ts";

/** After a failed draft; finals have the outbox. */
export const PAUSE_MS = 1_000;
/** Drafts go on although the log is behind: it only sharpens what a take-over knows. */
export const LOG_WAIT_MS = 150;

/** One page of the answer as the chat shows it. */
export interface LivePage {
  id: OutboxId;
  messageId: string | null;
  /** Null = not known, or nothing yet. */
  shown: RenderedPage | null;
  /** An edit of it may still be on its way. */
  doubtful: boolean;
}

/** Where an answer is shown, and whom to tell what became of it. */
export interface LivePlace {
  delivery: Delivery;
  adapter: PlatformAdapter;
  target: RunTarget;
  run: { session: SessionId; id: RunId; attempt: number };
  /** The row planned for the first page. */
  firstPage: OutboxId;
  /** What earlier attempts left in the chat. */
  known: OutboxPage[];
  /** Makes the text said so far durable. */
  flushLog: () => Promise<unknown>;
  /** The chat cannot be written to any more. */
  onGone: () => void;
  /** No other answer streams at its place, so that a lost one can be found. */
  mayBeNative: boolean;
  /** The first text stands in the chat. */
  onFirstShown: () => void;
}

export interface LiveMessagesOptions extends LivePlace {
  /** Aborts when there are to be no more drafts. */
  signal: AbortSignal;
  /** Once more after any wait: the lease may have run out, and the platform may have asked another call for a pause. */
  mayCall: () => boolean;
  /** A call that was let go is not made. */
  giveBack: (call: Call) => void;
  onPosting: () => void;
}

/** The messages of one answer: posts and edits them, and knows what became of each call. */
export class LiveMessages {
  readonly pages: LivePage[] = [];
  /** The place as it is known now: it may have moved, or lost its thread. */
  readonly target: RunTarget;
  /** Posts of which nobody knows whether they stand there. */
  lostPosts = 0;
  edits = 0;
  /** The platform takes no more drafts. */
  refused = false;
  readonly #options: LiveMessagesOptions;

  constructor(options: LiveMessagesOptions) {
    this.#options = options;
    this.target = options.target;
    for (const page of options.known) {
      // Ids of a chat that has moved mean something else in the new one.
      if (page.message_id !== null && !page.remove && page.chat === options.target.chat) {
        this.pages.push({ id: page.id, messageId: page.message_id, shown: null, doubtful: true });
      }
    }
    if (this.pages.length === 0) {
      const planned = options.known.find((page) => page.state === "planned");
      const fresh = options.known.length > 0 ? newId("out") : options.firstPage;
      this.pages.push({ id: planned?.id ?? fresh, messageId: null, shown: null, doubtful: false });
    }
  }

  /** Posts a page, after it was written down: `said` of it, of which a take-over shows no less. */
  async post(index: number, content: RenderedPage, said: RenderedPage): Promise<void> {
    const { delivery, adapter, run } = this.#options;
    const live = this.pages[index] ?? { id: newId("out"), messageId: null, shown: null, doubtful: false };
    if (!this.pages[index]) this.pages.push(live);
    const draft = {
      id: live.id,
      session: run.session,
      run: run.id,
      attempt: run.attempt,
      page: index,
      target: this.target,
      content: said,
    };
    const allowed = await delivery.drafts.announce(draft).catch(() => false);
    if (!allowed || !this.#options.mayCall()) return this.#notItsTime(live.id, allowed);
    this.#options.onPosting();
    const to = { ...this.target, replyTo: index === 0 ? this.target.replyTo : null };
    let sent: SentMessage | null;
    try {
      sent = await callWhile(this.#options.mayCall, () => adapter.send(to, content, live.id));
    } catch (error) {
      if (isLetGo(error)) return this.#notItsTime(live.id, true);
      sent = await this.#notPosted(live, to, error);
    }
    if (!sent) return;
    const { messageId } = sent;
    live.messageId = messageId;
    live.shown = content;
    if (index === 0) this.#options.onFirstShown();
    await this.#record(() => delivery.drafts.posted(live.id, messageId));
  }

  async #notItsTime(id: OutboxId, announced: boolean): Promise<void> {
    const { delivery, signal } = this.#options;
    // An older post of the chat may be what this one waits for, and needs the call.
    this.#options.giveBack(FIRST);
    if (announced) await this.#record(() => recordDraftFailure(delivery.db, id, "no", "it was not its time"));
    return pause(PAUSE_MS / 2, signal);
  }

  /** Returns the message if the post was applied all the same. */
  async #notPosted(live: LivePage, to: ReplyTarget, error: unknown): Promise<SentMessage | null> {
    const { adapter, delivery, signal } = this.#options;
    const failure = judgeSendFailure(error);
    const found =
      failure.kind === "unknown" ? await findPost(adapter, to, live.id, this.#options.mayBeNative) : "absent";
    if (found && found !== "absent" && !(await this.#isOfAnother(live.id, found))) return found;
    const applied = found === "absent" ? "no" : "unknown";
    const { id } = live;
    if (applied === "unknown") {
      // That row stays listed; the page goes on under a new one, so only this first, short post can be doubled.
      this.lostPosts += 1;
      live.id = newId("out");
    }
    // The final text has its own ladder.
    if (failure.kind === "refused" || failure.kind === "missing") this.refused = true;
    await this.#record(() => recordDraftFailure(delivery.db, id, applied, reason(error)));
    await this.learn(error);
    await pause(PAUSE_MS, signal);
    return null;
  }

  /** A stream that bears no mark yet may be any. What cannot be asked is not taken. */
  async #isOfAnother(id: OutboxId, found: SentMessage): Promise<boolean> {
    const { adapter, delivery, run, mayBeNative } = this.#options;
    if (!mayBeNative || !adapter.nativeStream) return false;
    return retrying(() => isOfAnother(delivery.db, run, id, found)).catch(() => true);
  }

  /** Edits a page that stands in the chat, once what it says is durable or late. */
  async edit(live: LivePage, content: RenderedPage, call: Call): Promise<void> {
    const { adapter, flushLog, signal } = this.#options;
    await Promise.race([flushLog().catch(() => undefined), pause(LOG_WAIT_MS, signal)]);
    // The final text comes next, and needs the call.
    if (!this.#options.mayCall() || signal.aborted) return this.#options.giveBack(call);
    const at = { account: this.target.account, chat: this.target.chat, messageId: live.messageId as string };
    try {
      await callWhile(this.#options.mayCall, async () => adapter.editing?.edit(at, content));
      this.edits += 1;
      live.shown = content;
    } catch (error) {
      if (isLetGo(error)) return this.#options.giveBack(call);
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
      await this.learn(error, call.kind);
      await pause(PAUSE_MS, signal);
    }
  }

  /** Remembers what a failure says about the place. Never rejects. */
  async learn(error: unknown, call: CallKind = "post"): Promise<void> {
    const failure = judgeSendFailure(error);
    const { delivery, run } = this.#options;
    delivery.log.warn({ err: error, run_id: run.id, failure: failure.kind }, "a draft was not shown");
    if (failure.kind === "gone" && (await this.#followChat())) return;
    await delivery.learn(this.target.account, this.target.chat, failure, call);
    if (failure.kind === "gone") this.#options.onGone();
    if (failure.kind === "thread_gone") {
      // A place without a thread has nowhere to go on: its main topic may be closed.
      this.refused ||= this.target.thread === "";
      Object.assign(this.target, { thread: "", replyTo: null });
    }
    if (failure.kind === "moved") {
      Object.assign(this.target, { chat: failure.chat, replyTo: null });
      for (const page of this.pages) Object.assign(page, { id: newId("out"), messageId: null, shown: null });
    }
  }

  /** A platform may tell of a chat's new id by an update only; then what stands there keeps its ids. */
  async #followChat(): Promise<boolean> {
    const { delivery, run } = this.#options;
    const chat = await retrying(() => chatOfRun(delivery.db, run.session, run.id)).catch(() => null);
    if (chat === null || chat === this.target.chat) return false;
    Object.assign(this.target, { chat });
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
}

const NEVER = new AbortController().signal;

function reason(error: unknown): string {
  return error instanceof Error ? error.message : "unknown error";
}

/** A wait that the abort ends early. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Doorbell().wait(ms, signal);
}
