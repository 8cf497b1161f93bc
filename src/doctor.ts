import { loadMcpServers } from "../adapters/mcp/load-mcp-servers.ts";
import { diagnoseOpenAI } from "../adapters/openai/diagnose-openai.ts";
import { diagnoseRemote } from "../adapters/openai/diagnose-remote.ts";
import { diagnoseSlack } from "../adapters/slack/diagnose-slack.ts";
import { diagnoseTelegram } from "../adapters/telegram/diagnose-telegram.ts";
import { UNKNOWN_SERVER } from "./agent/tool-servers.ts";
import { type AgentSettings, NO_SETTINGS } from "./agent/agent-settings.ts";
import { type Agents, loadAgents } from "./agent/agents.ts";
import type { InitPart } from "./cli/init.ts";
import type { ModelChoice } from "./agent/read-model.ts";
import { OWN_PROVIDER } from "./agent/provider.ts";
import { ownProvider, type ProviderSources } from "./agent/read-providers.ts";
import { faultOfModel, resolveModel } from "./agent/resolve-model.ts";
import { cardVariables, type Config, ConfigFaults, readConfig, serverVariables } from "./config.ts";
import type { Environment } from "./config-reader.ts";
import { publicMessage } from "./errors.ts";
import { diagnoseWeb } from "./diagnose-web.ts";
import { fault, type Finding, ok, warning } from "./finding.ts";
import { diagnoseDatabase } from "./store/diagnose-database.ts";

const ALIVE_MS = 3_000;

/**
 * Looks at everything the gateway of these settings needs, and changes nothing. Works whether it runs or not, and when
 * it cannot start. Never rejects for what it finds.
 */
export async function diagnose(env: Environment): Promise<Finding[]> {
  const config = settingsOf(env);
  if (Array.isArray(config)) return config;
  const looks = await Promise.all([
    lookAtAgents(config, env),
    diagnoseDatabase(config.database),
    lookAtTelegram(config),
    lookAtSlack(config),
    diagnoseWeb(config),
    lookAtGateway(config),
  ]);
  return [ok("settings", "can be used"), ...looks.flat()];
}

/** By how their names begin: the settings that say something of a part. */
const SETTINGS_OF: Readonly<Record<InitPart, RegExp>> = {
  telegram: /^TELEGRAM_|^PUBLIC_URL$/,
  slack: /^SLACK_/,
  model: /^OPENAI_/,
  database: /^(MIGRATE_)?DATABASE_URL|^DATA_DIR$/,
  access: /^ALLOWED_USERS$/,
};

/** Looks at one part alone, whatever else these settings say. */
export async function diagnosePart(part: InitPart, env: Environment): Promise<Finding[]> {
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => SETTINGS_OF[part].test(name)));
  const config = settingsOf(own);
  if (Array.isArray(config)) return config;
  if (part === "telegram") return lookAtTelegram(config);
  if (part === "slack") return lookAtSlack(config);
  if (part === "database") return diagnoseDatabase(config.database);
  if (part === "access") return [];
  return lookAtModels(config, { ...NO_SETTINGS, providers: ownProvider(providersOf(config, own)) }, [null]);
}

/** The settings, or what is wrong with them. */
function settingsOf(env: Environment): Config | Finding[] {
  try {
    return readConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigFaults)) throw error;
    return error.faults.map((sentence) => {
      const [, says = sentence, remedy = ""] = /^(.*?[.:]) (.*)$/s.exec(sentence) ?? [];
      return fault("settings", says, remedy);
    });
  }
}

async function lookAtAgents(config: Config, env: Environment): Promise<Finding[]> {
  try {
    const warnings: Finding[] = [];
    const onWarning = (says: string) => warnings.push(warning("agents", says, "Remove the field, or do without it."));
    const { agentsDir, defaultAgent } = config;
    const lookup = cardVariables(config, env);
    const faultOfServer = await lookAtServers(config, env, warnings);
    const providers = providersOf(config, env);
    const agents = await loadAgents(agentsDir, { lookup, defaultAgent, faultOfServer, onWarning, providers });
    const names = agents.list().map(({ name }) => name);
    const found = ok("agents", `${names.join(", ")}; ${agents.default().name} answers first`);
    const [models, remotes] = await Promise.all([
      lookAtModels(config, agents.settings(), modelsOf(agents)),
      lookAtRemotes(agents),
    ]);
    return [found, ...warnings, ...models, ...remotes];
  } catch (error) {
    const found = publicMessage(error).split("\n").map(faultOfAgents);
    const settings = { ...NO_SETTINGS, providers: ownProvider(providersOf(config, env)) };
    return [...found, ...(await lookAtModels(config, settings, [null]))];
  }
}

function faultOfAgents(sentence: string): Finding {
  const [says = "", ...rest] = sentence.split("; ");
  return fault("agents", says, rest.join("; ") || "Mend what the line names: the file, then the field.");
}

function providersOf({ model }: Config, env: Environment): ProviderSources {
  return { own: model && { apiKey: model.apiKey ?? "", baseUrl: model.baseUrl }, lookup: serverVariables(env) };
}

function lookAtRemotes(agents: Agents): Promise<Finding[]> {
  const looks = agents.list().flatMap(({ name, outside }) => {
    return outside && "remote" in outside ? [diagnoseRemote(name, outside.remote)] : [];
  });
  return Promise.all(looks);
}

/** All that may be asked for; null = the default, which nobody asks for where all agents run elsewhere. */
function modelsOf(agents: Agents): (string | null)[] {
  const ofSettings = [...agents.settings().agents.values()].flatMap(
    ({ fallback, models = new Map<string, ModelChoice>() }) => [...(fallback ? [fallback] : []), ...models.values()],
  );
  const here = agents.list().filter(({ outside }) => !outside);
  return [...(here.length > 0 ? [null] : []), ...here, ...ofSettings].map((each) => each?.model ?? null);
}

async function lookAtModels(
  { defaultModel }: Config,
  { providers }: AgentSettings,
  models: readonly (string | null)[],
): Promise<Finding[]> {
  const wanted = new Map<string, Set<string>>();
  for (const written of models) {
    const { provider, model } = resolveModel(written ?? defaultModel, providers);
    wanted.set(provider, (wanted.get(provider) ?? new Set()).add(model));
  }
  const demo = warning("model", "without a key the demo agent answers from a script", "Set OPENAI_API_KEY.");
  const looks = [...providers.values()].map((provider) => {
    const own = provider.name === OWN_PROVIDER;
    const at = `providers.${provider.name}`;
    const settings = own
      ? { address: "OPENAI_BASE_URL", key: "OPENAI_API_KEY", model: "OPENAI_MODEL" }
      : { address: `${at}.base_url in parley.yaml`, key: `the variable of ${at}.key`, model: "the agent's model" };
    return diagnoseOpenAI({ ...provider, wanted: [...(wanted.get(provider.name) ?? [])], settings });
  });
  const missing = wanted.has(OWN_PROVIDER) && !providers.has(OWN_PROVIDER);
  // A server of one's own may have a model of such a name.
  const unknown = missing ? fault : warning;
  const [says, remedy = ""] = faultOfModel(defaultModel, providers)?.split("; ") ?? [];
  return [
    ...(says === undefined ? [] : [unknown("model", `OPENAI_MODEL: ${says}`, remedy)]),
    ...(await Promise.all(looks)).flat(),
    ...(missing ? [demo] : []),
  ];
}

/** Reads the file alone: whether a server answers is seen when an agent needs it. */
async function lookAtServers({ mcp }: Config, env: Environment, warnings: Finding[]) {
  const { servers, leftOut, warnings: says } = await loadMcpServers({ ...mcp, lookup: serverVariables(env) });
  warnings.push(...says.map((each) => warning("servers", each, "Mend the file, or do without it.")));
  const names = new Set(servers.map(({ name }) => name));
  return (name: string) => (names.has(name) ? null : (leftOut.get(name) ?? UNKNOWN_SERVER));
}

async function lookAtTelegram({ telegram }: Config): Promise<Finding[]> {
  if (telegram === null) return [ok("telegram", "is off: TELEGRAM_BOT_TOKEN is not set")];
  const { botToken: token, apiRoot, mode } = telegram;
  return diagnoseTelegram({ token, apiRoot, mode, publicUrl: telegram.mode === "webhook" ? telegram.publicUrl : null });
}

async function lookAtSlack({ slack }: Config): Promise<Finding[]> {
  if (slack === null) return [ok("slack", "is off: SLACK_BOT_TOKEN is not set")];
  const { botToken, apiUrl } = slack;
  return diagnoseSlack({ botToken, apiUrl, appToken: slack.mode === "socket" ? slack.appToken : null });
}

async function lookAtGateway({ host, port }: Config): Promise<Finding[]> {
  const about = "gateway";
  const at = `http://${host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : host}:${port}`;
  try {
    const answer = await fetch(`${at}/readyz`, { signal: AbortSignal.timeout(ALIVE_MS) });
    const { checks = {} } = (await answer.json()) as { checks?: Record<string, string> };
    if (answer.ok) return [ok(about, `runs at ${at} and is ready`)];
    const bad = Object.entries(checks).filter(([, state]) => state !== "ok");
    const says = `runs at ${at} but is not ready: ${bad.map(([name, state]) => `${name} ${state}`).join(", ")}`;
    return [fault(about, says, "The other lines here and its log say why.")];
  } catch {
    return [ok(about, `does not run at ${at}`)];
  }
}
