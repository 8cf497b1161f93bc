import type { AgentCard } from "../agent/agent-card.ts";
import { OWN_PROVIDER } from "../agent/provider.ts";
import { resolveModel } from "../agent/resolve-model.ts";
import type { AgentRunner } from "../agent/agent-runner.ts";
import { type AgentSettings, keepsContent } from "../agent/agent-settings.ts";
import type { Agents } from "../agent/agents.ts";
import { BUDGET_SCOPES } from "../agent/budgets.ts";
import type { DocumentReader } from "../agent/document-reader.ts";
import { joinTools } from "../agent/join-tools.ts";
import type { ModelClient } from "../agent/model-client.ts";
import type { RunEvent } from "../agent/run-event.ts";
import type { ToolServers } from "../agent/tool-servers.ts";
import type { ToolSource } from "../agent/tool-source.ts";
import type { Transcriber } from "../agent/transcriber.ts";
import type { Delivery } from "../delivery/delivery.ts";
import type { Dispatcher } from "../delivery/dispatcher.ts";
import { GatewayError } from "../errors.ts";
import type { OutboxId, ReplicaId, SessionId } from "../ids.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { AccessPolicy } from "../platform/access-gate.ts";
import type { Log } from "../platform/platform-adapter.ts";
import { GroupCommit } from "../store/group-commit.ts";
import { type StoredWindow, windows } from "../store/messages.ts";
import { type Merge, type MergeOutcome, mergeRun } from "../store/runs.ts";
import type { Root, RunTarget } from "../store/schema.ts";
import { retrying } from "../store/transaction.ts";
import { EventLog } from "./event-log.ts";
import type { Hints } from "./hints.ts";
import type { RunTrace } from "./run-trace.ts";
import { TraceLog, type TraceLogOptions } from "./trace-log.ts";
import { TurnPreparer } from "./prepare-turn.ts";
import type { ClaimedRun } from "./claimed-run.ts";

/** Messages of a session that a run reads at most; older ones are summed up. */
export const WINDOW_ROWS = 1_000;
/** What operators wanted, and no trouble. */
const DECLINED = ["over_budget", "agent_off"];

export interface RunRoomParts {
  db: Root;
  replica: ReplicaId;
  log: Log & { child(bindings: object): Log };
  metrics: Metrics;
  hints: Hints;
  agents: Agents;
  model: ModelClient;
  tools: ToolSource;
  /** What an agent has besides. */
  toolsOf: (card: AgentCard) => ToolSource[];
  servers: ToolServers;
  runner: AgentRunner;
  documents: DocumentReader;
  transcriber: Transcriber | null;
  access: AccessPolicy;
  delivery: Delivery;
  dispatcher: Dispatcher;
  /** Left out: spans go nowhere else, and what is kept of words is kept as it is. */
  tracing?: Pick<TraceLogOptions, "redact" | "exporter">;
}

/** What all runs of a replica share: ports, the writer of events, and what happens after a merge. */
export class RunRoom {
  readonly db: Root;
  readonly replica: ReplicaId;
  readonly log: RunRoomParts["log"];
  readonly metrics: Metrics;
  readonly agents: Agents;
  readonly model: ModelClient;
  readonly runner: AgentRunner;
  readonly access: AccessPolicy;
  readonly delivery: Delivery;
  readonly hints: Hints;
  readonly events: EventLog;
  readonly turns: TurnPreparer;
  readonly traces: TraceLog;
  /** The process is about to end: nobody waits for the database any more. */
  closed = false;
  readonly #tools: ToolSource;
  readonly #servers: ToolServers;
  readonly #toolsOf: RunRoomParts["toolsOf"];
  readonly #dispatcher: Dispatcher;
  readonly #windows: GroupCommit<SessionId, StoredWindow>;

  constructor(parts: RunRoomParts) {
    this.db = parts.db;
    this.replica = parts.replica;
    this.log = parts.log;
    this.metrics = parts.metrics;
    this.agents = parts.agents;
    this.model = parts.model;
    this.#tools = parts.tools;
    this.#servers = parts.servers;
    this.#toolsOf = parts.toolsOf;
    this.runner = parts.runner;
    this.access = parts.access;
    this.delivery = parts.delivery;
    this.hints = parts.hints;
    this.#dispatcher = parts.dispatcher;
    // What is there from the beginning can be seen to grow.
    for (const scope of BUDGET_SCOPES) this.metrics.budgetRefusals.inc({ scope }, 0);
    this.turns = new TurnPreparer(parts);
    const { agents, metrics } = parts;
    this.traces = new TraceLog({
      db: parts.db,
      log: parts.log,
      redact: (text) => text,
      ...parts.tracing,
      keepsContent: (agent) => keepsContent(agents.settings(), agent),
      resolve: (written) =>
        written === null ? { provider: OWN_PROVIDER, model: null } : resolveModel(written, agents.settings().providers),
      lost: (count) => metrics.spansLost.inc({ why: "store" }, count),
    });
    this.events = new EventLog(parts.db, {
      followed: (session) => parts.hints.followed(session),
      written: (session) => parts.hints.news(session),
    });
    this.#windows = new GroupCommit(
      async (sessions) => {
        const found = await retrying(() => windows(parts.db, [...new Set(sessions)], WINDOW_ROWS));
        return sessions.map((session) => found.get(session)!);
      },
      { max: 100, bound: 5_000, full: () => new GatewayError("unavailable", "Too many runs start at once.") },
    );
  }

  /** The newest summary of a session, and the newest messages after it. */
  window(session: SessionId): Promise<StoredWindow> {
    return this.#windows.add(session);
  }

  /** What a run of this card may call: the built-in tools, what the agent has besides, and tools of its servers. */
  toolsFor(card: AgentCard, session: SessionId): ToolSource {
    const servers = card.servers || card.connects ? [this.#servers.view(card, session)] : [];
    return joinTools([this.#tools, ...this.#toolsOf(card), ...servers]);
  }

  pagesInFlight(): OutboxId[] {
    return this.#dispatcher.pagesInFlight();
  }

  /** See `Dispatcher.renewed`. */
  pagesRenewed(asked: OutboxId[], kept: OutboxId[], askedAt: number): void {
    this.#dispatcher.renewed(asked, kept, askedAt);
  }

  merge(merge: Merge): Promise<MergeOutcome> {
    return mergeRun(this.db, merge);
  }

  /** What a model's step has used is counted; `micros`: what it costs, null = nobody knows. */
  used(run: ClaimedRun, event: Extract<RunEvent, { type: "usage" }>, micros: number | null): void {
    const { usage } = event;
    const { provider, model } = providerOf(event.model, this.agents.settings());
    this.metrics.tokens.inc({ provider, model, direction: "input" }, usage.inputTokens);
    this.metrics.tokens.inc({ provider, model, direction: "output" }, usage.outputTokens);
    if (micros !== null) this.metrics.cost.inc({ agent: event.agent ?? run.agent, model }, micros / 1e6);
  }

  firstShown({ agent, target, queuedMs }: ClaimedRun): void {
    const shownAfterMs = Math.max(0, Date.now() - queuedMs);
    this.metrics.timeToFirstVisible.observe({ platform: platformOf(target), agent }, shownAfterMs / 1000);
  }

  /** An agent's own model could not be asked. */
  fellBack(agent: string, { from, to, why }: Extract<RunEvent, { code: "model_fallback" }>): void {
    this.metrics.modelFallbacks.inc({ agent });
    this.log.warn({ agent, from, to, why }, "another model answers");
  }

  /** A run is over: readers look, the lane goes on, the final pages are shown. */
  merged(
    run: ClaimedRun,
    merge: Merge,
    outcome: Extract<MergeOutcome, { kind: "merged" }>,
    tookMs: number,
    trace: RunTrace,
  ): void {
    const labels = { platform: platformOf(run.target), agent: run.agent };
    this.metrics.runs.inc({ ...labels, outcome: DECLINED.find((code) => code === merge.errorCode) ?? merge.state });
    this.metrics.runDuration.observe(labels, tookMs / 1000);
    this.hints.news(run.session);
    if (!outcome.laneGone) this.hints.work();
    const due = merge.pages.filter((page) => !page.shown).map((page) => page.id);
    this.#dispatcher.deliver(due, (page, kind) => trace.told(page, kind));
  }
}

function platformOf(target: RunTarget | null): string {
  return target?.account.split(":", 1)[0] ?? "api";
}

/** Models are named `provider.model`, but for those that an agent elsewhere tells of. */
function providerOf(named: string, { providers }: AgentSettings): { provider: string; model: string } {
  const provider = named.split(".", 1)[0]!;
  const known = providers.has(provider) && named.length > provider.length;
  return known ? { provider, model: named.slice(provider.length + 1) } : { provider: "none", model: named };
}
