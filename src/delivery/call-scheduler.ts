import type { AccountId } from "../ids.ts";
import type { CallKind, CallLimit, EditBudget } from "../platform/platform-adapter.ts";
import type { OtherLoad, ReplicaLoad } from "../store/replicas.ts";
import { BudgetShares } from "./budget-shares.ts";
import { CallLine, type Waiting } from "./call-line.ts";
import { partOf, TokenBucket } from "./token-bucket.ts";

/** What a call is for, the most important first: `reply` is the gateway's own answer, `first` an answer's first words. */
const PURPOSES = ["final", "reply", "approval", "first", "draft", "typing"] as const;

export interface Call {
  purpose: (typeof PURPOSES)[number];
  kind: CallKind;
}

export interface CallPlace {
  account: AccountId;
  chat: string;
  thread: string;
  placeKind: "private" | "group";
}

export interface Patience {
  /** Ends the wait. */
  signal: AbortSignal;
  /** A longer wait is not begun, and one that becomes longer is given up; for ever unless given. */
  withinMs?: number;
  /** Names the call, so that it keeps its place when it is sent away and asks again within seconds. */
  ticket?: string;
}

/** Of a call that was sent away. */
interface Ticket {
  account: AccountId;
  since: number;
  /** By then it has asked again, or has gone another way: another replica makes it, or nobody. */
  until: number;
}

interface AccountStreams {
  answers: number;
  shared: Map<string, number>;
}

interface ChatState {
  bucket: TokenBucket;
  blockedUntil: number;
}

/** Chats remembered at most; one that is forgotten starts with a full bucket, which by then it has anyway. */
const MAX_CHATS = 20_000;
const MAX_TICKETS = 10_000;
const TICKET_MS = 5_000;
/** Chats of an account that others are told of: it is written every two seconds. */
const MAX_SHARED_TOLD = 200;
const DRAFT = PURPOSES.indexOf("draft");

/**
 * Says which call to a platform goes when: budgets per chat and account, a line for each account's, and the pauses that
 * platforms asked for. Chats are the platform's: topics share one. `now` is in ms and never goes back.
 */
export class CallScheduler {
  readonly #chats = new Map<string, ChatState>();
  /** When a draft last went to a place, the one longest ago first. */
  readonly #draftedAt = new Map<string, number>();
  readonly #lines = new Map<AccountId, Map<CallLimit | null, CallLine>>();
  readonly #tickets = new Map<string, Ticket>();
  readonly #pausedUntil = new Map<AccountId, Map<CallKind, number>>();
  readonly #streams = new Map<AccountId, AccountStreams>();
  readonly #shares = new BudgetShares();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** 0 = go, and the call is counted; else how long to wait at least before asking again, in ms. Nobody is passed over. */
  take(budget: EditBudget, place: CallPlace, call: Call): number {
    const asked = this.#asked(budget, place, call, this.#now());
    const waitMs = this.#line(budget, place.account, call.kind).ask(asked);
    if (waitMs > 0) return Math.ceil(waitMs);
    asked.count();
    return 0;
  }

  /**
   * Waits for the call's turn. 0 = go, and the call is counted; else nothing is, because the wait was ended, or would be
   * at least so many ms.
   */
  async acquire(budget: EditBudget, place: CallPlace, call: Call, patience: Patience): Promise<number> {
    const { ticket } = patience;
    if (ticket === undefined) return this.#acquire(budget, place, call, patience, this.#now());
    const since = this.#tickets.get(ticket)?.since ?? this.#now();
    this.#tickets.delete(ticket);
    const waitMs = await this.#acquire(budget, place, call, patience, since);
    if (waitMs > 0 && this.#tickets.size < MAX_TICKETS) {
      this.#tickets.set(ticket, { account: place.account, since, until: this.#now() + TICKET_MS });
    }
    return waitMs;
  }

  async #acquire(
    budget: EditBudget,
    place: CallPlace,
    call: Call,
    { signal, withinMs = Number.POSITIVE_INFINITY }: Patience,
    since: number,
  ): Promise<number> {
    if (signal.aborted) return 1;
    const line = this.#line(budget, place.account, call.kind);
    const asked = this.#asked(budget, place, call, since);
    const waitMs = line.ask(asked);
    if (waitMs === 0) asked.count();
    if (waitMs === 0 || waitMs > withinMs) return Math.ceil(waitMs);
    const { promise, resolve } = Promise.withResolvers<number>();
    const waiting: Waiting = {
      ...asked,
      until: this.#now() + withinMs,
      done: (leftMs) => {
        signal.removeEventListener("abort", leave);
        if (leftMs === 0) asked.count();
        resolve(Math.ceil(leftMs));
      },
    };
    const leave = () => {
      line.leave(waiting);
      resolve(1);
    };
    signal.addEventListener("abort", leave, { once: true });
    if (!line.join(waiting)) waiting.done(waitMs);
    return promise;
  }

  /** A call that was let go was not made. */
  giveBack(budget: EditBudget, { account, chat, placeKind }: CallPlace, { kind }: Call): void {
    if (isCounted(budget.chat(placeKind), kind)) this.#chats.get(keyOf(account, chat))?.bucket.giveBack();
    this.#line(budget, account, kind).giveBack();
  }

  /** How long at least until the next draft may go, in ms; nothing is counted. */
  untilDraftMs(budget: EditBudget, { account, chat, thread, placeKind }: CallPlace): number {
    const now = this.#now();
    const drafted = this.#draftedAt.get(keyOf(account, chat, thread)) ?? Number.NEGATIVE_INFINITY;
    const dueAt = drafted + budget.chat(placeKind).draftEveryMs;
    return Math.ceil(Math.max(0, dueAt - now, this.#pauseMs(account, keyOf(account, chat), "edit", now)));
  }

  /** An answer streams there: there will be drafts, and a final. */
  streaming({ account, chat, thread, placeKind }: CallPlace): Disposable {
    const streams = this.#streams.get(account) ?? { answers: 0, shared: new Map<string, number>() };
    this.#streams.set(account, streams);
    const add = (count: number) => {
      streams.answers += count;
      if (placeKind === "private" && thread === "") return;
      const here = (streams.shared.get(chat) ?? 0) + count;
      if (here > 0) streams.shared.set(chat, here);
      else streams.shared.delete(chat);
    };
    add(1);
    return { [Symbol.dispose]: () => add(-1) };
  }

  /** Stops every call to the chat for `ms`; a longer pause that was asked for before stays. */
  block(account: AccountId, chatId: string, ms: number): void {
    const now = this.#now();
    const chat = this.#chat(keyOf(account, chatId), 0, now);
    chat.blockedUntil = Math.max(chat.blockedUntil, now + ms);
    this.#look(account);
  }

  /** Stops the calls of a kind in a whole account for `ms`: for platforms that count them apart. */
  pause(account: AccountId, kind: CallKind, ms: number): void {
    const pauses = this.#pausedUntil.get(account) ?? new Map<CallKind, number>();
    this.#pausedUntil.set(account, pauses.set(kind, Math.max(pauses.get(kind) ?? 0, this.#now() + ms)));
    this.#look(account);
  }

  /** Whether a platform asked for a pause in the chat that is not over: no call goes there, also one that was let go. */
  isBlocked({ account, chat }: Pick<CallPlace, "account" | "chat">): boolean {
    return (this.#chats.get(keyOf(account, chat))?.blockedUntil ?? 0) > this.#now();
  }

  /** How long the platform wants no calls of the kind there, in ms. */
  pausedMs({ account, chat }: CallPlace, kind: CallKind): number {
    return Math.ceil(Math.max(0, this.#pauseMs(account, keyOf(account, chat), kind, this.#now())));
  }

  /** What the other replicas should know of the accounts this one sends for. */
  load(accounts: AccountId[]): ReplicaLoad {
    const now = this.#now();
    const sentAway = new Map<AccountId, number>();
    for (const [ticket, { account, until }] of this.#tickets) {
      if (until < now) this.#tickets.delete(ticket);
      else sentAway.set(account, (sentAway.get(account) ?? 0) + 1);
    }
    return Object.fromEntries(
      accounts.map((account) => {
        const lines = [...(this.#lines.get(account)?.values() ?? [])];
        const waiting = lines.reduce((sum, line) => sum + line.important(DRAFT), sentAway.get(account) ?? 0);
        const pauses = [...(this.#pausedUntil.get(account) ?? [])].filter(([, until]) => until > now);
        const paused = Object.fromEntries(pauses.map(([kind, until]) => [kind, Math.ceil(until - now)]));
        const { answers = 0, shared } = this.#streams.get(account) ?? {};
        const told = Object.fromEntries([...(shared ?? [])].slice(0, MAX_SHARED_TOLD));
        return [account, { answers: answers + waiting, shared: told, paused }];
      }),
    );
  }

  /** What the others have said of theirs, after `mine` was told to them. */
  heard(mine: ReplicaLoad, others: OtherLoad[]): void {
    this.#shares.heard(mine, others, this.#now());
    for (const account of Object.keys(mine) as AccountId[]) {
      for (const { load, age_ms: ageMs } of others) {
        const paused = Object.entries(load[account]?.paused ?? {}) as [CallKind, number][];
        for (const [kind, ms] of paused) if (ms > ageMs) this.pause(account, kind, ms - ageMs);
      }
      this.#look(account);
    }
  }

  #asked(budget: EditBudget, { account, chat, thread, placeKind }: CallPlace, { purpose, kind }: Call, since: number) {
    const [chatKey, placeKey] = [keyOf(account, chat), keyOf(account, chat, thread)];
    const limit = budget.chat(placeKind);
    const counted = isCounted(limit, kind);
    const share = () => (placeKind === "private" && thread === "" ? 1 : this.#shares.ofChat(account, chat));
    const spare = purpose === "draft" || purpose === "typing";
    return {
      rank: PURPOSES.indexOf(purpose),
      since,
      spare,
      chatWaitMs: (now: number) => {
        const drafted = purpose === "draft" ? this.#draftedAt.get(placeKey) : undefined;
        const draftMs = drafted === undefined ? 0 : drafted + limit.draftEveryMs - now;
        const pauseMs = Math.max(draftMs, this.#pauseMs(account, chatKey, kind, now));
        if (!counted) return pauseMs;
        const { bucket } = this.#chat(chatKey, limit.burst, now);
        const part = partOf(limit, share());
        return Math.max(pauseMs, bucket.waitMs(part, spare ? part.reserve : 0, now));
      },
      count: () => {
        const now = this.#now();
        if (counted) this.#chat(chatKey, limit.burst, now).bucket.take();
        if (purpose === "draft" || purpose === "first") this.#rememberDraft(placeKey, now);
      },
    };
  }

  /** For which the platform asked: in the chat, or for calls of that kind. */
  #pauseMs(account: AccountId, chatKey: string, kind: CallKind, now: number): number {
    const blockedUntil = this.#chats.get(chatKey)?.blockedUntil ?? 0;
    return Math.max(blockedUntil, this.#pausedUntil.get(account)?.get(kind) ?? 0) - now;
  }

  #rememberDraft(key: string, now: number): void {
    this.#draftedAt.delete(key);
    this.#draftedAt.set(key, now);
    if (this.#draftedAt.size <= MAX_CHATS) return;
    for (const oldest of this.#draftedAt.keys()) {
      this.#draftedAt.delete(oldest);
      break;
    }
  }

  #line(budget: EditBudget, account: AccountId, kind: CallKind): CallLine {
    const limit = budget.account.find((each) => isCounted(each, kind)) ?? null;
    const lines = this.#lines.get(account) ?? new Map<CallLimit | null, CallLine>();
    this.#lines.set(account, lines);
    const known = lines.get(limit);
    if (known) return known;
    const line = new CallLine({
      limit,
      share: () => this.#shares.ofAccount(account),
      streams: () => this.#streams.get(account)?.answers ?? 0,
      now: this.#now,
    });
    lines.set(limit, line);
    return line;
  }

  #look(account: AccountId): void {
    for (const line of this.#lines.get(account)?.values() ?? []) line.look();
  }

  #chat(key: string, burst: number, now: number): ChatState {
    const known = this.#chats.get(key);
    if (known) return known;
    if (this.#chats.size >= MAX_CHATS) this.#forget(now);
    const fresh = { bucket: new TokenBucket(burst, now), blockedUntil: 0 };
    this.#chats.set(key, fresh);
    return fresh;
  }

  /** Drops what nobody called for ten minutes, and if that is nothing, the oldest half; never a pause. */
  #forget(now: number): void {
    for (const [key, { blockedUntil, bucket }] of this.#chats) {
      if (blockedUntil < now && now - bucket.at > 600_000) this.#chats.delete(key);
    }
    if (this.#chats.size < MAX_CHATS) return;
    const open = [...this.#chats].filter(([, chat]) => chat.blockedUntil <= now);
    for (const [key] of open.slice(0, MAX_CHATS / 2)) this.#chats.delete(key);
  }
}

function isCounted({ calls }: CallLimit, kind: CallKind): boolean {
  return calls === undefined || calls.includes(kind);
}

function keyOf(account: AccountId, chat: string, thread = ""): string {
  return `${account} ${chat} ${thread}`;
}
