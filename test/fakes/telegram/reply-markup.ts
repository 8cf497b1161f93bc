import type { InlineKeyboardMarkup } from "grammy/types";
import { isObject, jsonOf, type Payload } from "./payload.ts";
import { badRequest } from "./refusal.ts";

/** "Data to be sent in a callback query to the bot when the button is pressed, 1-64 bytes" (Bot API). */
const CALLBACK_DATA_BYTES = 64;
const OTHER_ACTIONS = [
  "callback_game",
  "pay",
  "switch_inline_query",
  "switch_inline_query_chosen_chat",
  "switch_inline_query_current_chat",
  "login_url",
  "web_app",
  "copy_text",
];

/**
 * The inline keyboard of a call, or null. Texts: tdlib/telegram-bot-api Client.cpp, get_reply_markup. Keyboards that
 * replace the person's own keyboard are taken but not shown.
 */
export function readKeyboard(payload: Payload): InlineKeyboardMarkup | null {
  const markup = jsonOf(payload, "reply_markup", "reply keyboard markup");
  if (markup === undefined) {
    return null;
  }
  if (!isObject(markup)) {
    throw badRequest("object expected as reply markup");
  }
  const rows = markup["inline_keyboard"];
  if (rows === undefined) {
    return null;
  }
  if (!Array.isArray(rows) || !rows.every(Array.isArray)) {
    throw badRequest('field "inline_keyboard" must be an Array of Arrays');
  }
  for (const button of rows.flat() as unknown[]) {
    checkButton(button);
  }
  return rows.flat().length === 0 ? null : (markup as unknown as InlineKeyboardMarkup);
}

function unparsable(why: string): Error {
  return badRequest(`can't parse inline keyboard button: ${why}`);
}

function checkButton(button: unknown): void {
  if (!isObject(button)) {
    throw unparsable("InlineKeyboardButton must be an Object");
  }
  if (typeof button["text"] !== "string") {
    throw unparsable('Can\'t find field "text"');
  }
  const data = button["callback_data"];
  const url = button["url"];
  if (typeof data === "string" && data !== "") {
    if (Buffer.byteLength(data) > CALLBACK_DATA_BYTES) {
      throw badRequest("BUTTON_DATA_INVALID");
    }
  } else if (!(typeof url === "string" && url !== "") && !OTHER_ACTIONS.some((action) => action in button)) {
    throw unparsable("Text buttons are unallowed in the inline keyboard");
  }
}
