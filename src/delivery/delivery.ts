import type { AccountId } from "../ids.ts";
import type { CallKind, Log, PlatformAdapter } from "../platform/platform-adapter.ts";
import type { OtherLoad, ReplicaLoad } from "../store/replicas.ts";
import { blockChat, markChatGone, moveChat } from "../store/places.ts";
import type { Root } from "../store/schema.ts";
import { withTransaction } from "../store/transaction.ts";
import { CallScheduler } from "./call-scheduler.ts";
import { DraftPosts } from "./draft-posts.ts";
import type { SendFailure } from "./send-failure.ts";

/** Half a lease, on the monotonic clock: nothing is shown later than this after the lease was last confirmed. */
const SEND_LEASE_MS = 3_000;

/** What sending needs to know and what sends teach about places; shared by drafts and finals of one replica. */
export class Delivery {
  readonly db: Root;
  readonly log: Log;
  readonly scheduler: CallScheduler;
  readonly drafts: DraftPosts;
  /** When a renewal of all leases last began that then succeeded, by `performance.now()`. */
  confirmedAt = Number.NEGATIVE_INFINITY;
  readonly #adapters: ReadonlyMap<AccountId, PlatformAdapter>;

  constructor(db: Root, adapters: ReadonlyMap<AccountId, PlatformAdapter>, log: Log, scheduler = new CallScheduler()) {
    this.db = db;
    this.#adapters = adapters;
    this.log = log;
    this.scheduler = scheduler;
    this.drafts = new DraftPosts(db);
  }

  /** Some platform has been reached from here. */
  get connected(): boolean {
    return this.#adapters.size > 0;
  }

  /** The accounts that have been reached, and whether their posts can be found again. */
  get accounts(): { id: AccountId; marks: boolean }[] {
    return Array.from(this.#adapters, ([id, { marks }]) => ({ id, marks: marks !== undefined }));
  }

  /** Whether what this replica began to claim at `claimedAt`, a run or a page, certainly is still its own. */
  leaseHolds(claimedAt: number): boolean {
    return performance.now() - Math.max(claimedAt, this.confirmedAt) < SEND_LEASE_MS;
  }

  adapter(account: AccountId): PlatformAdapter | undefined {
    return this.#adapters.get(account);
  }

  /**
   * Remembers what a failure says about the place, for this replica and for all. Never rejects. `call`: what failed; a
   * platform that counts such calls in the account alone means them all when it refuses one for haste.
   */
  async learn(account: AccountId, chat: string, failure: SendFailure, call: CallKind = "post"): Promise<void> {
    try {
      if (failure.kind === "blocked" && !this.#countsInChats(account, call)) {
        this.log.warn({ account, chat, call, ms: failure.ms }, "the platform asked for a pause");
        this.scheduler.pause(account, call, failure.ms);
      } else if (failure.kind === "blocked") {
        this.scheduler.block(account, chat, failure.ms);
        this.log.warn({ account, chat, ms: failure.ms }, "the platform asked for a pause in a chat");
        await withTransaction(this.db, (trx) => blockChat(trx, account, chat, failure.ms));
      } else if (failure.kind === "gone") {
        this.log.warn({ account, chat }, "a chat cannot be written to any more");
        await withTransaction(this.db, (trx) => markChatGone(trx, account, chat, true));
      } else if (failure.kind === "moved") {
        await withTransaction(this.db, (trx) => moveChat(trx, account, chat, failure.chat));
      }
    } catch (error) {
      this.log.error({ err: error, account, chat }, "could not record what a platform said of a chat");
    }
  }

  /** What this replica sends just now, for the others. */
  load(): ReplicaLoad {
    return this.scheduler.load([...this.#adapters.keys()]);
  }

  /** What the others send, since they were told of `mine`. */
  heard(mine: ReplicaLoad, others: OtherLoad[]): void {
    this.scheduler.heard(mine, others);
  }

  #countsInChats(account: AccountId, call: CallKind): boolean {
    const calls = this.#adapters.get(account)?.editing?.budget.chat("group").calls;
    return calls === undefined || calls.includes(call);
  }
}
