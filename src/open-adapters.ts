import type { SlackOptions } from "../adapters/slack/slack-adapter.ts";
import { createTelegramAdapter } from "../adapters/telegram/telegram-adapter.ts";
import { listeningAt } from "./agent/agent-settings.ts";
import type { Agents } from "./agent/agents.ts";
import type { Config, SlackConfig, TelegramConfig } from "./config.ts";
import type { LiveConfig } from "./config-live.ts";
import type { Logger } from "./observe/log.ts";
import type { PlatformAdapter } from "./platform/platform-adapter.ts";
import { commandMenus } from "./talk/chat-commands.ts";

/** The platforms that are configured. Their secrets are read at each use, because they may change. */
export async function openAdapters(live: LiveConfig, agents: Agents, log: Logger): Promise<PlatformAdapter[]> {
  const { telegram, slack } = live.now;
  return [
    ...(telegram ? [openTelegram(telegram, live, log)] : []),
    ...(slack ? [await openSlack(slack, live, agents, log)] : []),
  ];
}

const webhookSecretOf = ({ telegram }: Config) => (telegram?.mode === "webhook" ? telegram.webhookSecret : null);
const signingSecretOf = ({ slack }: Config) => (slack?.mode === "http" ? slack.signingSecret : null);

function openTelegram(telegram: TelegramConfig, live: LiveConfig, log: Logger): PlatformAdapter {
  const { apiRoot, mode, callsPerSecond, drafts, rich } = telegram;
  return createTelegramAdapter({
    get token() {
      return live.now.telegram?.botToken ?? telegram.botToken;
    },
    apiRoot,
    mode,
    publicUrl: telegram.mode === "webhook" ? telegram.publicUrl : null,
    get webhookSecret() {
      return webhookSecretOf(live.now);
    },
    get webhookSecretBefore() {
      return live.before(webhookSecretOf);
    },
    callsPerSecond,
    drafts,
    rich,
    menus: commandMenus(),
    log,
  });
}

/** Where platforms will call. */
export function webhookPaths({ telegram, slack }: Config): string[] {
  return [
    ...(telegram?.mode === "webhook" ? ["/telegram/webhook"] : []),
    ...(slack?.mode === "http" ? ["/slack/events"] : []),
  ];
}

/** Its SDK is loaded here and not above: 0.3 s and 11 MB that a gateway without Slack need not pay. */
async function openSlack(slack: SlackConfig, live: LiveConfig, agents: Agents, log: Logger): Promise<PlatformAdapter> {
  const { createSlackAdapter } = await import("../adapters/slack/slack-adapter.ts");
  const { apiUrl, mode, dm, stream } = slack;
  const hears: SlackOptions["hears"] = (place) => listeningAt(agents.settings(), place) === "always";
  return createSlackAdapter({
    get botToken() {
      return live.now.slack?.botToken ?? slack.botToken;
    },
    get appToken() {
      return live.now.slack?.mode === "socket" ? live.now.slack.appToken : null;
    },
    get signingSecret() {
      return signingSecretOf(live.now);
    },
    get signingSecretBefore() {
      return live.before(signingSecretOf);
    },
    apiUrl,
    mode,
    dm,
    stream,
    hears,
    log,
  });
}
