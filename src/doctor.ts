import { loadMcpServers } from "../adapters/mcp/load-mcp-servers.ts";
import { diagnoseOpenAI } from "../adapters/openai/diagnose-openai.ts";
import { diagnoseSlack } from "../adapters/slack/diagnose-slack.ts";
import { diagnoseTelegram } from "../adapters/telegram/diagnose-telegram.ts";
import { UNKNOWN_SERVER } from "./agent/tool-servers.ts";
import { loadAgents } from "./agent/agents.ts";
import { cardVariables, type Config, ConfigFaults, readConfig, serverVariables } from "./config.ts";
import type { Environment } from "./config-reader.ts";
import { publicMessage } from "./errors.ts";
import { fault, type Finding, ok, warning } from "./finding.ts";
import { diagnoseDatabase } from "./store/diagnose-database.ts";

const ALIVE_MS = 3_000;

/**
 * Looks at everything the gateway of these settings needs, and changes nothing. Works whether it runs or not, and when
 * it cannot start. Never rejects for what it finds.
 */
export async function diagnose(env: Environment): Promise<Finding[]> {
  let config: Config;
  try {
    config = readConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigFaults)) throw error;
    return error.faults.map((sentence) => {
      const [, says = sentence, remedy = ""] = /^(.*?[.:]) (.*)$/s.exec(sentence) ?? [];
      return fault("settings", says, remedy);
    });
  }
  const looks = await Promise.all([
    lookAtAgents(config, env),
    diagnoseDatabase(config.database),
    config.model === null ? demo() : diagnoseOpenAI(config.model),
    lookAtTelegram(config),
    lookAtSlack(config),
    lookAtGateway(config),
  ]);
  return [ok("settings", "can be used"), ...looks.flat()];
}

async function lookAtAgents(config: Config, env: Environment): Promise<Finding[]> {
  try {
    const warnings: Finding[] = [];
    const onWarning = (says: string) => warnings.push(warning("agents", says, "Remove the field, or do without it."));
    const { agentsDir, defaultAgent } = config;
    const lookup = cardVariables(config, env);
    const faultOfServer = await lookAtServers(config, env, warnings);
    const agents = await loadAgents(agentsDir, { lookup, defaultAgent, faultOfServer, onWarning });
    const names = agents.list().map(({ name }) => name);
    return [ok("agents", `${names.join(", ")}; ${agents.default().name} answers first`), ...warnings];
  } catch (error) {
    const [says = "", ...rest] = publicMessage(error).split("; ");
    return [fault("agents", says, rest.join("; ") || "Mend what the line names: the file, then the field.")];
  }
}

/** Reads the file alone: whether a server answers is seen when an agent needs it. */
async function lookAtServers({ mcp }: Config, env: Environment, warnings: Finding[]) {
  const { servers, leftOut, warnings: says } = await loadMcpServers({ ...mcp, lookup: serverVariables(env) });
  warnings.push(...says.map((each) => warning("servers", each, "Mend the file, or do without it.")));
  const names = new Set(servers.map(({ name }) => name));
  return (name: string) => (names.has(name) ? null : (leftOut.get(name) ?? UNKNOWN_SERVER));
}

function demo(): Finding[] {
  return [warning("model", "without a key the demo agent answers from a script", "Set OPENAI_API_KEY.")];
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
