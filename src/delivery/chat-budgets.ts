import type { AccountId } from "../ids.ts";
import type { EditBudget } from "../platform/platform-adapter.ts";

/**
 * What a call is for, in order of importance: the reserve of a bucket is for `final` edits, for `post` (of a final page,
 * or of an answer of the gateway itself) and for `first`, the first message of an answer.
 */
export type CallPurpose = "final" | "post" | "first" | "draft" | "typing";

interface Bucket {
  tokens: number;
  at: number;
}

interface Place {
  account: AccountId;
  chat: string;
  kind: "private" | "group";
}

interface ChatState extends Bucket {
  lastDraftAt: number;
  blockedUntil: number;
}

/** Chats remembered at most; one that is forgotten starts with a full bucket, which by then it has anyway. */
const MAX_CHATS = 20_000;

/**
 * Token buckets per chat and account, and the pauses platforms asked for. Chats are the platform's: topics share one.
 * `now` is in ms and never goes back.
 */
export class ChatBudgets {
  readonly #chats = new Map<string, ChatState>();
  readonly #accounts = new Map<AccountId, Bucket>();
  readonly #editsBlockedUntil = new Map<AccountId, number>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** 0 = go, and the call is counted; else how long to wait before asking again, in ms. */
  take(budget: EditBudget, place: Place, purpose: CallPurpose): number {
    const now = this.#now();
    const limits = budget.chat(place.kind);
    const chat = this.#chat(place.account, place.chat, limits.burst, now);
    if (chat.blockedUntil > now) return chat.blockedUntil - now;
    const account = this.#account(place.account, budget.account.burst, now);
    refill(chat, limits, now);
    refill(account, budget.account, now);
    const spare = purpose === "draft" || purpose === "typing";
    const isEdit = purpose === "draft" || purpose === "final";
    const ofAccount = isEdit || !budget.account.editsOnly;
    const waitMs = Math.max(
      shortfall(chat, limits, spare),
      isEdit ? this.#editPauseMs(place.account, now) : 0,
      ofAccount ? shortfall(account, budget.account, spare) : 0,
      purpose === "draft" ? chat.lastDraftAt + limits.draftEveryMs - now : 0,
    );
    if (waitMs > 0) return Math.ceil(waitMs);
    chat.tokens -= 1;
    if (ofAccount) account.tokens -= 1;
    if (purpose === "draft" || purpose === "first") chat.lastDraftAt = now;
    return 0;
  }

  /** A call that was let go was not made. */
  giveBack({ account, chat }: Place): void {
    for (const bucket of [this.#chats.get(`${account} ${chat}`), this.#accounts.get(account)]) {
      if (bucket) bucket.tokens += 1;
    }
  }

  /** How long at least until `take` lets the next draft go, in ms; nothing is counted. */
  untilDraftMs(budget: EditBudget, place: Place): number {
    const now = this.#now();
    const limits = budget.chat(place.kind);
    const chat = this.#chat(place.account, place.chat, limits.burst, now);
    const pausesMs = Math.max(chat.blockedUntil - now, this.#editPauseMs(place.account, now));
    return Math.ceil(Math.max(0, pausesMs, chat.lastDraftAt + limits.draftEveryMs - now));
  }

  /** Stops every call to the chat for `ms`; a longer pause that was asked for before stays. */
  block(account: AccountId, chatId: string, ms: number): void {
    const now = this.#now();
    const chat = this.#chat(account, chatId, 0, now);
    chat.blockedUntil = Math.max(chat.blockedUntil, now + ms);
  }

  /** Stops the edits of an account for `ms`, and nothing else: for platforms that count them apart. */
  blockEdits(account: AccountId, ms: number): void {
    const until = this.#now() + ms;
    this.#editsBlockedUntil.set(account, Math.max(until, this.#editsBlockedUntil.get(account) ?? 0));
  }

  /** Whether a platform asked for a pause in the chat that is not over: no call goes there, also one that was let go. */
  isBlocked({ account, chat }: Place): boolean {
    return (this.#chats.get(`${account} ${chat}`)?.blockedUntil ?? 0) > this.#now();
  }

  #editPauseMs(account: AccountId, now: number): number {
    return Math.max(0, (this.#editsBlockedUntil.get(account) ?? 0) - now);
  }

  #chat(account: AccountId, chatId: string, burst: number, now: number): ChatState {
    const key = `${account} ${chatId}`;
    const known = this.#chats.get(key);
    if (known) return known;
    if (this.#chats.size >= MAX_CHATS) this.#forget(now);
    const fresh = { tokens: burst, at: now, lastDraftAt: Number.NEGATIVE_INFINITY, blockedUntil: 0 };
    this.#chats.set(key, fresh);
    return fresh;
  }

  #account(account: AccountId, burst: number, now: number): Bucket {
    const known = this.#accounts.get(account);
    if (known) return known;
    const fresh = { tokens: burst, at: now };
    this.#accounts.set(account, fresh);
    return fresh;
  }

  /** Drops what nobody called for ten minutes, and if that is nothing, the oldest half; never a pause. */
  #forget(now: number): void {
    for (const [key, chat] of this.#chats) {
      if (chat.blockedUntil < now && now - chat.at > 600_000) this.#chats.delete(key);
    }
    if (this.#chats.size < MAX_CHATS) return;
    const open = [...this.#chats].filter(([, chat]) => chat.blockedUntil <= now);
    for (const [key] of open.slice(0, MAX_CHATS / 2)) this.#chats.delete(key);
  }
}

interface Limits {
  refillMs: number;
  burst: number;
  reserve: number;
}

function refill(bucket: Bucket, limits: Limits, now: number): void {
  bucket.tokens = Math.min(limits.burst, bucket.tokens + (now - bucket.at) / limits.refillMs);
  bucket.at = now;
}

function shortfall(bucket: Bucket, limits: Limits, spare: boolean): number {
  const needed = spare ? 1 + limits.reserve : 1;
  return bucket.tokens >= needed ? 0 : (needed - bucket.tokens) * limits.refillMs;
}
