import type { AccountId } from "../ids.ts";
import type { OtherLoad, ReplicaLoad } from "../store/replicas.ts";

/** This part of a budget is everybody's alike, so that who has nothing to send yet can begin. */
const EVEN_PART = 0.2;

/** Of one of whose beginning not everybody has heard: a platform takes a little more than its rate for some seconds. */
const BEGINNERS_PART = 0.1;

/** Ages are told by the database's clock and compared with this process's. */
const CLOCKS_MS = 20;

/**
 * Which part of a budget is this replica's, from 0 to 1: its part of the answers that stream or wait on all replicas, as
 * far as it has heard. Of its own it counts only those of which everybody else has heard, and made room, so that the
 * shares never add up to more than the whole, however late somebody renews.
 */
export class BudgetShares {
  readonly #shares = new Map<string, number>();
  /** What everybody has heard of its own, at least. */
  #known: ReplicaLoad = {};
  /** The least of what it has said since, and from when on: somebody may not have heard of that yet. */
  #pending: { load: ReplicaLoad; since: number } | null = null;
  #others: readonly ReplicaLoad[] = [];
  /** Somebody may not know yet that this replica is there, and uses its part as well. */
  #isNew = true;

  /** Of an account's budget. A replica that says nothing of its accounts yet may be about to use any of them. */
  ofAccount(account: AccountId): number {
    return this.#share(account, (load) => (isSilent(load) ? 0 : load[account]?.answers));
  }

  /** Of a chat's budget: some have topics or threads that are answered by several replicas. */
  ofChat(account: AccountId, chat: string): number {
    return this.#share(`${account} ${chat}`, (load) => load[account]?.shared?.[chat]);
  }

  /** `mine` was told just now, at `now` in ms, and the others have said theirs some time before. */
  heard(mine: ReplicaLoad, others: readonly OtherLoad[], now: number): void {
    const since = this.#pending?.since ?? now;
    if (others.length === 0) this.#isNew = false;
    const isKnown = this.#pending !== null && others.every(({ age_ms: ageMs }) => ageMs + CLOCKS_MS < now - since);
    if (isKnown) {
      this.#known = this.#pending!.load;
      this.#isNew = false;
    }
    // Who has heard of less than it has now sends more for that.
    const least = this.#pending && !isKnown ? lesser(this.#pending.load, mine) : mine;
    this.#pending = { load: least, since: isKnown ? now : since };
    this.#others = others.map(({ load }) => load);
    this.#shares.clear();
  }

  #share(budget: string, answersOf: (load: ReplicaLoad) => number | undefined): number {
    const known = this.#shares.get(budget);
    if (known !== undefined) return known;
    const peers = this.#others.map(answersOf).filter((answers) => answers !== undefined);
    const mine = Math.min(...[this.#known, this.#pending?.load ?? {}].map((load) => answersOf(load) ?? 0));
    const all = peers.reduce((sum, answers) => sum + answers, mine);
    const even = 1 / (peers.length + 1);
    const part = all === 0 || peers.length === 0 ? even : EVEN_PART * even + (1 - EVEN_PART) * (mine / all);
    const share = this.#isNew && peers.length > 0 ? Math.min(part, BEGINNERS_PART) : part;
    this.#shares.set(budget, share);
    return share;
  }
}

/** Of each number the lesser; what one of them does not name is none. */
function lesser(one: ReplicaLoad, other: ReplicaLoad): ReplicaLoad {
  const accounts = Object.entries(one) as [AccountId, ReplicaLoad[AccountId]][];
  return Object.fromEntries(
    accounts.flatMap(([account, { answers, shared = {} }]) => {
      const there = other[account];
      if (!there) return [];
      const chats = Object.entries(shared).map(([chat, here]) => [chat, Math.min(here, there.shared?.[chat] ?? 0)]);
      return [[account, { answers: Math.min(answers, there.answers), shared: Object.fromEntries(chats) }]];
    }),
  );
}

function isSilent(load: ReplicaLoad): boolean {
  return Object.keys(load).length === 0;
}
