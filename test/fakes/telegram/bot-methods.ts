import { requireChat } from "./chat-checks.ts";
import { SET_WEBHOOK } from "./long-poll.ts";
import { chatJson, getMeJson } from "./message-json.ts";
import { clampedNumberOf, flagOf, isObject, jsonOf, textOf } from "./payload.ts";
import { badRequest, tooManyRequests } from "./refusal.ts";
import { WebhookDelivery, type WebhookSettings } from "./webhook-delivery.ts";
import type { ApiCall, FakeBot } from "./world.ts";

const MAX_SECRET = 256;
const SECRET_ALPHABET = /^[A-Za-z0-9_-]*$/;
const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];
/** BotCommand of the Bot API: 100 commands, names of 1-32, descriptions of 1-256. */
const MAX_COMMANDS = 100;
const COMMAND_NAME = /^[a-z0-9_]{1,32}$/;
const MAX_DESCRIPTION = 256;

export function getMe(call: ApiCall): unknown {
  return getMeJson(call.bot);
}

export function getUpdates(call: ApiCall): unknown {
  return call.bot.poll.get(call.payload, call.bot.webhook !== null, call.onClose);
}

/** Source: tdlib/telegram-bot-api Client.cpp, process_set_webhook_query and do_set_webhook. */
export function setWebhook(call: ApiCall): unknown {
  const { bot, payload, world } = call;
  const url = textOf(payload, "url");
  if (url === "") {
    return deleteWebhook(call);
  }
  const now = performance.now();
  if (now < bot.nextSetWebhook) {
    throw tooManyRequests(1);
  }
  bot.nextSetWebhook = now + 1000 * world.timeScale;
  const settings = readSettings(call, url);
  bot.queue.allow(payload);
  if (sameSettings(bot.webhook?.settings, settings) && !flagOf(payload, "drop_pending_updates")) {
    return true;
  }
  bot.poll.conflict(SET_WEBHOOK);
  stopWebhook(bot);
  if (flagOf(payload, "drop_pending_updates")) {
    bot.queue.clear();
  }
  bot.webhook = new WebhookDelivery(settings, {
    queue: bot.queue,
    timers: world.timers,
    timeScale: world.timeScale,
    now: world.now,
    onDelivery: (delivery) => {
      world.deliveries.push(delivery);
      world.changes.notify();
    },
  });
  return true;
}

export function deleteWebhook(call: ApiCall): unknown {
  stopWebhook(call.bot);
  if (flagOf(call.payload, "drop_pending_updates")) {
    call.bot.queue.clear();
  }
  return true;
}

export function getWebhookInfo(call: ApiCall): unknown {
  const { queue, webhook } = call.bot;
  const error = webhook?.lastError ?? null;
  return {
    url: webhook?.settings.url ?? "",
    has_custom_certificate: false,
    pending_update_count: queue.size,
    ...(error === null ? {} : { last_error_date: Math.floor(error.at / 1000), last_error_message: error.message }),
    ...(webhook === null ? {} : { max_connections: webhook.settings.maxConnections }),
    ...(queue.allowed === null ? {} : { allowed_updates: queue.allowed }),
  };
}

export function setMyCommands(call: ApiCall): unknown {
  const commands = jsonOf(call.payload, "commands", "commands") ?? [];
  if (!Array.isArray(commands)) {
    throw badRequest("expected an Array of BotCommand");
  }
  if (commands.length > MAX_COMMANDS) {
    throw badRequest("BOT_COMMANDS_TOO_MUCH");
  }
  for (const command of commands) {
    checkCommand(command);
  }
  call.bot.commands.set(commandScope(call), commands);
  return true;
}

export function getMyCommands(call: ApiCall): unknown {
  return call.bot.commands.get(commandScope(call)) ?? [];
}

export function getChat(call: ApiCall): unknown {
  const chat = requireChat(call, "read");
  return { ...chatJson(chat), accent_color_id: 0, max_reaction_count: 11 };
}

function unparsable(why: string): Error {
  return badRequest(`can't parse BotCommand: ${why}`);
}

function checkCommand(command: unknown): void {
  if (!isObject(command)) {
    throw unparsable("expected an Object");
  }
  for (const field of ["command", "description"]) {
    if (typeof command[field] !== "string") {
      throw unparsable(`Can't find field "${field}"`);
    }
  }
  if (!COMMAND_NAME.test(textOf(command, "command"))) {
    throw badRequest("BOT_COMMAND_INVALID");
  }
  const description = textOf(command, "description");
  if (description === "" || description.length > MAX_DESCRIPTION) {
    throw badRequest("BOT_COMMAND_DESCRIPTION_INVALID");
  }
}

function commandScope(call: ApiCall): string {
  const scope = jsonOf(call.payload, "scope", "BotCommandScope") ?? { type: "default" };
  return `${JSON.stringify(scope)} ${textOf(call.payload, "language_code")}`;
}

function readSettings(call: ApiCall, url: string): WebhookSettings {
  const { payload } = call;
  const parsed = URL.parse(url);
  if (parsed === null) {
    throw badRequest("invalid webhook URL specified");
  }
  const secret = textOf(payload, "secret_token");
  if (secret.length > MAX_SECRET) {
    throw badRequest("secret token is too long");
  }
  if (!SECRET_ALPHABET.test(secret)) {
    throw badRequest("secret token contains unallowed characters");
  }
  // Telegram itself wants https; a server of one's own also takes http, and the fake never leaves this machine.
  if (parsed.protocol !== "http:" || !LOOPBACK.includes(parsed.hostname)) {
    throw badRequest("bad webhook: this fake delivers to http on loopback only");
  }
  return { url, secret, maxConnections: clampedNumberOf(payload, "max_connections", 40, 1, 100) };
}

function sameSettings(a: WebhookSettings | undefined, b: WebhookSettings): boolean {
  return a?.url === b.url && a.secret === b.secret && a.maxConnections === b.maxConnections;
}

function stopWebhook(bot: FakeBot): void {
  bot.webhook?.close();
  bot.webhook = null;
}
