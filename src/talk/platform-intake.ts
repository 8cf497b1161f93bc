import { setTimeout as sleep } from "node:timers/promises";
import { errorCode } from "../errors.ts";
import type { ReplicaId } from "../ids.ts";
import type { Accept, Log, PlatformAdapter } from "../platform/platform-adapter.ts";
import { holdIntake, leaveIntake } from "../store/accounts.ts";
import type { Root } from "../store/schema.ts";

const LEASE_MS = 6_000;
/** Of the lease: when it is renewed, and how long a process that stood still waits to hear whether it still has it. */
const RENEW_SHARE = 1 / 3;
const ASK_SHARE = 1 / 6;
/** A replica that is not elected looks again this often. */
const STAND_BY_MS = 1_000;

/**
 * What `/readyz` and metrics say of a platform. `in trouble`: this replica should take in, and does not get through.
 * `refused`: its token does not work; it stays off until there is another one.
 */
export type PlatformState = "connecting" | "standing by" | "taking in" | "in trouble" | "refused";

/**
 * Takes in one account's updates while this replica is elected for it: one poller per bot, however many replicas.
 */
export class PlatformIntake {
  readonly adapter: PlatformAdapter;
  state: PlatformState = "connecting";
  /** It has been connected once: its webhook and its sends work. */
  startedOnce = false;
  readonly #db: Root;
  readonly #replica: ReplicaId;
  readonly #accept: Accept;
  readonly #connected: (adapter: PlatformAdapter) => void;
  readonly #log: Log;
  readonly #signal: AbortSignal;
  readonly #leaseMs: number;
  #wake = new AbortController();

  constructor(
    adapter: PlatformAdapter,
    parts: {
      db: Root;
      replica: ReplicaId;
      accept: Accept;
      connected: (adapter: PlatformAdapter) => void;
      log: Log;
      signal: AbortSignal;
      leaseMs?: number;
    },
  ) {
    this.adapter = adapter;
    this.#db = parts.db;
    this.#replica = parts.replica;
    this.#accept = parts.accept;
    this.#connected = parts.connected;
    this.#log = parts.log;
    this.#signal = parts.signal;
    this.#leaseMs = parts.leaseMs ?? LEASE_MS;
  }

  /** One election and, if won, the intake until it is lost. Rejects on trouble; the loop starts it again. */
  async round(): Promise<void> {
    if (this.state === "refused") return pause(60_000, AbortSignal.any([this.#signal, this.#wake.signal]));
    try {
      if (!this.startedOnce) {
        await this.adapter.connect(this.#signal);
        this.startedOnce = true;
        this.#connected(this.adapter);
        this.state = "standing by";
      }
      if (!(await this.#hold())) return await pause(STAND_BY_MS, this.#signal);
      this.state = "taking in";
      await this.#takeIn();
    } catch (error) {
      if (errorCode(error) !== "unauthorized") throw error;
      this.state = "refused";
      this.#log.error(
        { err: error, platform: this.adapter.platform },
        "the platform refuses the bot's token; it is off",
      );
      return;
    }
    if (!this.#signal.aborted) this.state = "standing by";
  }

  /** There may be another token: one that was refused is no reason any more. */
  tryAgain(): void {
    if (this.state !== "refused") return;
    this.state = "connecting";
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  /** Lets another replica go on at once. */
  async leave(): Promise<void> {
    if (this.startedOnce) await leaveIntake(this.#db, this.adapter.account, this.#replica);
  }

  #hold(): Promise<boolean> {
    const account = { id: this.adapter.account, platform: this.adapter.platform };
    return holdIntake(this.#db, account, this.#replica, this.#leaseMs);
  }

  async #takeIn(): Promise<void> {
    const lost = new AbortController();
    const signal = AbortSignal.any([this.#signal, lost.signal]);
    const over = new AbortController();
    const renewing = this.#renew(AbortSignal.any([signal, over.signal])).finally(() => lost.abort());
    try {
      await this.adapter.start(this.#accept, signal, (works) => {
        if (!signal.aborted) this.state = works ? "taking in" : "in trouble";
      });
    } finally {
      over.abort();
      await renewing;
    }
  }

  /** Ends when the election is lost, or the database was away for as long as the lease lasts. */
  async #renew(signal: AbortSignal): Promise<void> {
    let heldAt = performance.now();
    while (!signal.aborted) {
      await pause(this.#leaseMs * RENEW_SHARE, signal);
      if (signal.aborted) return;
      const startedAt = performance.now();
      // A database that does not answer must not keep a poller that may have a successor by then.
      const leftMs = Math.max(this.#leaseMs * ASK_SHARE, heldAt + this.#leaseMs + 1 - performance.now());
      const late = pause(leftMs, signal).then(() => null);
      const held = await Promise.race([this.#hold().catch(() => null), late]);
      if (held === false || (held === null && performance.now() - heldAt > this.#leaseMs)) return;
      if (held) heldAt = startedAt;
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
