import type { BusyPolicy } from "../../src/agent/busy-policy.ts";
import { functionTools } from "../../src/agent/function-tools.ts";
import { createNativeRunner } from "../../src/agent/loop.ts";
import { type AgentSettings, NO_SETTINGS } from "../../src/agent/agent-settings.ts";
import { type Retention, RETENTION_DAYS } from "../../src/agent/retention.ts";
import { type CardFiles, loadAgents } from "../../src/agent/agents.ts";
import { createModuleRunner } from "../../src/agent/module-runner.ts";
import { createAgentRunner } from "../../src/agent/outside-runner.ts";
import { type RegisteredAgents, withRegistered } from "../../src/agent/registered-agents.ts";
import { createRemoteRunner } from "../../src/agent/remote-runner.ts";
import { tryAgent } from "../../src/agent/try-agent.ts";
import { createRemoteAgents } from "../../adapters/openai/remote-agents.ts";
import type { HttpParts } from "../../src/http/http-server.ts";
import { listAgentRecords } from "../../src/store/agent-records.ts";
import { currentEdits } from "../../src/store/card-versions.ts";
import { retrying } from "../../src/store/transaction.ts";
import type { AgentCard } from "../../src/agent/agent-card.ts";
import type { AgentRunner } from "../../src/agent/agent-runner.ts";
import type { DocumentReader } from "../../src/agent/document-reader.ts";
import type { ModelClient } from "../../src/agent/model-client.ts";
import { noServers, type ToolServers } from "../../src/agent/tool-servers.ts";
import type { ToolSource } from "../../src/agent/tool-source.ts";
import type { Transcriber } from "../../src/agent/transcriber.ts";
import { Gateway } from "../../src/gateway.ts";
import { createLog } from "../../src/observe/log.ts";
import { createMetrics, type Metrics } from "../../src/observe/metrics.ts";
import type { AccessPolicy } from "../../src/platform/access-gate.ts";
import type { PlatformAdapter } from "../../src/platform/platform-adapter.ts";
import type { Database } from "../../src/store/database.ts";
import type { WebDoor } from "../../src/talk/web-command.ts";
import { openPostgres } from "../../src/store/postgres.ts";

export interface TestGatewayOptions {
  url: string;
  model: ModelClient;
  adapters?: PlatformAdapter[];
  tools?: ToolSource;
  servers?: ToolServers;
  onBusy?: BusyPolicy;
  access?: AccessPolicy;
  slots?: number;
  cards?: AgentCard[];
  /** A directory of cards, instead. */
  cardsDir?: string;
  settings?: AgentSettings;
  /** Default: the native one, on the system's clock. */
  runner?: AgentRunner;
  /** Instead of opening `url`. */
  database?: Database;
  transcriber?: Transcriber;
  /** Default: reads what is text already. */
  documents?: DocumentReader;
  webDoor?: () => WebDoor;
}

export interface TestGateway {
  gateway: Gateway;
  agents: RegisteredAgents;
  agentDesk: HttpParts["agentDesk"];
  database: Database;
  metrics: Metrics;
  stop(graceMs?: number): Promise<void>;
}

/** What tests say of old days is not to be gone when a test takes long. */
const FOR_EVER = Object.fromEntries(Object.keys(RETENTION_DAYS).map((kind) => [kind, 0])) as unknown as Retention;

const TEST_CARD: AgentCard = {
  name: "tester",
  description: "answers tests",
  instruction: "You are a test.",
  model: null,
  default: true,
  useHistory: true,
  sampling: {},
  maxSteps: 10,
  idleMs: null,
};

export function testCard(fields: Partial<AgentCard>): AgentCard {
  return { ...TEST_CARD, default: false, ...fields };
}

/** One replica in this process, on a database of the test's own. */
export async function startTestGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const log = createLog({ level: process.env["TEST_LOG"] ?? "silent", secrets: [] });
  const metrics = createMetrics();
  const database = options.database ?? openPostgres(options.url, log, 6);
  const settings = { retention: FOR_EVER, ...(options.settings ?? NO_SETTINGS) };
  const { cardsDir, cards = [TEST_CARD] } = options;
  const files = cardsDir === undefined ? fixedAgents(cards, settings) : await loadAgents(cardsDir);
  const lookup = (name: string) => (name === "AGENT_TEST_KEY" ? "key-of-an-agent-4711" : undefined);
  const read = () => retrying(() => listAgentRecords(database.db));
  const readEdits = () => retrying(() => currentEdits(database.db));
  const onFault = (fault: Error) => log.warn({ err: fault }, "an agent");
  const agents = withRegistered(files, { read, readEdits, lookup, onFault });
  const native = createNativeRunner();
  const remotes = createRemoteAgents();
  const remote = createRemoteRunner(native, remotes);
  const every = createAgentRunner({ native, remote, module: createModuleRunner() });
  const runner = options.runner ?? every;
  const gateway = new Gateway({
    database,
    adapters: options.adapters ?? [],
    agents,
    model: options.model,
    tools: options.tools ?? functionTools([]),
    toolsOf: () => [],
    servers: options.servers ?? noServers(new Map(), () => Promise.reject(new Error("no test opens servers"))),
    documents: options.documents ?? { read: async () => ({ fault: "unsupported" }) },
    transcriber: options.transcriber ?? null,
    runner,
    access: options.access ?? { mode: "open", allowedUsers: new Set() },
    onBusy: options.onBusy ?? "interrupt",
    log,
    metrics,
    slots: options.slots ?? 50,
    ...(options.webDoor ? { webDoor: options.webDoor } : {}),
  });
  await gateway.start();
  return {
    gateway,
    agents,
    agentDesk: {
      lookup,
      healthOf: (name) => every.health(name),
      tryAgent: (card, text, signal) => tryAgent({ runner, model: options.model }, card, text, signal),
    },
    database,
    metrics,
    async stop(graceMs = 2_000) {
      await gateway.stop(graceMs);
      await remotes.close();
      await database.close();
      metrics.close();
    },
  };
}

function fixedAgents(cards: AgentCard[], settings: AgentSettings): CardFiles {
  return {
    get: (name) => cards.find((card) => card.name === name) ?? null,
    default: () => cards.find((card) => card.default) ?? cards[0]!,
    list: () => cards.filter(({ toolOnly }) => !toolOnly),
    settings: () => settings,
    reload: async () => undefined,
    textOfFile: async () => "",
    faultsOfEdit: async () => [],
  };
}

/** Waits until the condition holds, looking again every few ms; fails with `what` after the deadline. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not reached within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
