import type { BotCommandScope } from "grammy/types";
import type { CommandMenu } from "../../src/platform/command-menu.ts";
import type { TelegramApi } from "./telegram-api.ts";

const SCOPES: readonly BotCommandScope[] = [{ type: "all_private_chats" }, { type: "all_group_chats" }];

/** Sets the menus, each only where Telegram has another one. */
export async function setCommandMenus(
  api: TelegramApi,
  menus: readonly CommandMenu[],
  signal: AbortSignal,
): Promise<void> {
  for (const menu of menus) {
    for (const scope of SCOPES) await setMenu(api, menu, scope, signal);
  }
}

async function setMenu(
  api: TelegramApi,
  { language, commands }: CommandMenu,
  scope: BotCommandScope,
  signal: AbortSignal,
): Promise<void> {
  const where = { scope, ...(language === "en" ? {} : { language_code: language as "de" }) };
  const wanted = commands
    .filter((it) => scope.type === "all_private_chats" || !it.privateOnly)
    .map(({ word, description }) => ({ command: word, description }));
  const present = await api.raw.getMyCommands(where, signal);
  const same =
    present.length === wanted.length &&
    wanted.every(
      (it, index) => present[index]?.command === it.command && present[index].description === it.description,
    );
  if (!same) await api.raw.setMyCommands({ ...where, commands: wanted }, signal);
}
