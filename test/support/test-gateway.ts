import type { BusyPolicy } from "../../src/agent/busy-policy.ts";
import { functionTools } from "../../src/agent/function-tools.ts";
import { createNativeRunner } from "../../src/agent/loop.ts";
import { type AgentSettings, NO_SETTINGS } from "../../src/agent/agent-settings.ts";
import type { Agents } from "../../src/agent/agents.ts";
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
  settings?: AgentSettings;
  /** Default: the native one, on the system's clock. */
  runner?: AgentRunner;
  /** Instead of opening `url`. */
  database?: Database;
  transcriber?: Transcriber;
  /** Default: reads what is text already. */
  documents?: DocumentReader;
}

export interface TestGateway {
  gateway: Gateway;
  agents: Agents;
  database: Database;
  metrics: Metrics;
  stop(graceMs?: number): Promise<void>;
}

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
  const agents = fixedAgents(options.cards ?? [TEST_CARD], options.settings ?? NO_SETTINGS);
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
    runner: options.runner ?? createNativeRunner(),
    access: options.access ?? { mode: "open", allowedUsers: new Set() },
    onBusy: options.onBusy ?? "interrupt",
    log,
    metrics,
    slots: options.slots ?? 50,
  });
  await gateway.start();
  return {
    gateway,
    agents,
    database,
    metrics,
    async stop(graceMs = 2_000) {
      await gateway.stop(graceMs);
      await database.close();
      metrics.close();
    },
  };
}

function fixedAgents(cards: AgentCard[], settings: AgentSettings): Agents {
  return {
    get: (name) => cards.find((card) => card.name === name) ?? null,
    default: () => cards.find((card) => card.default) ?? cards[0]!,
    list: () => cards.filter(({ toolOnly }) => !toolOnly),
    settings: () => settings,
    reload: async () => undefined,
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
