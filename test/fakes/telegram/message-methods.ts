import { checkActionTopic, readReply, requireChat, requireMessage, requireTopic } from "./chat-checks.ts";
import type { FakeMessage, MessageVersion } from "./chats.ts";
import { readFormattedText, type FormattedText } from "./formatted-text.ts";
import { messageJson } from "./message-json.ts";
import { textOf, wholeNumberOf } from "./payload.ts";
import { badRequest, Refusal } from "./refusal.ts";
import { readKeyboard } from "./reply-markup.ts";
import { readRichMessage } from "./rich-message.ts";
import { CALLBACK_LIFE_MS } from "./update-queue.ts";
import type { ApiCall } from "./world.ts";

/** "A message can only be deleted if it was sent less than 48 hours ago" (Bot API, deleteMessage). */
const DELETE_WITHIN_MS = 48 * 3600 * 1000;
/** "Text of the notification, 0-200 characters" (Bot API, answerCallbackQuery). */
const ANSWER_LIMIT = 200;
/** Client.cpp, get_chat_action. */
const ACTIONS = [
  "cancel",
  "typing",
  "record_video",
  "upload_video",
  "record_audio",
  "record_voice",
  "upload_audio",
  "upload_voice",
  "upload_photo",
  "upload_document",
  "choose_sticker",
  "pick_up_location",
  "find_location",
  "record_video_note",
  "upload_video_note",
];
const NOT_MODIFIED =
  "message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message";

type Content = Pick<MessageVersion, "text" | "entities" | "rich">;

export function sendMessage(call: ApiCall): unknown {
  return send(call, readText(call, "message is too long"));
}

export function sendRichMessage(call: ApiCall): unknown {
  if (!call.world.rich) {
    throw new Refusal(404, "Not Found: method not found");
  }
  return send(call, readRichMessage(call.payload));
}

function send(call: ApiCall, content: Content): unknown {
  const keyboard = readKeyboard(call.payload);
  const chat = requireChat(call, "write");
  const topic = requireTopic(call, chat);
  const replyTo = readReply(call, chat);
  const message = chat.post({
    author: "bot",
    at: call.world.now(),
    text: content.text,
    entities: content.entities,
    rich: content.rich ?? null,
    thread: topic?.id ?? null,
    replyTo,
    keyboard,
  });
  call.entry.messageId = message.messageId;
  return messageJson(call.bot, chat, message);
}

/** A server that knows no rich messages overlooks the parameter. */
export function editMessageText(call: ApiCall): unknown {
  const isRich = call.world.rich && call.payload["rich_message"] !== undefined;
  const content: Content = isRich ? readRichMessage(call.payload) : readText(call, "MESSAGE_TOO_LONG");
  const keyboard = readKeyboard(call.payload);
  checkAddress(call);
  const chat = requireChat(call, "edit");
  const message = requireMessage(call, chat, "message to edit");
  checkEditable(message);
  if (message.file !== null) {
    throw badRequest("there is no text in the message to edit");
  }
  if (
    message.text === content.text &&
    same(message.entities, content.entities) &&
    same(message.rich, content.rich ?? null) &&
    // An edit without a keyboard takes the old one away.
    same(message.keyboard, keyboard)
  ) {
    throw badRequest(NOT_MODIFIED);
  }
  chat.edit(message, call.world.now(), { ...content, keyboard });
  call.entry.messageId = message.messageId;
  return messageJson(call.bot, chat, message);
}

export function editMessageReplyMarkup(call: ApiCall): unknown {
  const keyboard = readKeyboard(call.payload);
  checkAddress(call);
  const chat = requireChat(call, "edit");
  const message = requireMessage(call, chat, "message to edit");
  checkEditable(message);
  if (same(message.keyboard, keyboard)) {
    throw badRequest(NOT_MODIFIED);
  }
  chat.edit(message, call.world.now(), { ...message, keyboard });
  call.entry.messageId = message.messageId;
  return messageJson(call.bot, chat, message);
}

export function deleteMessage(call: ApiCall): unknown {
  const { payload, world } = call;
  if (textOf(payload, "chat_id") === "") {
    throw badRequest("chat identifier is not specified");
  }
  if (wholeNumberOf(payload, "message_id") <= 0) {
    throw badRequest("message identifier is not specified");
  }
  const chat = requireChat(call, "write");
  const message = requireMessage(call, chat, "message to delete");
  const mine = message.author === "bot" || chat.type === "private";
  if (!mine || world.now() - message.at > DELETE_WITHIN_MS) {
    throw badRequest("message can't be deleted for everyone");
  }
  chat.remove(message);
  call.entry.messageId = message.messageId;
  return true;
}

export function sendChatAction(call: ApiCall): unknown {
  if (!ACTIONS.includes(textOf(call.payload, "action").toLowerCase())) {
    throw badRequest("wrong parameter action in request");
  }
  checkActionTopic(call, requireChat(call, "write"));
  return true;
}

export function answerCallbackQuery(call: ApiCall): unknown {
  const pressed = call.bot.pressed.get(textOf(call.payload, "callback_query_id"));
  if (pressed === undefined || call.world.now() - pressed.at > CALLBACK_LIFE_MS) {
    throw badRequest("query is too old and response timeout expired or query ID is invalid");
  }
  if (textOf(call.payload, "text").length > ANSWER_LIMIT) {
    throw badRequest("MESSAGE_TOO_LONG");
  }
  pressed.answered = true;
  return true;
}

function readText(call: ApiCall, tooLong: string): FormattedText {
  const content = readFormattedText(call.payload, tooLong);
  for (const why of content.dropped) {
    call.world.droppedEntities.push({ method: call.method, chat: call.entry.chat, why });
    if (call.world.strict) {
      throw badRequest(`Telegram would leave out an entity: ${why}`);
    }
  }
  return content;
}

/** Messages sent by inline queries have another address; the fake has none of them. */
function checkAddress(call: ApiCall): void {
  if (textOf(call.payload, "chat_id") === "" && wholeNumberOf(call.payload, "message_id") <= 0) {
    throw badRequest("message identifier is not specified");
  }
}

function checkEditable(message: FakeMessage): void {
  if (message.author !== "bot" || message.service !== null) {
    throw badRequest("message can't be edited");
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
