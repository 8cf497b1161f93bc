import type { FakeChat, FakeUser } from "./chats.ts";
import type { FakeTelegram } from "./fake-telegram.ts";
import type { Payload } from "./payload.ts";

/** What stands ready when a row of the table is tried. */
export interface Scene {
  fake: FakeTelegram;
  ann: FakeUser;
  /** Ann's private chat, id 1. */
  chat: FakeChat;
  group: FakeChat;
  forum: FakeChat;
  /** An open topic of the forum. */
  topic: number;
  /** A message "mine" of the bot in Ann's chat. */
  mine: number;
  /** A message of Ann there. */
  theirs: number;
  /** Lets time pass. */
  pass: (ms: number) => void;
}

export interface RefusalRow {
  rule: string;
  /** Where the rule comes from; "fake" where the fake is stricter than Telegram, with the reason. */
  source: string;
  method: string;
  payload: Payload | ((scene: Scene) => Payload);
  before?: (scene: Scene) => unknown;
  code: number;
  description: string;
}

export const SERVER = "tdlib/telegram-bot-api, Client.cpp";
export const TDLIB = "tdlib/td, MessageEntity.cpp";
