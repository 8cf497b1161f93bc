import { setTimeout as sleep } from "node:timers/promises";
import type { AgentCard } from "./agent/agent-card.ts";
import type { AgentRunner } from "./agent/agent-runner.ts";
import { busyPolicyFor } from "./agent/agent-settings.ts";
import type { Agents } from "./agent/agents.ts";
import type { BusyPolicy } from "./agent/busy-policy.ts";
import type { DocumentReader } from "./agent/document-reader.ts";
import type { ModelClient } from "./agent/model-client.ts";
import { RETENTION_DAYS } from "./agent/retention.ts";
import type { ToolServers } from "./agent/tool-servers.ts";
import type { ToolSource } from "./agent/tool-source.ts";
import type { Transcriber } from "./agent/transcriber.ts";
import { countSends } from "./delivery/count-sends.ts";
import { Delivery } from "./delivery/delivery.ts";
import { Dispatcher } from "./delivery/dispatcher.ts";
import type { Readiness } from "./http/readiness.ts";
import { type AccountId, newId, type ReplicaId, type RunId } from "./ids.ts";
import { countAgentRuns } from "./observe/count-agent-runs.ts";
import { countModelRequests } from "./observe/count-model-requests.ts";
import type { Logger } from "./observe/log.ts";
import type { Metrics } from "./observe/metrics.ts";
import type { AccessPolicy } from "./platform/access-gate.ts";
import { normalisePairingCode } from "./platform/pairing-code.ts";
import type { PlatformAdapter } from "./platform/platform-adapter.ts";
import { ClaimLoop } from "./run/claim-loop.ts";
import { Hints } from "./run/hints.ts";
import { Housekeeper } from "./run/housekeeper.ts";
import { RunRoom, type RunRoomParts } from "./run/run-room.ts";
import { every, type SupervisedLoop, startLoop } from "./run/supervised-loop.ts";
import { spareOthers } from "./store/run-levels.ts";
import { audit, type AuditActor } from "./store/audit.ts";
import type { Database } from "./store/database.ts";
import { approvePairing } from "./store/identities.ts";
import { laneBacklog, type LaneState } from "./store/lanes.ts";
import { migrationsFit } from "./store/migrate.ts";
import { readHint } from "./store/notify.ts";
import { fateOf, thisProcess } from "./store/process-identity.ts";
import { registerReplica, releaseReplicas, listReplicas, tellEdits } from "./store/replicas.ts";
import { withTransaction } from "./store/transaction.ts";
import { countParked } from "./store/troubled-pages.ts";
import { AgentService } from "./talk/agent-service.ts";
import { Intake } from "./talk/intake.ts";
import { PlatformIntake } from "./talk/platform-intake.ts";
import type { WebDoor } from "./talk/web-command.ts";

/** Runs of one replica at once. */
const DEFAULT_SLOTS = 1_000;
const RENEW_MS = 2_000;
const LEVELS_MS = 500;
const FLUSH_MS = 100;
const RELOAD_MS = 2_000;
const TRACES_MS = 250;
const GAUGES_MS = 5_000;
/** So soon another replica keeps house, or somebody begins to be erased. */
const HOUSEKEEPING_MS = 5_000;
const PING_MS = 1_500;
const CLOSE_MS = 1_000;
/** After the grace: for the last calls and statements under way. */
const LEAVE_MS = 5_000;

export interface GatewayParts {
  database: Database;
  adapters: PlatformAdapter[];
  agents: Agents;
  model: ModelClient;
  tools: ToolSource;
  /** What an agent has besides. */
  toolsOf: (card: AgentCard) => ToolSource[];
  servers: ToolServers;
  runner: AgentRunner;
  documents: DocumentReader;
  /** Null = speech stays unheard. */
  transcriber: Transcriber | null;
  access: AccessPolicy;
  onBusy: BusyPolicy;
  log: Logger;
  metrics: Metrics;
  slots?: number;
  /** Where the web page is; left out: it is off. */
  webDoor?: () => WebDoor;
  /** What becomes of traces besides. */
  tracing?: NonNullable<RunRoomParts["tracing"]>;
}

/** One replica: the rooms joined, their loops, and the order in which they start and stop. */
export class Gateway {
  readonly replica: ReplicaId = newId("rep");
  #toldEdits = "{}";
  readonly service: AgentService;
  readonly intake: Intake;
  readonly #parts: GatewayParts;
  readonly #hints = new Hints();
  readonly #adapters = new Map<AccountId, PlatformAdapter>();
  readonly #intakes: PlatformIntake[];
  readonly #room: RunRoom;
  readonly #claims: ClaimLoop;
  readonly #dispatcher: Dispatcher;
  readonly #housekeeper: Housekeeper;
  readonly #loops: SupervisedLoop[] = [];
  /** Ends what takes work in. */
  readonly #intakeEnd = new AbortController();
  /** Ends everything else. */
  readonly #end = new AbortController();
  #draining = false;

  constructor(parts: GatewayParts) {
    this.#parts = parts;
    const { db } = parts.database;
    const { log, agents, metrics } = parts;
    const delivery = new Delivery(db, this.#adapters, log);
    this.#dispatcher = new Dispatcher(delivery, this.replica, this.#hints, this.#end.signal);
    this.#room = new RunRoom({
      ...parts,
      model: countModelRequests(parts.model, metrics),
      runner: countAgentRuns(parts.runner, metrics),
      db,
      replica: this.replica,
      hints: this.#hints,
      delivery,
      dispatcher: this.#dispatcher,
    });
    const options = {
      slots: parts.slots ?? DEFAULT_SLOTS,
      policyFor: ({ agent, place, on_busy }: LaneState) =>
        busyPolicyFor(agents.settings(), {
          agent,
          place: place && { account: place.account_id, chat: place.chat, thread: place.thread },
          mode: (place ? place.on_busy : on_busy) ?? null,
        }) ?? parts.onBusy,
      signal: this.#end.signal,
    };
    this.#claims = new ClaimLoop(this.#room, options);
    const adapter = (account: string) => this.#adapters.get(account as AccountId);
    this.intake = new Intake({ ...parts, db, replica: this.replica, hints: this.#hints, adapter });
    this.service = new AgentService({
      db,
      intake: this.intake,
      agents,
      hints: this.#hints,
      replica: this.replica,
      adapter,
    });
    this.#housekeeper = new Housekeeper({
      db,
      replica: this.replica,
      retention: () => agents.settings().retention ?? RETENTION_DAYS,
      metrics,
      log,
      signal: this.#end.signal,
    });
    this.#intakes = parts.adapters.map(
      (each) =>
        new PlatformIntake(each, {
          db,
          replica: this.replica,
          accept: (update) => this.intake.accept(update),
          connected: (known) => this.#adapters.set(known.account, countSends(known, metrics)),
          log,
          signal: this.#intakeEnd.signal,
        }),
    );
  }

  /** Adapters that know who they are. */
  connected(): readonly PlatformAdapter[] {
    return [...this.#adapters.values()];
  }

  /** Frees what dead processes of this host left, then starts every loop. Resolves at once; see `readiness`. */
  async start(): Promise<void> {
    const { db } = this.#parts.database;
    const me = thisProcess();
    const others = await listReplicas(db);
    // One data directory, one process: whoever held anything before is gone.
    const alone = this.#parts.database.kind === "embedded";
    const gone = others.filter((other) => alone || fateOf(other, me) === "gone").map(({ id }) => id);
    if (gone.length > 0) await withTransaction(db, (trx) => releaseReplicas(trx, gone));
    await registerReplica(db, this.replica, me);
    // Before anything is sent, so that what others send is known.
    await this.#claims.renew();

    // These two also tell how long the database was away, so they look often.
    this.#loop("claim", () => this.#claims.round(), this.#end.signal, CLOSE_MS);
    this.#every("renew", RENEW_MS, () => this.#claims.renew(), CLOSE_MS);
    this.#every("levels", LEVELS_MS, () => this.#claims.checkLevels());
    this.#every("events", FLUSH_MS, () => this.#claims.flushEvents());
    this.#every("traces", TRACES_MS, () => this.#room.traces.flush());
    this.#loop("delivery", () => this.#dispatcher.round(), this.#end.signal);
    this.#every("agents", RELOAD_MS, () => this.#reloadAgents());
    this.#every("gauges", GAUGES_MS, () => this.#gauge());
    this.#every("housekeeping", HOUSEKEEPING_MS, () => this.#housekeeper.round());
    for (const intake of this.#intakes) {
      this.#loop(`intake ${intake.adapter.platform}`, () => intake.round(), this.#intakeEnd.signal);
    }
    const { database } = this.#parts;
    if (database.listen) {
      const heard = (payload: string) => this.#hear(payload);
      this.#loop("hints", () => database.listen!(heard, this.#end.signal), this.#end.signal);
    }
  }

  /**
   * Stops: no intake, no claims; runs here may finish until `graceMs` is over, the rest is left for another replica;
   * then everything is closed but the database, which its opener closes.
   */
  async stop(graceMs: number): Promise<void> {
    this.#draining = true;
    this.intake.close();
    this.#intakeEnd.abort();
    const grace = AbortSignal.timeout(graceMs);
    await Promise.all(this.#loops.filter(({ name }) => name.startsWith("intake")).map(({ ended }) => ended));
    for (const intake of this.#intakes) await intake.leave().catch(() => undefined);
    // Workers end soon after the grace, but for those that wait for a database that is away.
    await Promise.race([this.#claims.drain(grace), sleep(graceMs + LEAVE_MS)]);
    await Promise.race([this.#dispatcher.settle(), sleep(LEAVE_MS)]);
    this.#room.closed = true;
    this.#dispatcher.abandon();
    this.#end.abort();
    await Promise.all(this.#loops.map(({ ended }) => ended));
    await this.#housekeeper.leave().catch(() => undefined);
    await Promise.race([this.#room.traces.close().catch(() => undefined), sleep(LEAVE_MS, undefined, { ref: false })]);
    await releaseReplicas(this.#parts.database.db, [this.replica]).catch(() => undefined);
    for (const adapter of this.#parts.adapters) await adapter.close();
  }

  async readiness(): Promise<Readiness> {
    const checks: Record<string, string> = {};
    if (this.#draining) checks["gateway"] = "draining";
    checks["database"] = await this.#checkDatabase();
    for (const loop of this.#loops) if (!loop.healthy && !loop.name.startsWith("intake")) checks[loop.name] = "failing";
    let ready = Object.values(checks).every((check) => check === "ok");
    for (const intake of this.#intakes) {
      checks[intake.adapter.platform] = intake.state;
      if (!intake.startedOnce) ready = false;
    }
    return { ready, checks };
  }

  /** Lets the stranger behind a code in; null = no such code, or it is over. */
  approve(code: string, by: AuditActor): ReturnType<typeof approvePairing> {
    return withTransaction(this.#parts.database.db, async (trx) => {
      const approved = await approvePairing(trx, normalisePairingCode(code));
      if (approved) await audit(trx, by, { action: "pairing.approve", target: approved.userId });
      return approved;
    });
  }

  /** Bots whose token was refused are tried with what it is now. */
  tokensChanged(): void {
    for (const intake of this.#intakes) intake.tryAgain();
  }

  /** Before the process dies of what this run's tools have done. */
  async spareOthers(culprit: RunId): Promise<void> {
    await spareOthers(this.#parts.database.db, this.replica, culprit);
  }

  async #checkDatabase(): Promise<string> {
    const { db } = this.#parts.database;
    const late = sleep(PING_MS, "does not answer", { ref: false });
    const answer = migrationsFit(db)
      .then((fit) => (fit ? "ok" : "migrations do not fit"))
      .catch(() => "is away");
    const check = await Promise.race([answer, late]);
    this.#parts.metrics.dbUp.set(check === "ok" ? 1 : 0);
    return check;
  }

  #hear(payload: string): void {
    const sessions = readHint(payload, this.replica);
    if (sessions.length === 0) return;
    this.#hints.work();
    this.#hints.outbox();
    for (const session of sessions) this.#hints.session(session);
  }

  async #gauge(): Promise<void> {
    const { metrics, database } = this.#parts;
    metrics.runsRunning.set(this.#claims.running);
    const pool = database.pool?.();
    if (pool) {
      metrics.dbPoolInUse.set(pool.inUse);
      metrics.dbPoolWaiting.set(pool.waiting);
    }
    for (const intake of this.#intakes) {
      metrics.platformUp.set(
        { platform: intake.adapter.platform },
        intake.startedOnce && !["refused", "in trouble"].includes(intake.state) ? 1 : 0,
      );
    }
    if ((await this.#checkDatabase()) !== "ok") return;
    const { waiting, oldestMs } = await laneBacklog(database.db);
    metrics.lanesWaiting.set(waiting);
    metrics.oldestWaiting.set(oldestMs / 1000);
    metrics.pagesParked.set(await countParked(database.db));
  }

  #loop(name: string, round: () => Promise<void>, signal: AbortSignal, maxPauseMs = 10_000): void {
    const { log, metrics } = this.#parts;
    const onRestart = (loop: string) => metrics.loopRestarts.inc({ loop });
    this.#loops.push(startLoop(name, round, { signal, log, onRestart, maxPauseMs }));
  }

  /** Operators see which replicas go by an edit. */
  async #reloadAgents(): Promise<void> {
    const { agents, database } = this.#parts;
    await agents.reload();
    const edits = agents.edits?.() ?? {};
    if (JSON.stringify(edits) === this.#toldEdits) return;
    await tellEdits(database.db, this.replica, edits);
    this.#toldEdits = JSON.stringify(edits);
  }

  #every(name: string, ms: number, work: () => Promise<void>, maxPauseMs?: number): void {
    const { signal } = this.#end;
    this.#loop(name, every(ms, work, signal), signal, maxPauseMs);
  }
}
