import type { ForceReply, InlineKeyboardMarkup } from "grammy/types";
import { readDecisionValue } from "../../src/platform/decision-button.ts";
import type { Choice, Log, PressedButton, RenderedPage, Thumbs } from "../../src/platform/platform-adapter.ts";
import { readVoteValue } from "../../src/platform/vote-button.ts";
import type { TelegramApi } from "./telegram-api.ts";
import { asObject, objectIn, rawTextIn } from "./telegram-json.ts";

/** The parts of a page's `rich` that make buttons; the rest of it is not looked at. */
interface StopButton {
  stop: Choice;
}
interface ChoiceButtons {
  choices: readonly Choice[];
}
interface Question {
  /** What stands in the field below it. */
  hint: string;
}

const VALUE = /^[ -~]{1,64}$/;

/** The page with a button to stop the answer. "Data to be sent in a callback query, 1-64 bytes" (Bot API). */
export function withStop(page: RenderedPage, value: string, label: string): RenderedPage {
  if (!VALUE.test(value)) throw new Error("the value of a button is at most 64 characters of ASCII");
  return { text: page.text, rich: { ...asObject(page.rich), stop: { label, value } } satisfies StopButton };
}

/** The page with buttons in a row. */
export function withChoices(page: RenderedPage, choices: readonly Choice[]): RenderedPage {
  if (!choices.every(({ value }) => VALUE.test(value))) {
    throw new Error("the value of a button is at most 64 characters of ASCII");
  }
  return { text: page.text, rich: { ...asObject(page.rich), choices } satisfies ChoiceButtons };
}

/** The page with a thumb up and one down, of which the chosen one is ticked; all who are there see the same. */
export function withThumbs(page: RenderedPage, { up, down, chosen }: Thumbs): RenderedPage {
  const tick = (vote: Thumbs["chosen"]) => (vote === chosen ? " ✓" : "");
  return withChoices(page, [
    { value: up.value, label: `👍${tick("up")}` },
    { value: down.value, label: `👎${tick("down")}` },
  ]);
}

/** The page as a question: the person's app opens an answer to it, with `hint`, "1-64 characters", in its field (Bot API, ForceReply). */
export function asQuestion(page: RenderedPage, hint: string): RenderedPage {
  return { text: page.text, rich: { ...asObject(page.rich), hint: hint.slice(0, 64) } satisfies Question };
}

/** A page without a button takes away the one that is there: an edit that names none does so (Bot API). */
export function keyboardOf(page: RenderedPage): { reply_markup?: InlineKeyboardMarkup } {
  const { stop, choices = stop ? [stop] : [] } = (page.rich ?? {}) as Partial<StopButton & ChoiceButtons>;
  if (choices.length === 0) return {};
  const row = choices.map(({ label, value }) => ({ text: label, callback_data: value }));
  return { reply_markup: { inline_keyboard: [row] } };
}

/** What a new message brings besides its text. It may ask for an answer, which an edit may not. */
export function markupOf(page: RenderedPage): { reply_markup?: InlineKeyboardMarkup | ForceReply } {
  const { hint } = (page.rich ?? {}) as Partial<Question>;
  if (hint === undefined) return keyboardOf(page);
  return { reply_markup: { force_reply: true, input_field_placeholder: hint } };
}

/**
 * Ends the spinning of a button that was pressed, unless its presser will be told something, which ends it as well.
 * Nothing waits for it, and that it came too late is nothing new.
 */
export function answerPress(api: TelegramApi, update: unknown, log: Log): void {
  const query = objectIn(asObject(update) ?? {}, "callback_query");
  const id = query && rawTextIn(query, "id");
  const value = (query && rawTextIn(query, "data")) ?? "";
  if (id === null || readDecisionValue(value) || readVoteValue(value)) return;
  api.raw.answerCallbackQuery({ callback_query_id: id }).catch((error: unknown) => {
    log.info({ err: error }, "the press of a button was not answered");
  });
}

/** A line over the chat that goes away by itself. "0-200 characters" (Bot API, answerCallbackQuery). */
export async function tellPresser(api: TelegramApi, { answerAt }: PressedButton, text: string): Promise<void> {
  if (answerAt === undefined) return;
  const said = text === "" ? {} : { text: [...text].slice(0, 200).join("") };
  await api.raw.answerCallbackQuery({ callback_query_id: answerAt, ...said });
}
