import {
  has,
  isTrueIn,
  type Json,
  listIn,
  objectIn,
  asObject,
  cleanText,
  rawTextIn,
  wholeIn,
} from "./telegram-json.ts";
import { filesIn } from "./read-telegram-files.ts";
import { thingIn } from "./telegram-things.ts";

/** What is asked of a bot in a message: its name, and what it may read. */
export interface TelegramBot {
  id: number;
  username: string;
  /** The bot has topics in private chats (getMe, has_topics_enabled). */
  topics: boolean;
}

/** A text or caption with its entities, which count in UTF-16 units of exactly this text. */
export interface Written {
  text: string;
  entities: readonly Json[];
}

/** What files are called where only their name can stand for them. */
const FILES: Readonly<Record<string, string>> = {
  live_photo: "live photo",
  photo: "photo",
  voice: "voice message",
  audio: "audio",
  video: "video",
  video_note: "video message",
  animation: "animation",
  document: "file",
};

/** What a person wrote, with "" for a file without words; null for a service message. */
export function writtenIn(message: Json): Written | null {
  const text = rawTextIn(message, "text");
  if (text !== null) return { text, entities: entitiesIn(message, "entities") };
  const caption = rawTextIn(message, "caption");
  if (caption !== null) return { text: caption, entities: entitiesIn(message, "caption_entities") };
  const thing = thingIn(message);
  if (thing !== null) return { text: thing, entities: [] };
  const label = labelOf(message);
  if (label === "") return null;
  return { text: filesIn(message).length > 0 ? "" : label, entities: [] };
}

/** `[photo]` and the like; "" = no file. */
export function labelOf(message: Json): string {
  const field = Object.keys(FILES).find((it) => has(message, it));
  return field === undefined ? "" : `[${FILES[field]}]`;
}

function entitiesIn(message: Json, field: string): Json[] {
  return listIn(message, field)
    .map(asObject)
    .filter((it) => it !== null);
}

export interface Command {
  command: string;
  args: string;
}

/**
 * The command at the start of a text, if it is for this bot: `/name` or `/name@us`. Telegram marks what it takes for a
 * command, so only the marked part is looked at.
 */
export function commandIn(written: Written, bot: TelegramBot): Command | null {
  const entity = written.entities.find((it) => it["type"] === "bot_command" && wholeIn(it, "offset") === 0);
  const marked = entity && sliceOf(written.text, entity);
  const [, command, addressee] = /^\/(\w{1,64})(?:@(\w+))?$/.exec(marked ?? "") ?? [];
  if (command === undefined || (addressee !== undefined && !isName(addressee, bot))) return null;
  return { command: command.toLowerCase(), args: cleanText(written.text.slice(marked?.length)).trim() };
}

/** Whether a group's message is for us: it names us, or it answers a message of ours. */
export function isAddressed(message: Json, written: Written, bot: TelegramBot): boolean {
  if (written.entities.some((it) => isOurMention(written.text, it, bot))) return true;
  const answered = objectIn(message, "reply_to_message");
  const author = answered && objectIn(answered, "from");
  if (!answered || !author) return false;
  // Every message in a topic "answers" the one that made the topic, which may be ours.
  return wholeIn(author, "id") === bot.id && !has(answered, "forum_topic_created");
}

/** The text for the agent: clean, and without the mention of us at its start or end, unless that is all there is. */
export function textFor(written: Written, bot: TelegramBot): string {
  let { text } = written;
  // From the back, so that the offsets of those before stay right.
  const mentions = written.entities.filter((it) => isOurMention(written.text, it, bot)).toReversed();
  for (const mention of mentions) {
    const offset = wholeIn(mention, "offset") ?? 0;
    const before = text.slice(0, offset);
    const after = text.slice(offset + (wholeIn(mention, "length") ?? 0));
    if (after.trim() === "") text = before;
    else if (before.trim() === "") text = after.replace(/^\s*[,:]/, "");
  }
  return cleanText(text).trim() || cleanText(written.text).trim();
}

function isOurMention(text: string, entity: Json, bot: TelegramBot): boolean {
  if (entity["type"] === "text_mention") return wholeIn(objectIn(entity, "user") ?? {}, "id") === bot.id;
  const name = entity["type"] === "mention" ? sliceOf(text, entity) : null;
  return name !== null && name.startsWith("@") && isName(name.slice(1), bot);
}

function isName(name: string, bot: TelegramBot): boolean {
  return name.toLowerCase() === bot.username.toLowerCase();
}

function sliceOf(text: string, entity: Json): string | null {
  const offset = wholeIn(entity, "offset");
  const length = wholeIn(entity, "length");
  if (offset === null || length === null || offset < 0 || length < 1) return null;
  return text.slice(offset, offset + length);
}

/** Topics and threads: only what `is_topic_message` marks is one; elsewhere the id is that of a chain of replies. */
export function threadIn(message: Json, isPrivate: boolean, bot: TelegramBot): string {
  const thread = wholeIn(message, "message_thread_id");
  if (thread === null || !isTrueIn(message, "is_topic_message") || (isPrivate && !bot.topics)) return "";
  return String(thread);
}
