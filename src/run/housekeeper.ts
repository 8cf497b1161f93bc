import type { Retention } from "../agent/retention.ts";
import type { ErasureId, ReplicaId } from "../ids.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Log } from "../platform/platform-adapter.ts";
import { eraseLate, eraseNext } from "../store/erasures.ts";
import { deleteStale } from "../store/housekeeping.ts";
import {
  holdHousekeeping,
  housekeepingState,
  leaveHousekeeping,
  recordHousekeeping,
} from "../store/housekeeping-lease.ts";
import type { Root } from "../store/schema.ts";

const LEASE_MS = 30_000;
/** A long round renews its lease between batches. */
const RENEW_MS = 10_000;
/** Everything is looked through this often. */
const SWEEP_MS = 600_000;

export interface HousekeeperParts {
  db: Root;
  replica: ReplicaId;
  /** Asked at every round: its file is reloaded. */
  retention: () => Retention;
  metrics: Metrics;
  log: Log;
  signal: AbortSignal;
}

/**
 * Keeps house for all replicas while it holds the one lease: erases people who are to be erased, and deletes what is
 * older than the policy. Whatever is half done when a process dies, the next holder goes on with.
 */
export class Housekeeper {
  readonly #parts: HousekeeperParts;

  constructor(parts: HousekeeperParts) {
    this.#parts = parts;
  }

  async round(): Promise<void> {
    const { db, replica, metrics, log, retention } = this.#parts;
    const held = await holdHousekeeping(db, replica, LEASE_MS);
    if (held) {
      const goOn = this.#lease();
      const count = (table: string, rows: number): void => metrics.housekeepingDeleted.inc({ table }, rows);
      const failed = (erasure: ErasureId, err: unknown): void => log.error({ erasure, err }, "an erasure cannot go on");
      for (;;) {
        const erased = await eraseNext(db, goOn, failed);
        if (!erased) break;
        log.info({ erasure: erased.id, user_id: erased.user }, "a person was erased");
      }
      await eraseLate(db, goOn, failed);
      if (held.idleMs >= SWEEP_MS) {
        const deleted = await deleteStale(db, retention(), { goOn, onDeleted: count });
        if (await goOn()) await recordHousekeeping(db, replica);
        if (deleted > 0) log.info({ deleted }, "stale rows were deleted");
      }
    }
    const { succeededAt } = await housekeepingState(db);
    if (succeededAt) metrics.housekept.set(succeededAt.getTime() / 1000);
  }

  /** Another replica need not wait for the lease to end. */
  async leave(): Promise<void> {
    await leaveHousekeeping(this.#parts.db, this.#parts.replica);
  }

  /** Whether to go on with a round: renews the lease in time; false = it is lost, or the replica stops. */
  #lease(): () => Promise<boolean> {
    const { db, replica, signal } = this.#parts;
    let renewedAt = performance.now();
    return async () => {
      if (signal.aborted) return false;
      if (performance.now() - renewedAt < RENEW_MS) return true;
      renewedAt = performance.now();
      return (await holdHousekeeping(db, replica, LEASE_MS)) !== null;
    };
  }
}
