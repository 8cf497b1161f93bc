import type { AccountId } from "../ids.ts";
import type { ReplicaLoad } from "../store/replicas.ts";

/** This part of an account is everybody's alike, so that who has nothing to send yet can begin. */
const EVEN_PART = 0.2;

/**
 * Which part of each account's budget is this replica's: its part of the chats that stream or wait on all replicas, as
 * far as it has heard. Of its own it counts only those it told of twice: by then everybody has heard of them and made
 * room, so that the shares never add up to more than the whole. Who says nothing of its accounts yet may be about to use
 * any of them.
 */
export class AccountShares {
  readonly #shares = new Map<AccountId, number>();
  #told: ReplicaLoad = {};
  #others: readonly ReplicaLoad[] = [];

  of(account: AccountId): number {
    const share = this.#shares.get(account) ?? this.#shareOf(account, 0);
    this.#shares.set(account, share);
    return share;
  }

  heard(mine: ReplicaLoad, others: readonly ReplicaLoad[]): void {
    this.#others = others;
    const accounts = new Set([...this.#shares.keys(), ...(Object.keys(mine) as AccountId[])]);
    for (const account of accounts) {
      const chats = Math.min(this.#told[account]?.chats ?? 0, mine[account]?.chats ?? 0);
      this.#shares.set(account, this.#shareOf(account, chats));
    }
    this.#told = mine;
  }

  #shareOf(account: AccountId, chats: number): number {
    const peers = this.#others.filter((load) => account in load || Object.keys(load).length === 0);
    const all = peers.reduce((sum, load) => sum + (load[account]?.chats ?? 0), chats);
    if (all === 0 || peers.length === 0) return 1 / (peers.length + 1);
    return EVEN_PART / (peers.length + 1) + (1 - EVEN_PART) * (chats / all);
  }
}
