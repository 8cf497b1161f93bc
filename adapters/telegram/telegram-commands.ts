import type { TelegramApi } from "./telegram-api.ts";

/** The menu beside the text field; what the words do is the core's. */
export const TELEGRAM_COMMANDS = [
  { command: "start", description: "Begin" },
  { command: "help", description: "What I can do" },
  { command: "new", description: "Begin a new talk" },
  { command: "stop", description: "Stop the answer" },
  { command: "status", description: "What is going on" },
  { command: "sessions", description: "Earlier talks of this chat" },
] as const;

/** Sets the menu for all chats, but only when Telegram has another one. */
export async function setCommandMenu(api: TelegramApi, signal: AbortSignal): Promise<void> {
  const present = await api.raw.getMyCommands({}, signal);
  const same =
    present.length === TELEGRAM_COMMANDS.length &&
    TELEGRAM_COMMANDS.every(
      (it, index) => present[index]?.command === it.command && present[index].description === it.description,
    );
  if (!same) await api.raw.setMyCommands({ commands: TELEGRAM_COMMANDS }, signal);
}
