import { setTimeout as sleep } from "node:timers/promises";
import { createDocumentReader } from "../adapters/documents/document-reader.ts";
import { loadMcpServers } from "../adapters/mcp/load-mcp-servers.ts";
import { createOpenAIModel } from "../adapters/openai/openai-model.ts";
import { createRemoteAgents } from "../adapters/openai/remote-agents.ts";
import { createOtlpExporter } from "../adapters/otlp/otlp-exporter.ts";
import { createOpenAITranscriber } from "../adapters/openai/openai-transcriber.ts";
import { webFetchTool } from "../adapters/web/web-fetch.ts";
import type { GrantedTool } from "./agent/agent-settings.ts";
import { loadAgents } from "./agent/agents.ts";
import { systemClock } from "./agent/clock.ts";
import { currentTimeTool } from "./agent/current-time.ts";
import { demoModel } from "./agent/demo-model.ts";
import { functionTools } from "./agent/function-tools.ts";
import { noServers, type ToolServers } from "./agent/tool-servers.ts";
import type { ToolSource } from "./agent/tool-source.ts";
import { createNativeRunner } from "./agent/loop.ts";
import { createModuleRunner } from "./agent/module-runner.ts";
import { createAgentRunner } from "./agent/outside-runner.ts";
import { withRegistered } from "./agent/registered-agents.ts";
import { tryAgent } from "./agent/try-agent.ts";
import { createRemoteRunner } from "./agent/remote-runner.ts";
import { Providers } from "./agent/providers.ts";
import type { ProviderSources } from "./agent/read-providers.ts";
import { faultOfModel } from "./agent/resolve-model.ts";
import {
  cardServerVariables,
  cardVariables,
  type Config,
  ConfigFaults,
  listSecrets,
  readConfig,
  serverVariables,
} from "./config.ts";
import { LiveConfig, rereadOf, watchSecrets } from "./config-live.ts";
import { GatewayError } from "./errors.ts";
import { Gateway } from "./gateway.ts";
import { createHttpServer } from "./http/http-server.ts";
import { describeError } from "./observe/describe-error.ts";
import { createLog, type Logger } from "./observe/log.ts";
import { createRedactor } from "./observe/redact.ts";
import { createMetrics, type Metrics } from "./observe/metrics.ts";
import { openAdapters, webhookPaths } from "./open-adapters.ts";
import { openWeb, operatorLink, PAGE } from "./open-web.ts";
import { runAtWork } from "./run/run-at-work.ts";
import { listAgentRecords } from "./store/agent-records.ts";
import { currentEdits } from "./store/card-versions.ts";
import { adminKey } from "./store/admin-key.ts";
import { checkLogin } from "./store/check-login.ts";
import type { Database } from "./store/database.ts";
import { openEmbedded } from "./store/embedded.ts";
import { migrateToLatest } from "./store/migrate.ts";
import { migrateServer } from "./store/migrate-server.ts";
import { openPostgres } from "./store/postgres.ts";
import { retrying } from "./store/transaction.ts";

/** How long running answers may go on after SIGTERM. */
const GRACE_MS = 20_000;
/** For the last statement of a process that dies of a bug. */
const SPARE_MS = 1_000;
/** Under npm one Ctrl-C comes twice: from the terminal, and passed on by npm. */
const TWICE_MS = 500;

export interface RunningGateway {
  /** Where it listens. */
  url: string;
  gateway: Gateway;
  /** A one-time link for the operator; null = there is no page to open. */
  signInLink(): Promise<string | null>;
  /** Drains, closes everything, resolves. Runs may go on for `graceMs`; the rest is left for another replica. */
  stop(graceMs?: number): Promise<void>;
}

export interface StartOptions {
  /** Runs at once. */
  slots?: number;
  log?: Logger;
  /** What the log given hides; keys of providers are added to it. */
  secrets?: Set<string>;
  /** How long a model may take to begin its answer, in ms. */
  firstTokenMs?: number;
  /** After how many failures in a row a model provider is left alone for a while. */
  breaker?: { failures: number };
  /** Reads the settings anew, for secrets in files that change; null = none does. */
  reread?: { read: (() => Config) | null; everyMs?: number };
  /** The folder of the built web page. */
  page?: string;
  /** Instead of the built-in tools. */
  tools?: ToolSource;
}

/** Starts one gateway. Rejects with `ConfigFaults` or a `GatewayError` when it cannot start; then nothing is left open. */
export async function startGateway(config: Config, options: StartOptions = {}): Promise<RunningGateway> {
  const secrets = options.secrets ?? new Set(listSecrets(config));
  const log = options.log ?? createLog({ level: config.logLevel, secrets });
  const metrics = createMetrics();
  const live = new LiveConfig(config, options.reread?.read ?? null);
  const servers = await openServers(config, log);
  const models = new Providers({
    open: (provider) => createOpenAIModel({ ...provider, model: config.defaultModel }),
    defaultModel: config.defaultModel,
    demo: demoModel(),
    clock: systemClock,
    random: Math.random,
    ...options.breaker,
    onRest: (provider, why) => {
      metrics.providerResting.set({ provider }, why === null ? 0 : 1);
      if (why === null) log.info({ provider }, "a model provider is asked again");
      else log.warn({ provider, err: why }, "a model provider is not asked for a while");
    },
  });
  const agents = await loadAgents(config.agentsDir, {
    lookup: cardVariables(config, undefined, secrets),
    providers: providerSources(live, secrets),
    onSettings({ providers }) {
      models.use(providers);
      const fault = faultOfModel(config.defaultModel, providers);
      if (fault !== null) log.warn({ fault }, "OPENAI_MODEL has no provider");
    },
    defaultAgent: config.defaultAgent,
    faultOfServer: (name) => servers.faultOf(name),
    onFault: (fault) => log.warn({ err: fault }, "an agent's card was not reloaded"),
    onWarning: (warning) => log.warn({ card: warning }, "a card asks for what this gateway does not do"),
  });
  // Closed in the opposite order, after the gateway.
  const opened = new AsyncDisposableStack();
  opened.defer(() => metrics.close());
  opened.defer(() => servers.close());
  let gateway: Gateway | null = null;
  try {
    const database = await openDatabase(config, log);
    opened.defer(() => database.close());
    opened.defer(() => models.close());
    const transcriber = config.transcription && openTranscriber(config.transcription, live);
    opened.defer(() => transcriber?.close());
    await migrate(config, database);
    const agentSecrets = registeredVariables(secrets);
    const all = withRegistered(agents, {
      read: () => retrying(() => listAgentRecords(database.db)),
      readEdits: () => retrying(() => currentEdits(database.db)),
      lookup: agentSecrets,
      onFault: (fault) => log.warn({ err: fault }, "a registered agent is not as it should be"),
    });
    await all.reload();
    const { firstTokenMs } = options;
    const native = createNativeRunner(firstTokenMs === undefined ? {} : { firstTokenMs });
    const remotes = createRemoteAgents();
    opened.defer(() => remotes.close());
    // What is remembered belongs to a run's user, so the run brings its own tools for it.
    const granted: Record<Exclude<GrantedTool, "memory">, ToolSource> = { web_fetch: functionTools([webFetchTool()]) };
    const runner = createAgentRunner({
      native,
      remote: createRemoteRunner(native, remotes),
      module: createModuleRunner(),
      onRest(agent, resting) {
        metrics.agentResting.set({ agent }, resting ? 1 : 0);
        if (resting) log.warn({ agent }, "an agent elsewhere is not asked for a while");
        else log.info({ agent }, "an agent elsewhere answers again");
      },
    });
    const exporter = openExporter(live, metrics, log);
    opened.defer(() => exporter?.close());
    const own = config.adminApiKey ?? (await ownKey(config.dataDir, log));
    const web = await openWeb(live, options.page ?? PAGE, log);
    const replica = new Gateway({
      webDoor: () => web?.door() ?? null,
      tracing: { redact: createRedactor(secrets), ...(exporter && { exporter }) },
      database,
      adapters: await openAdapters(live, all, log),
      agents: all,
      model: models,
      tools: options.tools ?? functionTools([currentTimeTool(systemClock)]),
      toolsOf: ({ name, functions }) => [
        ...(functions ? [functions] : []),
        ...(agents.settings().agents.get(name)?.tools ?? []).flatMap((tool) =>
          tool === "memory" ? [] : granted[tool],
        ),
      ],
      servers,
      documents: createDocumentReader(),
      transcriber,
      runner,
      access: config.access,
      onBusy: config.onBusy,
      log,
      metrics,
      ...(options.slots === undefined ? {} : { slots: options.slots }),
    });
    gateway = replica;
    const http = createHttpServer({
      db: database.db,
      service: replica.service,
      agents: all,
      agentDesk: {
        lookup: agentSecrets,
        healthOf: (name) => runner.health(name),
        tryAgent: (card, text, signal) => tryAgent({ runner, model: models }, card, text, signal),
      },
      accept: (update) => replica.intake.accept(update),
      adapters: () => replica.connected(),
      webhookPaths: webhookPaths(config),
      readiness: () => replica.readiness(),
      approvePairing: (code, by) => replica.approve(code, by),
      metrics,
      log,
      adminKey: () => live.now.adminApiKey ?? own,
      trustedProxies: config.trustedProxies,
      callsPerMinute: config.apiCallsPerMinute,
      access: config.access,
      web,
    });
    opened.defer(() => http.close());
    const { reread } = options;
    if (reread?.read)
      opened.defer(watchSecrets(live, { ...reread, secrets, log, onChange: () => replica.tokensChanged() }));
    await replica.start();
    const url = await http.listen({ host: config.host, port: config.port });
    web?.listensAt(url);
    log.info(
      { url, database: database.kind, models: [...agents.settings().providers.keys()].join(", ") || "demo" },
      "Parley is up",
    );
    return {
      url,
      gateway: replica,
      signInLink: () => operatorLink(web, { db: database.db, service: replica.service }),
      async stop(graceMs = GRACE_MS) {
        await replica.stop(graceMs);
        await opened.disposeAsync();
      },
    };
  } catch (error) {
    await gateway?.stop(0).catch(() => undefined);
    await opened.disposeAsync().catch(() => undefined);
    throw error;
  }
}

/** Every variable that a provider is made with is a secret from then on. */
function providerSources(live: LiveConfig, secrets: Set<string>): ProviderSources {
  const variable = serverVariables();
  return {
    get own() {
      const { model } = live.now;
      return model && { apiKey: model.apiKey ?? "", baseUrl: model.baseUrl };
    },
    changes: () => live.changes,
    lookup(name) {
      const value = variable(name);
      if (value !== undefined) secrets.add(value);
      return value;
    },
  };
}

/** Variables that registered agents may name: those that say so themselves. */
function registeredVariables(secrets: Set<string>): (name: string) => string | undefined {
  const variable = serverVariables();
  return (name) => {
    const value = name.startsWith("AGENT_") ? variable(name) : undefined;
    if (value !== undefined) secrets.add(value);
    return value;
  };
}

async function ownKey(dataDir: string, log: Logger): Promise<string> {
  const { key, file, isNew } = await adminKey(dataDir);
  log.info({ file }, isNew ? "made an admin key" : "the admin key is read from its file");
  return key;
}

async function openDatabase(config: Config, log: Logger): Promise<Database> {
  if ("url" in config.database) return openPostgres(config.database.url, log);
  log.info({ dir: config.database.dataDir }, "embedded database: one process, survives a crash of it but no power cut");
  return openEmbedded(config.database.dataDir);
}

async function migrate(config: Config, database: Database): Promise<void> {
  if ("url" in config.database) await migrateServer(config.database);
  else await migrateToLatest(database.db);
  await checkLogin(database.db);
}

function openExporter(live: LiveConfig, metrics: Metrics, log: Logger) {
  const { otlp } = live.now;
  return (
    otlp &&
    createOtlpExporter({
      endpoint: otlp.endpoint,
      headers: () => live.now.otlp?.headers ?? {},
      service: "parley",
      lost(count, why) {
        metrics.spansLost.inc({ why: "otlp" }, count);
        log.warn({ err: why, spans: count }, "spans did not get to the collector");
      },
    })
  );
}

function openTranscriber(settings: NonNullable<Config["transcription"]>, live: LiveConfig) {
  return createOpenAITranscriber({
    ...settings,
    get apiKey() {
      return live.now.transcription?.apiKey ?? null;
    },
  });
}

/** The protocol's SDK is loaded where there are servers: 0.1 s that a gateway without them need not pay. */
async function openServers({ mcp }: Config, log: Logger): Promise<ToolServers> {
  const read = await loadMcpServers({ ...mcp, lookup: serverVariables() });
  for (const warning of read.warnings) log.warn({ server: warning }, "an MCP server is not used as its file says");
  const onTrouble = (server: string, reason: string) => log.warn({ server, reason }, "an MCP server is in trouble");
  const open = async () => {
    const { createMcpServers } = await import("../adapters/mcp/mcp-servers.ts");
    return createMcpServers(read, { onTrouble, lookup: cardServerVariables() });
  };
  return read.servers.length === 0 ? noServers(read.leftOut, open) : open();
}

/** Faults of the operator's making are told in full and end the start with 1; anything else is a bug. */
function explain(error: unknown): string {
  if (error instanceof ConfigFaults) return error.message;
  if (error instanceof GatewayError) return `Parley cannot start: ${error.message}${reasonOf(error.cause)}`;
  // What the system refused: the port is taken, a directory is not ours.
  if (error instanceof Error && "syscall" in error) return `Parley cannot start: ${error.message}`;
  return `Parley cannot start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

function reasonOf(cause: unknown): string {
  const { message, errors } = describeError(cause);
  const reason = message || errors?.[0]?.message;
  return cause === undefined || !reason ? "" : ` (${reason})`;
}

async function main(): Promise<void> {
  const config = readConfig();
  const secrets = new Set(listSecrets(config));
  const log = createLog({ level: config.logLevel, secrets });
  const fail = (what: string) => (error: unknown) => {
    log.fatal({ err: error }, what);
    process.exit(1);
  };
  let running: RunningGateway | null = null;
  let dying = false;
  const die = async (bug: unknown): Promise<void> => {
    const culprit = runAtWork.getStore();
    log.fatal({ err: bug, ...(culprit && { run_id: culprit }) }, "a bug ends the process");
    if (!culprit || !running || dying) process.exit(1);
    dying = true;
    // What state the process is in is not known: this one statement, and no more.
    await Promise.race([running.gateway.spareOthers(culprit).catch(() => undefined), sleep(SPARE_MS)]);
    process.exit(1);
  };
  // Node itself would print the error whole, with whatever token is in it.
  process.on("uncaughtException", (bug) => void die(bug));
  let askedAt: number | null = null;
  const stop = () => {
    const now = performance.now();
    if (askedAt !== null && now - askedAt < TWICE_MS) return;
    // Asked again, or there is nothing to drain yet: the way back up is the ordinary start.
    if (askedAt !== null || running === null) process.exit(1);
    askedAt = now;
    log.info({ grace_ms: GRACE_MS }, "Parley stops: it takes nothing new, and ends what it answers");
    const ended = () => {
      log.info("Parley has stopped");
      process.exit(0);
    };
    running.stop().then(ended, fail("the stop failed"));
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  running = await startGateway(config, { log, secrets, reread: { read: rereadOf() } });
  const link = await running.signInLink();
  if (link === null) return;
  log.info({}, "a one-time link for the operator's web page is printed beside this log");
  // Not in the log, which hides what opens doors.
  process.stderr.write(
    `\nSign in at the web page, once and within 10 minutes: ${link}\nAnother link: npm run parley -- web\n\n`,
  );
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`${explain(error)}\n`);
    process.exit(1);
  });
}
