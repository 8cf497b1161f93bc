import type { AccountId } from "../ids.ts";
import type { ReplicaLoad } from "../store/replicas.ts";

/** This part of a budget is everybody's alike, so that who has nothing to send yet can begin. */
const EVEN_PART = 0.2;

/**
 * Which part of a budget is this replica's, from 0 to 1: its part of the answers that stream or wait on all replicas, as
 * far as it has heard. Of its own it counts only those it told of twice: by then everybody has heard of them and made
 * room, so that the shares never add up to more than the whole.
 */
export class BudgetShares {
  readonly #shares = new Map<string, number>();
  /** What it said last, and before that. */
  #told: [last: ReplicaLoad, before: ReplicaLoad] = [{}, {}];
  #others: readonly ReplicaLoad[] = [];

  /** Of an account's budget. A replica that says nothing of its accounts yet may be about to use any of them. */
  ofAccount(account: AccountId): number {
    return this.#share(account, (load) => (isSilent(load) ? 0 : load[account]?.answers));
  }

  /** Of a chat's budget: some have topics or threads that are answered by several replicas. */
  ofChat(account: AccountId, chat: string): number {
    return this.#share(`${account} ${chat}`, (load) => load[account]?.shared?.[chat]);
  }

  heard(mine: ReplicaLoad, others: readonly ReplicaLoad[]): void {
    this.#told = [mine, this.#told[0]];
    this.#others = others;
    this.#shares.clear();
  }

  #share(budget: string, answersOf: (load: ReplicaLoad) => number | undefined): number {
    const known = this.#shares.get(budget);
    if (known !== undefined) return known;
    const peers = this.#others.map(answersOf).filter((answers) => answers !== undefined);
    const mine = Math.min(...this.#told.map((load) => answersOf(load) ?? 0));
    const all = peers.reduce((sum, answers) => sum + answers, mine);
    const even = 1 / (peers.length + 1);
    const share = all === 0 || peers.length === 0 ? even : EVEN_PART * even + (1 - EVEN_PART) * (mine / all);
    this.#shares.set(budget, share);
    return share;
  }
}

function isSilent(load: ReplicaLoad): boolean {
  return Object.keys(load).length === 0;
}
