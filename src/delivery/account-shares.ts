import type { AccountId } from "../ids.ts";
import type { ReplicaLoad } from "../store/replicas.ts";

/** This part of an account is everybody's alike, so that who has nothing to send yet can begin. */
const EVEN_PART = 0.2;

interface Share {
  now: number;
  before: number;
}

/**
 * Which part of each account's budget is this replica's: its part of the chats that stream or wait on all replicas, as
 * far as it has heard. A smaller share holds at once, a larger one only when it is heard again: by then the others have
 * heard as well and made room. Who says nothing of its accounts yet may be about to use any of them.
 */
export class AccountShares {
  readonly #shares = new Map<AccountId, Share>();
  #others: readonly ReplicaLoad[] = [];

  of(account: AccountId): number {
    const { now, before } = this.#shares.get(account) ?? this.#learn(account, 0);
    return Math.min(now, before);
  }

  heard(mine: ReplicaLoad, others: readonly ReplicaLoad[]): void {
    this.#others = others;
    for (const account of this.#shares.keys()) this.#learn(account, mine[account]?.chats ?? 0);
    for (const account of Object.keys(mine) as AccountId[]) {
      if (!this.#shares.has(account)) this.#learn(account, mine[account]!.chats);
    }
  }

  #learn(account: AccountId, chats: number): Share {
    const peers = this.#others.filter((load) => account in load || Object.keys(load).length === 0);
    const all = peers.reduce((sum, load) => sum + (load[account]?.chats ?? 0), chats);
    const least = peers.length === 0 ? 1 : EVEN_PART / (peers.length + 1);
    const now = all === 0 || peers.length === 0 ? 1 / (peers.length + 1) : least + (1 - EVEN_PART) * (chats / all);
    const share = { now, before: this.#shares.get(account)?.now ?? least };
    this.#shares.set(account, share);
    return share;
  }
}
