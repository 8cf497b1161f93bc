import type { InlineKeyboardMarkup } from "grammy/types";
import type { Log, RenderedPage } from "../../src/platform/platform-adapter.ts";
import type { TelegramApi } from "./telegram-api.ts";
import { asObject, objectIn, rawTextIn } from "./telegram-json.ts";

/** The part of a page's `rich` that makes a button; the rest of it is not looked at. */
interface StopButton {
  stop: { label: string; value: string };
}

/** The page with a button to stop the answer. "Data to be sent in a callback query, 1-64 bytes" (Bot API). */
export function withStop(page: RenderedPage, value: string, label: string): RenderedPage {
  if (!/^[ -~]{1,64}$/.test(value)) throw new Error("the value of a button is at most 64 characters of ASCII");
  return { text: page.text, rich: { ...asObject(page.rich), stop: { label, value } } satisfies StopButton };
}

/** A page without a button takes away the one that is there: an edit that names none does so (Bot API). */
export function keyboardOf(page: RenderedPage): { reply_markup?: InlineKeyboardMarkup } {
  const { stop } = (page.rich ?? {}) as Partial<StopButton>;
  if (!stop) return {};
  return { reply_markup: { inline_keyboard: [[{ text: stop.label, callback_data: stop.value }]] } };
}

/** Ends the spinning of a button that was pressed. Nothing waits for it, and that it came too late is nothing new. */
export function answerPress(api: TelegramApi, update: unknown, log: Log): void {
  const query = objectIn(asObject(update) ?? {}, "callback_query");
  const id = query && rawTextIn(query, "id");
  if (id === null) return;
  api.raw.answerCallbackQuery({ callback_query_id: id }).catch((error: unknown) => {
    log.info({ err: error }, "the press of a button was not answered");
  });
}
