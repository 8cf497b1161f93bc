import type { FakeChannel } from "./slack/channels.ts";
import type { FakeUser as SlackUser } from "./slack/directory.ts";
import type { FakeSlack } from "./slack/fake-slack.ts";
import { chatLines as slackLines } from "./slack/transcript.ts";
import type { FakeChat, FakeUser as TelegramUser } from "./telegram/chats.ts";
import type { FakeTelegram } from "./telegram/fake-telegram.ts";
import { chatLines as telegramLines } from "./telegram/transcript.ts";
import type { ChatLine } from "./terminal-chat.ts";

/** Where somebody at a terminal may write, and what they may do there. */
export interface Place {
  lines(): readonly ChatLine[];
  say(text: string): void;
  /** The button with this label under the bot's last message. Throws when there is none. */
  press(label: string): void;
  /** What is written next begins a new thread. */
  top?: () => void;
  stop?: () => void;
  command?: (typed: string) => void;
}

export function telegramPlace(telegram: FakeTelegram, chat: FakeChat, from: TelegramUser): Place {
  return {
    lines: () => telegramLines(chat),
    say: (text) => void telegram.say({ chat, from, text }),
    press: (label) => {
      const message = telegram.botMessages(chat).at(-1);
      const buttons = message?.keyboard?.inline_keyboard.flat() ?? [];
      const button = buttons.find((each) => "callback_data" in each && each.text === label);
      const data = button && "callback_data" in button ? button.callback_data : label;
      telegram.pressButton({ chat, from, messageId: message?.messageId ?? 0, data });
    },
  };
}

export function slackPlace(slack: FakeSlack, channel: FakeChannel, user: SlackUser): Place {
  let thread: string | null = null;
  return {
    lines: () => slackLines(channel),
    say: (text) => {
      const { ts } = slack.say({ channel, user, text, ...(thread === null ? {} : { thread }) });
      thread ??= ts;
    },
    press: (button) => {
      const ts = slack.botMessages(channel).at(-1)?.ts ?? "";
      slack.press({ channel, user, ts, ...(button === "" ? {} : { button }) });
    },
    top: () => {
      thread = null;
    },
    stop: () => void slack.stopSession({ channel, user, thread: thread ?? "" }),
    command: (typed) => void slack.slash({ channel, user, command: typed.trim() }),
  };
}
