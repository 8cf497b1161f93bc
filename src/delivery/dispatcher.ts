import { setTimeout as sleep } from "node:timers/promises";
import { errorCode, GatewayError } from "../errors.ts";
import type { OutboxId, ReplicaId } from "../ids.ts";
import type { CallKind, PlatformAdapter } from "../platform/platform-adapter.ts";
import type { ReplyTarget } from "../platform/reply-target.ts";
import { callWhile } from "../platform/right-to-call.ts";
import { Doorbell, type Hints } from "../run/hints.ts";
import { GroupCommit } from "../store/group-commit.ts";
import { claimDuePages, claimPages, type OutboxPage, type Receipt, recordReceipts } from "../store/outbox.ts";
import { retrying } from "../store/transaction.ts";
import type { Delivery } from "./delivery.ts";
import type { Call } from "./call-scheduler.ts";
import { ChatCalls } from "./chat-calls.ts";
import { findPost } from "./find-post.ts";
import { sendFile } from "./send-file.ts";
import { isLetGo, judgeSendFailure } from "./send-failure.ts";

const POLL_MS = 250;
/** Pages under way at once. */
const MAX_IN_FLIGHT = 200;
/** Pages of one claim; if there are as many, there may be more. */
const MAX_CLAIM = 50;
/** A longer wait for a chat's budget goes back into the outbox. */
const MAX_WAIT_MS = 2_500;
/** A page that went back for lack of budget is tried again after this, here or elsewhere. */
const ASK_AGAIN_MS = 1_000;
/** A post goes back sooner: as long as it is claimed it counts as under way, and is in doubt if the process dies. */
const MAX_POST_WAIT_MS = 100;
/** After this long a page that could not be shown is listed instead of tried. */
const GIVE_UP_MS = 24 * 3_600_000;
/** A page of an account that is not connected here is left to others this long. */
const ELSEWHERE_MS = 1_000;
const RECORD_AGAIN_MS = 500;
/** Of those that somebody wants to hear of. What another replica has shown nobody hears of here, so the oldest goes. */
const MAX_WATCHED = 5_000;
const RETRY_MS = { first: 1_000, max: 60_000 };

/** A page under way. `claimedAt`: when its claim began, by `performance.now()`; `isLost`: somebody has claimed it anew. */
interface ClaimedPage {
  readonly page: OutboxPage;
  readonly claimedAt: number;
  isLost: boolean;
}

/** Hears what became of a page. */
type Told = (id: OutboxId, kind: Receipt["kind"]) => void;

/**
 * Shows what the outbox says: posts of one chat and thread in order, edits and removals without waiting. One per
 * replica. A post is never repeated unless it certainly was not applied.
 */
export class Dispatcher {
  readonly #delivery: Delivery;
  readonly #replica: ReplicaId;
  readonly #bell = new Doorbell();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #held = new Set<ClaimedPage>();
  readonly #watched = new Map<OutboxId, Told>();
  readonly #claims: GroupCommit<OutboxId[], OutboxPage[]>;
  readonly #receipts: GroupCommit<Receipt, void>;
  readonly #signal: AbortSignal;
  #settling = false;
  #abandoned = false;
  readonly #unhint: () => void;

  constructor(delivery: Delivery, replica: ReplicaId, hints: Hints, signal: AbortSignal) {
    this.#delivery = delivery;
    this.#replica = replica;
    this.#signal = signal;
    this.#unhint = hints.onOutbox(this.#bell.ring);
    const { db } = delivery;
    this.#claims = new GroupCommit(
      async (lists) => {
        const pages = await retrying(() => claimPages(db, replica, lists.flat()));
        return lists.map((ids) => pages.filter((page) => ids.includes(page.id)));
      },
      { max: 200, bound: 10_000, full },
    );
    this.#receipts = new GroupCommit(
      async (receipts) => {
        await retrying(() => recordReceipts(db, replica, receipts));
        return receipts.map(() => undefined);
      },
      { max: 200, bound: 10_000, full, windowMs: 5 },
    );
  }

  /** One look at the outbox, then a wait for a hint or 250 ms. */
  async round(): Promise<void> {
    const free = MAX_IN_FLIGHT - this.#inFlight.size;
    if (free > 0 && this.#delivery.connected && !this.#settling) {
      const claiming = this.#claimDue(Math.min(free, MAX_CLAIM));
      this.#track(claiming.then(() => undefined));
      if ((await claiming) === MAX_CLAIM) return;
    }
    await this.#bell.wait(POLL_MS, this.#signal);
  }

  async #claimDue(limit: number): Promise<number> {
    const claimedAt = performance.now();
    const pages = await claimDuePages(this.#delivery.db, this.#replica, limit, this.#delivery.accounts);
    for (const page of pages) this.#start(page, claimedAt);
    return pages.length;
  }

  /** Delivers pages that have just been made due, without waiting for the next look. Never rejects. `told` hears what became of those that were shown here. */
  deliver(ids: OutboxId[], told: Told): void {
    for (const id of ids) {
      const [oldest] = this.#watched.keys();
      if (oldest && this.#watched.size >= MAX_WATCHED) this.#watched.delete(oldest);
      this.#watched.set(id, told);
    }
    if (ids.length > 0) this.#track(this.#claimAndStart(ids));
  }

  async #claimAndStart(ids: OutboxId[]): Promise<void> {
    const claimedAt = performance.now();
    const pages = await this.#claims.add(ids);
    for (const page of pages) this.#start(page, claimedAt);
    // Posts that must wait for an older one are due all the same.
    if (pages.length < ids.length) this.#bell.ring();
  }

  /** The pages whose leases are to be renewed. */
  pagesInFlight(): OutboxId[] {
    return Array.from(this.#held, ({ page }) => page.id);
  }

  /** Of the pages `asked` for at `askedAt`, those that were not `kept` are another replica's, and not shown from here. */
  renewed(asked: OutboxId[], kept: OutboxId[], askedAt: number): void {
    const mine = new Set(kept);
    const lost = new Set(asked.filter((id) => !mine.has(id)));
    for (const held of this.#held) held.isLost ||= held.claimedAt < askedAt && lost.has(held.page.id);
  }

  /** Begins nothing new, and waits until everything under way has its receipt; what is due besides is left to others. */
  async settle(): Promise<void> {
    this.#settling = true;
    this.#unhint();
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  /** Receipts wait for a database that is away, until the process ends. */
  abandon(): void {
    this.#abandoned = true;
  }

  #start(page: OutboxPage, claimedAt: number): void {
    const held = { page, claimedAt, isLost: false };
    // Its lease had run out here too.
    for (const other of this.#held) other.isLost ||= other.page.id === page.id;
    this.#held.add(held);
    this.#track(
      this.#deliverOne(held).finally(() => this.#held.delete(held)),
      page.id,
    );
  }

  #track(doing: Promise<void>, page: OutboxId | null = null): void {
    const work = doing
      .catch((error: unknown) => this.#delivery.log.error({ err: error, page }, "a page waits for the next look"))
      .finally(() => {
        if (this.#inFlight.size >= MAX_IN_FLIGHT) this.#bell.ring();
        this.#inFlight.delete(work);
      });
    this.#inFlight.add(work);
  }

  async #deliverOne(held: ClaimedPage): Promise<void> {
    const { page } = held;
    const receipt = await this.#show(held);
    // Who has claimed it anew here is at it.
    const isClaimedAnew = [...this.#held].some((other) => other !== held && other.page.id === page.id);
    if (receipt.kind === "again" && isClaimedAnew) return;
    if (receipt.kind !== "again") {
      this.#watched.get(page.id)?.(page.id, receipt.kind);
      this.#watched.delete(page.id);
    }
    await this.#surelyRecord(receipt);
    // A later post of the chat may have waited for this one; an edit that went well keeps nothing waiting.
    if (page.message_id === null || receipt.kind !== "done") this.#bell.ring();
  }

  /** What was shown must get into the database, or the chat's later posts would wait for it. */
  async #surelyRecord(receipt: Receipt): Promise<void> {
    for (;;) {
      try {
        return await this.#receipts.add(receipt);
      } catch (error) {
        if (errorCode(error) !== "unavailable" || this.#abandoned) throw error;
        await sleep(RECORD_AGAIN_MS);
      }
    }
  }

  async #show(held: ClaimedPage): Promise<Receipt> {
    const { page } = held;
    const { id } = page;
    const adapter = this.#delivery.adapter(page.account_id);
    if (!adapter) return { id, kind: "again", dueInMs: ELSEWHERE_MS, error: "the account is not connected here" };
    // Whether a file is there no platform tells.
    if (page.doubtful && page.file_id) return { id, kind: "uncertain", error: "the process ended while posting" };
    if (page.doubtful) {
      const known = await this.#findPost(adapter, page, "the process ended while posting");
      if (known) return known;
    }
    if (page.age_ms > GIVE_UP_MS) return { id, kind: "failed", error: "could not be shown for a day" };
    const waitMs = await this.#turn(adapter, page);
    if (waitMs > 0) return { id, kind: "again", dueInMs: waitMs, error: "waits for the chat's budget" };
    return callWhile(
      () => !held.isLost && this.#delivery.leaseHolds(held.claimedAt),
      () => this.#call(adapter, page),
    ).catch((error: unknown) => this.#afterFailure(adapter, page, error));
  }

  /** What the platform is to do for a page. */
  async #call(adapter: PlatformAdapter, page: OutboxPage): Promise<Receipt> {
    const { id } = page;
    if (page.message_id !== null) {
      const message = { account: page.account_id, chat: page.chat, messageId: page.message_id };
      if (page.remove) await adapter.editing?.remove(message);
      else if (page.content) await adapter.editing?.edit(message, page.content);
      return { id, kind: "done", messageId: null };
    }
    if (page.file_id) return sendFile(this.#delivery.db, adapter, targetOf(page), page);
    if (page.remove || !page.content) return { id, kind: "done", messageId: null };
    const sent = await adapter.send(targetOf(page), page.content, id);
    return { id, kind: "done", messageId: sent.messageId };
  }

  /** Waits in line for the page's call; else how long until it is to be tried again. */
  async #turn(adapter: PlatformAdapter, page: OutboxPage): Promise<number> {
    const isPost = page.message_id === null;
    const purpose = page.kind === "answer" ? "final" : "reply";
    const place = { ...targetOf(page), placeKind: page.place_kind };
    const calls = new ChatCalls(this.#delivery.scheduler, adapter, place);
    const call: Call = { purpose, kind: callOf(page) };
    const waitMs = await calls.turn(call, {
      signal: this.#signal,
      withinMs: isPost ? MAX_POST_WAIT_MS : MAX_WAIT_MS,
      ticket: page.id,
    });
    // Another replica may have more of the account's budget left.
    return waitMs === 0 ? 0 : Math.max(calls.pausedMs(call), Math.min(waitMs, ASK_AGAIN_MS));
  }

  /** What is known of a post whose answer was lost; null = it certainly is not there. */
  async #findPost(adapter: PlatformAdapter, page: OutboxPage, error: string): Promise<Receipt | null> {
    const { id } = page;
    const found = await findPost(adapter, targetOf(page), id);
    if (found === "absent") return null;
    return found ? { id, kind: "done", messageId: found.messageId } : { id, kind: "uncertain", error };
  }

  async #afterFailure(adapter: PlatformAdapter, page: OutboxPage, error: unknown): Promise<Receipt> {
    const { id } = page;
    const failure = judgeSendFailure(error);
    const text = error instanceof Error ? error.message : "unknown error";
    this.#delivery.log.warn(
      { err: error, page: id, run_id: page.run_id, failure: failure.kind },
      "a page was not shown",
    );
    await this.#delivery.learn(page.account_id, page.chat, failure, callOf(page));
    if (isLetGo(error)) return { id, kind: "again", dueInMs: 0, error: text };
    const retry = { id, kind: "again", dueInMs: backoffMs(page.tries), error: text } as const;
    switch (failure.kind) {
      case "blocked":
        return { id, kind: "again", dueInMs: failure.ms, error: text };
      case "retry":
        return retry;
      case "unknown":
        if (page.file_id) return { id, kind: "uncertain", error: text };
        return page.message_id === null ? ((await this.#findPost(adapter, page, text)) ?? retry) : retry;
      case "missing":
        // A post that finds something missing would find it missing for ever.
        if (page.message_id === null) return { id, kind: "failed", error: text };
        return page.remove ? { id, kind: "done", messageId: null } : { id, kind: "repost" };
      case "moved":
        // Message ids of the old chat mean nothing in the new one.
        return page.remove ? { id, kind: "done", messageId: null } : { id, kind: "repost" };
      case "thread_gone":
        return page.thread === "" ? { id, kind: "failed", error: text } : { id, kind: "thread_gone" };
      case "gone":
      case "refused":
        return { id, kind: "failed", error: text };
      default:
        failure satisfies never;
        return retry;
    }
  }
}

function full(): GatewayError {
  return new GatewayError("unavailable", "Too many pages wait for their receipts.");
}

function callOf(page: OutboxPage): CallKind {
  if (page.message_id === null) return "post";
  return page.remove ? "remove" : "edit";
}

function targetOf(page: OutboxPage): ReplyTarget {
  return { account: page.account_id, chat: page.chat, thread: page.thread, replyTo: page.reply_to };
}

function backoffMs(tries: number): number {
  return Math.min(RETRY_MS.max, RETRY_MS.first * 2 ** Math.min(tries, 10)) * (0.75 + Math.random() / 2);
}
