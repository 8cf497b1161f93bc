import { errorCode, publicMessage } from "../../src/errors.ts";
import { fault, type Finding, ok, warning } from "../../src/finding.ts";
import { openTelegramApi, type TelegramApi } from "./telegram-api.ts";
import { TELEGRAM_WEBHOOK_PATH } from "./telegram-webhook.ts";

const DEADLINE_MS = 10_000;
/** Telegram's own server warns from here on (tdlib/telegram-bot-api, WebhookActor). */
const MANY_PENDING = 50;

export interface TelegramSettings {
  token: string;
  apiRoot: string | null;
  mode: "polling" | "webhook";
  publicUrl: string | null;
}

/** Asks Telegram what it knows of the bot and its webhook, and changes nothing. Never rejects. */
export async function diagnoseTelegram(settings: TelegramSettings): Promise<Finding[]> {
  const { token, apiRoot } = settings;
  const api = openTelegramApi({ token, apiRoot, connections: 1, deadlineMs: DEADLINE_MS });
  try {
    const me = await api.raw.getMe();
    const findings = [ok("telegram", `the token is that of @${me.username}`)];
    if (me.can_join_groups && !me.can_read_all_group_messages) {
      const remedy = "If it shall follow groups where it is no administrator, switch /setprivacy off at @BotFather.";
      findings.push(warning("telegram", "in groups the bot sees commands, mentions and replies to it only", remedy));
    }
    return [...findings, ...(await lookAtWebhook(api, settings))];
  } catch (error) {
    if (errorCode(error) === "unauthorized") {
      const remedy = "Copy it again from @BotFather into TELEGRAM_BOT_TOKEN; /revoke makes a new one.";
      return [fault("telegram", "Telegram refuses the bot's token", remedy)];
    }
    const remedy = "Check TELEGRAM_API_ROOT, and whether this machine reaches it.";
    return [fault("telegram", `Telegram cannot be asked: ${publicMessage(error)}`, remedy)];
  } finally {
    await api.close();
  }
}

async function lookAtWebhook(api: TelegramApi, { mode, publicUrl }: TelegramSettings): Promise<Finding[]> {
  const info = await api.raw.getWebhookInfo();
  const findings: Finding[] = [];
  if (mode === "polling" && info.url) {
    const remedy = "If another deployment uses this bot, give each its own; else start: polling removes the webhook.";
    findings.push(warning("telegram", "a webhook is set although TELEGRAM_MODE is polling", remedy));
  }
  if (mode === "webhook" && info.url !== `${publicUrl}${TELEGRAM_WEBHOOK_PATH}`) {
    const says = info.url === "" ? "no webhook is set yet" : "the webhook that is set is another one";
    const remedy = "Start the gateway, which sets its own; if it changes back, another deployment uses this bot.";
    findings.push(warning("telegram", says, remedy));
  }
  if (mode === "webhook" && info.last_error_message !== undefined) {
    const when = new Date((info.last_error_date ?? 0) * 1000).toISOString();
    const remedy = "Check that PUBLIC_URL reaches this gateway over https, with a certificate Telegram accepts.";
    findings.push(warning("telegram", `calls of the webhook failed, last ${when}: ${info.last_error_message}`, remedy));
  }
  if (info.pending_update_count > MANY_PENDING) {
    const remedy = "Start the gateway, or find out why it does not take them; they are kept for 24 hours.";
    findings.push(warning("telegram", `${info.pending_update_count} updates wait to be taken in`, remedy));
  }
  return findings;
}
