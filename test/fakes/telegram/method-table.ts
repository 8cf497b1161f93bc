import * as bots from "./bot-methods.ts";
import * as drafts from "./draft-methods.ts";
import * as files from "./file-methods.ts";
import * as messages from "./message-methods.ts";
import type { ApiCall } from "./world.ts";

export interface ApiMethod {
  readonly name: string;
  /** Returns the result, or throws a `Refusal`. */
  readonly run: (call: ApiCall) => unknown;
  /** The parameters of Bot API 10.3 that mean something here, or change nothing a fake could show. */
  readonly fields: ReadonlySet<string>;
}

const SHARED_SEND = [
  "chat_id",
  "message_thread_id",
  "disable_notification",
  "protect_content",
  "allow_paid_broadcast",
  "message_effect_id",
  "reply_parameters",
  "reply_markup",
];
const TEXT = ["text", "entities", "parse_mode", "link_preview_options"];
const EDIT = ["chat_id", "message_id", "reply_markup"];
const DRAFT = ["chat_id", "message_thread_id", "draft_id", "can_stop", "keep_on_stop"];
const SCOPE = ["scope", "language_code"];
const WEBHOOK = ["url", "ip_address", "max_connections", "allowed_updates", "drop_pending_updates", "secret_token"];

const METHODS: ApiMethod[] = [
  method("getMe", bots.getMe, []),
  method("getUpdates", bots.getUpdates, ["offset", "limit", "timeout", "allowed_updates"]),
  method("setWebhook", bots.setWebhook, WEBHOOK),
  method("deleteWebhook", bots.deleteWebhook, ["drop_pending_updates"]),
  method("getWebhookInfo", bots.getWebhookInfo, []),
  method("getChat", bots.getChat, ["chat_id"]),
  method("setMyCommands", bots.setMyCommands, ["commands", ...SCOPE]),
  method("getMyCommands", bots.getMyCommands, SCOPE),
  method("getFile", files.getFile, ["file_id"]),
  method("sendDocument", files.sendDocument, [...SHARED_SEND, "document", "disable_content_type_detection"]),
  method("sendPhoto", files.sendPhoto, [...SHARED_SEND, "photo"]),
  method("sendMessageDraft", drafts.sendMessageDraft, [...DRAFT, "text", "entities", "parse_mode"]),
  method("sendMessage", messages.sendMessage, [...SHARED_SEND, ...TEXT]),
  method("sendRichMessage", messages.sendRichMessage, [...SHARED_SEND, "rich_message"]),
  method("editMessageText", messages.editMessageText, [...EDIT, "rich_message", ...TEXT]),
  method("editMessageReplyMarkup", messages.editMessageReplyMarkup, EDIT),
  method("deleteMessage", messages.deleteMessage, ["chat_id", "message_id"]),
  method("sendChatAction", messages.sendChatAction, ["chat_id", "message_thread_id", "action"]),
  method("answerCallbackQuery", messages.answerCallbackQuery, [
    "callback_query_id",
    "text",
    "show_alert",
    "url",
    "cache_time",
  ]),
];

/** Telegram reads method names without regard to case. */
const BY_NAME = new Map(METHODS.map((entry) => [entry.name.toLowerCase(), entry]));

export function findMethod(name: string): ApiMethod | undefined {
  return BY_NAME.get(name.toLowerCase());
}

function method(name: string, run: ApiMethod["run"], fields: string[]): ApiMethod {
  return { name, run, fields: new Set(fields) };
}
