import type { MessageEntity } from "grammy/types";

/*
 * What Telegram's clients mark in a person's text by themselves. Grammar of commands and mentions: tdlib
 * td/telegram/MessageEntity.cpp, match_bot_commands and match_mentions (the regular expressions in their comments).
 */
const COMMAND = /(?<![\p{L}\p{N}_/<>])\/[a-zA-Z0-9_]{1,64}(?:@[a-zA-Z0-9_]{3,32})?(?![\p{L}\p{N}_/<>@])/gu;
const MENTION = /(?<![\p{L}\p{N}_])@[a-zA-Z0-9_]{2,32}(?![\p{L}\p{N}_])/gu;

/** Commands and mentions of a text, in order. The "@bot" of a command is part of the command. */
export function findUserEntities(text: string): MessageEntity[] {
  const found = [...matches(text, COMMAND, "bot_command"), ...matches(text, MENTION, "mention")];
  return found.toSorted((a, b) => a.offset - b.offset);
}

function matches(text: string, pattern: RegExp, type: "bot_command" | "mention"): MessageEntity[] {
  return [...text.matchAll(pattern)].map((match) => ({ type, offset: match.index, length: match[0].length }));
}
