import { errorCode } from "../errors.ts";
import type { BusyPolicy } from "../agent/busy-policy.ts";
import type { RunId, SessionId } from "../ids.ts";
import {
  type ClaimedLane,
  claimLanes,
  deleteLane,
  type LaneState,
  readLanes,
  releaseLane,
  renewLeases,
} from "../store/lanes.ts";
import { insertRuns, takeOverRun } from "../store/runs.ts";
import type { Trx } from "../store/schema.ts";
import { withdrawArrivals } from "../store/inbox.ts";
import { retrying, withTransaction } from "../store/transaction.ts";
import { runLevels } from "../store/run-levels.ts";
import { closeOpenQuestions } from "./close-questions.ts";
import { decideDrain, type DrainDecision } from "./drain.ts";
import { admit, type AskedToCompact } from "./admit.ts";
import { accountOf, type Start } from "./fresh-run.ts";
import { endByLevel, meetLevel } from "./meet-level.ts";
import { tellWhileWaiting } from "./tell-while-waiting.ts";
import { Doorbell } from "./hints.ts";
import { runAtWork } from "./run-at-work.ts";
import type { RunRoom } from "./run-room.ts";
import type { ClaimedRun } from "./claimed-run.ts";
import { RunWorker } from "./run-worker.ts";
import { LEASE_MS } from "../store/lanes.ts";

const POLL_MS = 250;
/** Lanes of one claim; more are claimed in the next round, at once. */
const MAX_CLAIM = 100;
/** A database that did not answer for this long may have let our leases run out, and everybody else's too. */
const GAP_MS = 2_000;
/** A lane whose account is not connected here is left to others this long. */
const ELSEWHERE_MS = 1_000;
/** Whoever writes while a run waits for people is told so after this long. */
const TELL_MS = 1_000;
/** A lane whose claim fails by itself is tried again after this long, or when something arrives. */
const ASIDE_MS = 60_000;

export interface ClaimLoopOptions {
  /** Runs at once. */
  slots: number;
  /** What becomes of messages that find a run of this lane's session under way. */
  policyFor(lane: LaneState): BusyPolicy;
  signal: AbortSignal;
}

/**
 * Finds work for this replica: claims lanes, resumes or drains them in the same transaction, and gives each run a
 * worker. Also keeps the leases, and ends runs that were stopped or interrupted, wherever that was said.
 */
export class ClaimLoop {
  readonly #room: RunRoom;
  readonly #options: ClaimLoopOptions;
  readonly #bell = new Doorbell();
  /** By run and attempt: after a stall this replica may take over from itself. */
  readonly #workers = new Map<string, { worker: RunWorker; done: Promise<void> }>();
  readonly #unhint: (() => void)[];
  /** Nobody else's lease counts as run out before this time: they may just not have reached the database either. */
  #takeOverFrom = performance.now() + LEASE_MS;
  /** When the database last did what this replica asked, by `performance.now()`. */
  #answeredAt = performance.now();
  #claiming: Promise<number> = Promise.resolve(0);
  #draining = false;

  constructor(room: RunRoom, options: ClaimLoopOptions) {
    this.#room = room;
    this.#options = options;
    this.#unhint = [
      room.hints.onWork(this.#bell.ring),
      room.hints.onLevels((session) => {
        const here = this.#workersHere().filter(({ claimed }) => claimed.session === session);
        void this.#endByLevels(here).catch(() => undefined);
      }),
    ];
  }

  get running(): number {
    return this.#workers.size;
  }

  /** One claim, then a wait for a hint or 250 ms. */
  async round(): Promise<void> {
    const free = Math.min(MAX_CLAIM, this.#options.slots - this.#workers.size);
    if (free > 0 && !this.#draining) {
      this.#claiming = this.#claimAndStart(free);
      if ((await this.#claiming) === free) return;
    }
    await this.#bell.wait(POLL_MS, this.#options.signal);
  }

  /** Returns how many lanes were looked at. A lane that cannot be worked on keeps no other from its turn. */
  async #claimAndStart(free: number): Promise<number> {
    const tried: ClaimedLane[] = [];
    try {
      const runs = await this.#claim(free, tried);
      this.#noticeGap();
      this.#answeredAt = performance.now();
      for (const run of runs) this.#start(run);
      // What people were told of these messages is taken back.
      if (runs.some(({ told }) => told)) this.#room.hints.outbox();
    } catch (error) {
      if (tried.length === 0 || errorCode(error) === "unavailable") throw error;
      if (tried.length === 1) await this.#setAside(tried[0]!, error);
      else for (let each = tried.length; each > 0; each--) await this.#claimAndStart(1);
    }
    return tried.length;
  }

  /** The claim was rolled back, so the lane has the lease number it had before. */
  async #setAside(lane: ClaimedLane, error: unknown): Promise<void> {
    this.#room.log.error({ err: error, session_id: lane.session_id }, "a lane cannot be worked on and is set aside");
    await retrying(() => releaseLane(this.#room.db, { ...lane, lease_no: lane.lease_no - 1 }, ASIDE_MS));
  }

  /**
   * Renews every lease: runs whose lane another replica has taken are dropped, and pages that it has taken are not shown
   * from here. Replicas also hear of each other's load.
   */
  async renew(): Promise<void> {
    const startedAt = performance.now();
    const workers = this.#workersHere();
    const lanes = workers.map((worker) => worker.claimed.lane);
    const { db, replica, delivery } = this.#room;
    const load = delivery.load();
    const pages = this.#room.pagesInFlight();
    const { kept, keptPages, others } = await renewLeases(db, replica, lanes, pages, load);
    delivery.heard(load, others);
    const mine = new Set(kept.map(laneKey));
    for (const worker of workers) if (!mine.has(laneKey(worker.claimed.lane))) worker.lose();
    this.#room.pagesRenewed(pages, keptPages, startedAt);
    delivery.confirmedAt = startedAt;
    this.#noticeGap();
    this.#answeredAt = performance.now();
  }

  /** Ends the runs here that a stop or a newer message ends. Levels, not events: looking again is harmless. */
  async checkLevels(): Promise<void> {
    await this.#endByLevels(this.#workersHere());
  }

  /** Writes the events that are due. */
  async flushEvents(): Promise<void> {
    await this.#room.events.flushDue((log) => this.#workers.get(workerKey(log.run, log.attempt))?.worker.lose());
  }

  /** Claims nothing more, and waits for the runs here until `deadline`; the rest is left for another replica. */
  async drain(deadline: AbortSignal): Promise<void> {
    this.#draining = true;
    for (const unhint of this.#unhint) unhint();
    const leave = () => this.#workersHere().forEach((worker) => worker.end("shutdown"));
    // A claim under way may still bring runs.
    await this.#claiming.catch(() => 0);
    if (deadline.aborted) leave();
    deadline.addEventListener("abort", leave, { once: true });
    while (this.#workers.size > 0) await Promise.all([...this.#workers.values()].map(({ done }) => done));
    deadline.removeEventListener("abort", leave);
  }

  #workersHere(): RunWorker[] {
    return Array.from(this.#workers.values(), ({ worker }) => worker);
  }

  async #endByLevels(workers: RunWorker[]): Promise<void> {
    if (workers.length === 0) return;
    const runs = workers.map(({ claimed }) => ({ session: claimed.session, id: claimed.id }));
    const levels = new Map((await runLevels(this.#room.db, runs)).map((level) => [level.id, level]));
    const goesOn = workers.filter((worker) => {
      const level = levels.get(worker.claimed.id);
      return level !== undefined && !endByLevel(worker, level);
    });
    for (const worker of goesOn) {
      // One that cannot be told keeps no other from it; the next look tries again.
      await meetLevel(this.#room, worker, levels.get(worker.claimed.id)!).catch((error: unknown) =>
        this.#room.log.warn({ err: error, run_id: worker.claimed.id }, "people of waiting messages were not told"),
      );
    }
  }

  /**
   * After a time without an answer, whether the database was away or this process stood still, a full lease passes
   * before anybody else's lease counts as run out.
   */
  #noticeGap(): void {
    const now = performance.now();
    if (now - this.#answeredAt > GAP_MS) this.#takeOverFrom = now + LEASE_MS;
  }

  #start(run: ClaimedRun): void {
    const log = this.#room.log.child({
      session_id: run.session,
      run_id: run.id,
      trace_id: run.trace,
      agent: run.agent,
      attempt: run.attempt,
    });
    const worker = new RunWorker(this.#room, run, log);
    const key = workerKey(run.id, run.attempt);
    const done = runAtWork
      .run(run.id, () => worker.work())
      .finally(() => {
        // A lane that has more to do was hinted at by the merge; here only the free slot is new.
        const wasFull = this.#workers.size >= this.#options.slots;
        this.#workers.delete(key);
        if (wasFull) this.#bell.ring();
      });
    this.#workers.set(key, { worker, done });
    if (run.attempt > 1 && !run.asked) this.#room.metrics.takeovers.inc();
    else if (run.budget?.refused) this.#room.metrics.budgetRefusals.inc({ scope: run.budget.refused });
    this.#room.metrics.queueWait.observe(Math.max(0, Date.now() - run.queuedMs) / 1000);
  }

  /** `tried`: the lanes it took, also if it then fails. */
  async #claim(free: number, tried: ClaimedLane[]): Promise<ClaimedRun[]> {
    const { db, replica } = this.#room;
    return withTransaction(db, async (trx) => {
      // Not before it has begun: that may have waited for a database that was away.
      this.#noticeGap();
      const takeOver = performance.now() >= this.#takeOverFrom;
      const claimed = await claimLanes(trx, replica, free, takeOver);
      tried.splice(0, tried.length, ...claimed);
      if (claimed.length === 0) return [];
      const runs: ClaimedRun[] = [];
      const starts: Start[] = [];
      const compacting: AskedToCompact[] = [];
      const draining = new Set<SessionId>();
      for (const lane of await readLanes(trx, claimed)) {
        const account = accountOf(lane);
        if (account && !this.#room.delivery.adapter(account)) {
          // Its platform has not been reached from here yet, so the answer could not be shown.
          await releaseLane(trx, lane, ELSEWHERE_MS);
          continue;
        }
        const policy = this.#options.policyFor(lane);
        const decision = decideDrain(lane, policy);
        if (decision.kind === "start" && draining.has(lane.session_id)) {
          // Another lane of the session takes all that waits.
          await releaseLane(trx, lane, 0);
          continue;
        }
        if (decision.kind === "start") {
          draining.add(lane.session_id);
          // What did not fit into this turn does not interrupt it.
          starts.push({ lane, decision, policy: decision.more ? "queue" : policy });
          if (decision.withdrawn.length > 0) await withdrawArrivals(trx, lane.session_id, decision.withdrawn);
        } else if (decision.kind === "compact") {
          compacting.push({ lane, asked: decision.asked });
        } else {
          const resumed = await this.#settle(trx, lane, decision);
          if (resumed) runs.push(resumed);
        }
        const blockedMs = (lane.place?.blocked_ms ?? 0) - lane.now_ms;
        if (lane.place && blockedMs > 0) {
          this.#room.delivery.scheduler.block(lane.place.account_id, lane.place.chat, blockedMs);
        }
      }
      // Last, because it may lock what many runs share.
      const begun = await admit(trx, this.#room, starts, compacting);
      if (begun.length > 0)
        await insertRuns(
          trx,
          replica,
          begun.map(({ run }) => run),
        );
      return [...runs, ...begun.map(({ claimed: fresh }) => fresh)];
    });
  }

  /** Everything but a fresh start; returns the run that goes on, if there is one. */
  async #settle(
    trx: Trx,
    lane: LaneState,
    decision: Exclude<DrainDecision, { kind: "start" | "compact" }>,
  ): Promise<ClaimedRun | null> {
    if (decision.kind === "wait") {
      const told = lane.run ? await tellWhileWaiting(trx, this.#room, lane, lane.run) : "all";
      await releaseLane(trx, lane, told === "all" ? decision.delayMs : Math.min(decision.delayMs, TELL_MS));
      return null;
    }
    if (decision.kind === "idle") {
      if (decision.withdrawn.length > 0) await withdrawArrivals(trx, lane.session_id, decision.withdrawn);
      if (decision.more || !(await deleteLane(trx, lane, lane.arrivals))) await releaseLane(trx, lane, 0);
      return null;
    }
    const run = lane.run as NonNullable<LaneState["run"]>;
    if (run.state === "waiting") {
      const without = decision.end === null ? "expired" : "cancelled";
      await closeOpenQuestions(trx, this.#room, lane.session_id, run, without);
    }
    const attempt = await takeOverRun(trx, this.#room.replica, lane.session_id, run.id);
    return {
      session: lane.session_id,
      user: lane.user_id,
      id: run.id,
      trace: run.trace_id,
      lane: { session_id: lane.session_id, lane: lane.lane, lease_no: lane.lease_no },
      arrivals: lane.arrivals,
      moreWaits: lane.waiting.length > 0 || lane.compact !== null,
      agent: run.agent,
      model: run.asked === null ? lane.model : null,
      follows: lane.answered_by,
      language: run.language,
      attempt,
      target: run.reply_target,
      firstPage: null,
      turn: null,
      asked: run.state === "waiting",
      crashed: run.state === "running" && !run.handed_over,
      joined: run.state === "waiting" && run.policy === "steer" && lane.waiting.length > 0,
      budget: run.budget,
      end: decision.end,
      queuedMs: run.queued_ms,
    };
  }
}

function workerKey(run: RunId, attempt: number): string {
  return `${run} ${attempt}`;
}

function laneKey(lane: ClaimedLane): string {
  return `${lane.session_id} ${lane.lane} ${lane.lease_no}`;
}
