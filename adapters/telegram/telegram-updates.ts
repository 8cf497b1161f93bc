import type { Update } from "grammy/types";

/** What is asked for; Telegram remembers the list per bot, so polls and webhook name it every time. */
export const ALLOWED_UPDATES: readonly Exclude<keyof Update, "update_id">[] = [
  "message",
  "edited_message",
  "callback_query",
  "my_chat_member",
  "stopped_message_generation",
  "message_reaction",
];
