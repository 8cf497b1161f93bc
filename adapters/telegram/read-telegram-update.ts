import type {
  BurstHint,
  ContextPart,
  IncomingPlace,
  IncomingUpdate,
  Sender,
} from "../../src/platform/incoming-update.ts";
import { filesIn } from "./read-telegram-files.ts";
import { STOP_HERE } from "../../src/platform/stop-button.ts";
import {
  commandIn,
  isAddressed,
  labelOf,
  type TelegramBot,
  textFor,
  threadIn,
  type Written,
  writtenIn,
} from "./telegram-content.ts";
import { chatAsSender, telegramAccount } from "./telegram-ids.ts";
import {
  asObject,
  has,
  isTrueIn,
  type Json,
  cleanText,
  nameIn,
  objectIn,
  rawTextIn,
  wholeIn,
} from "./telegram-json.ts";
import { answeredIn, otherAuthor, personName } from "./telegram-origin.ts";

/** A text this long was probably cut by the sender's app, and the rest follows (which cuts at 4096). */
const LONG_TEXT = 4000;

type Message = Extract<IncomingUpdate, { kind: "message" }>;
type Envelope = Pick<IncomingUpdate, "account" | "key">;

/** Bad news about an update, thrown inside this file only. */
class Unusable extends Error {
  readonly kind: "ignored" | "unreadable";

  constructor(kind: Unusable["kind"], why: string) {
    super(why);
    this.kind = kind;
  }
}

/**
 * One update of the Bot API in our words; null iff it has no `update_id`, so that there is nothing to store. Takes any
 * JSON and never throws.
 */
export function readTelegramUpdate(json: unknown, bot: TelegramBot): IncomingUpdate | null {
  const update = asObject(json);
  const id = updateId(json);
  if (!update || id === null) return null;
  const envelope: Envelope = { account: telegramAccount(bot.id), key: `u${id}` };
  try {
    return readKind(update, envelope, bot);
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    return { ...envelope, kind: error.kind, why: error.message };
  }
}

/** The id of an update, for acknowledging it; null if it has none. */
export function updateId(json: unknown): number | null {
  const id = wholeIn(asObject(json) ?? {}, "update_id");
  return id !== null && id >= 0 ? id : null;
}

function readKind(update: Json, envelope: Envelope, bot: TelegramBot): IncomingUpdate {
  const kind = Object.keys(update).find((field) => field !== "update_id") ?? "nothing";
  const body = objectIn(update, kind);
  switch (kind) {
    case "message":
      return readMessage(need(body, kind), envelope, bot);
    case "edited_message":
      return readEdit(need(body, kind), envelope, bot);
    case "my_chat_member":
      return readMembership(need(body, kind), envelope);
    case "callback_query":
      return readPress(need(body, kind), envelope, bot);
    case "message_reaction":
      return readReaction(need(body, kind), envelope);
    case "stopped_message_generation":
      return readStop(need(body, kind), envelope, bot);
    default:
      throw new Unusable("ignored", /^[a-z_]{1,40}$/.test(kind) ? kind : "unknown kind");
  }
}

function readMessage(message: Json, envelope: Envelope, bot: TelegramBot): IncomingUpdate {
  const moved = readMove(message, envelope);
  if (moved) return moved;
  const { place, sender, messageId, written } = readAuthored(message, bot);
  const writtenAt = need(wholeIn(message, "date"), "date") * 1000;
  const from = { ...envelope, place, sender, messageId, writtenAt };
  const author = otherAuthor(message);
  const command = author === null ? commandIn(written, bot) : null;
  // A command carries no file, and what somebody sent must not vanish with it.
  if (command && filesIn(message).length === 0) return { ...from, kind: "command", ...command };
  const burst = burstOf(message, written);
  const namesUs = command !== null && /^\/\w+@/.test(written.text);
  const addressed = place.kind === "private" || namesUs || isAddressed(message, written, bot);
  return {
    ...from,
    kind: "message",
    ...partsOf(message, textFor(written, bot), author),
    addressed,
    ...(burst ? { burst } : {}),
    ...(place.kind === "private" ? oursIn(message, bot) : {}),
  };
}

/** The message of ours that it answers. */
function oursIn(message: Json, bot: TelegramBot): Pick<Message, "answers"> {
  const answered = objectIn(message, "reply_to_message") ?? {};
  const id = wholeIn(answered, "message_id");
  const isOurs = wholeIn(objectIn(answered, "from") ?? {}, "id") === bot.id;
  return isOurs && id !== null && !has(answered, "forum_topic_created") ? { answers: String(id) } : {};
}

/** The sender's own words, whose words come with them, and the file. */
function partsOf(message: Json, words: string, author: string | null): Pick<Message, "text" | "context" | "files"> {
  const answered = answeredIn(message);
  const files = filesIn(message);
  const others = words || (has(message, "forward_origin") ? labelOf(message) : "");
  const context: ContextPart[] = [
    ...(answered ? [answered] : []),
    ...(author !== null && others !== "" ? [{ type: "context", kind: "forward", author, text: others } as const] : []),
  ];
  return {
    text: author === null ? words : "",
    ...(context.length > 0 ? { context } : {}),
    ...(files.length > 0 ? { files } : {}),
  };
}

function readEdit(message: Json, envelope: Envelope, bot: TelegramBot): IncomingUpdate {
  if (otherAuthor(message) !== null) throw new Unusable("ignored", "edit of another's words");
  const { place, sender, messageId, written } = readAuthored(message, bot);
  const addressed = place.kind === "private" || isAddressed(message, written, bot);
  return { ...envelope, place, sender, messageId, kind: "edited", text: textFor(written, bot), addressed };
}

/** Both the old and the new chat tell of a move; one key for the two makes it one. */
function readMove(message: Json, envelope: Envelope): IncomingUpdate | null {
  const here = wholeIn(objectIn(message, "chat") ?? {}, "id");
  const to = wholeIn(message, "migrate_to_chat_id");
  const from = wholeIn(message, "migrate_from_chat_id");
  if (here === null || (to === null && from === null)) return null;
  const [chat, newChat] = to === null ? [String(from), String(here)] : [String(here), String(to)];
  return { account: envelope.account, key: `moved:${chat}:${newChat}`, kind: "place_moved", chat, newChat };
}

interface Authored {
  place: IncomingPlace;
  sender: Sender;
  messageId: string;
  written: Written;
}

function readAuthored(message: Json, bot: TelegramBot): Authored {
  if (isTrueIn(message, "is_automatic_forward")) throw new Unusable("ignored", "channel post in its group");
  const place = readPlace(message, bot);
  const sender = readSender(message);
  const messageId = String(need(wholeIn(message, "message_id"), "message_id"));
  const written = writtenIn(message);
  if (!written) throw new Unusable("ignored", "service message");
  return { place, sender, messageId, written };
}

function readPlace(source: Json, bot: TelegramBot): IncomingPlace {
  const chat = need(objectIn(source, "chat"), "chat");
  const id = String(need(wholeIn(chat, "id"), "chat id"));
  const isPrivate = chat["type"] === "private";
  if (!isPrivate && chat["type"] !== "group" && chat["type"] !== "supergroup") {
    throw new Unusable("ignored", "channel");
  }
  const title = isPrivate ? personName(chat) : nameIn(chat, "title");
  return { kind: isPrivate ? "private" : "group", chat: id, thread: threadIn(source, isPrivate, bot), title };
}

/**
 * Who wrote it, by an id that cannot be chosen. A message in a chat's name (an anonymous admin, a linked channel) has a
 * made-up user in `from`, which would be the same for all of them: it must never pass for a user.
 */
function readSender(message: Json): Sender {
  const chat = objectIn(message, "sender_chat");
  if (chat) return { id: chatAsSender(need(wholeIn(chat, "id"), "sender_chat id")), name: nameIn(chat, "title") };
  const user = objectIn(message, "from");
  if (!user) throw new Unusable("ignored", "no sender");
  if (isTrueIn(user, "is_bot")) throw new Unusable("ignored", "bot");
  return readPerson(user);
}

function readPerson(user: Json): Sender {
  const language = /^[a-z]{2,3}(-[a-z0-9]{1,8}){0,3}$/i.exec(rawTextIn(user, "language_code") ?? "")?.[0];
  const sender: Sender = { id: String(need(wholeIn(user, "id"), "sender id")), name: personName(user) };
  return language === undefined ? sender : { ...sender, language };
}

function burstOf(message: Json, written: Written): BurstHint | null {
  if (has(message, "media_group_id")) return "album";
  if (written.text.length >= LONG_TEXT) return "long";
  return has(message, "forward_origin") ? "forward" : null;
}

/** In a private chat: the person has blocked the bot, or let it back in. */
function readMembership(change: Json, envelope: Envelope): IncomingUpdate {
  const place = readPlace(change, NO_TOPICS);
  const user = need(objectIn(change, "from"), "from");
  const member = need(objectIn(change, "new_chat_member"), "new_chat_member");
  const { status } = member;
  const isMember = status === "restricted" ? isTrueIn(member, "is_member") : status !== "left" && status !== "kicked";
  // An anonymous admin stands here as a bot of Telegram's, with no `sender_chat` beside it.
  const sender = isTrueIn(user, "is_bot")
    ? { id: chatAsSender(Number(place.chat)), name: place.title }
    : readPerson(user);
  return { ...envelope, place, sender, kind: "membership", member: isMember };
}

/** Under a message that is too old to be shown, only where it stands is known (Bot API, InaccessibleMessage). */
function readPress(query: Json, envelope: Envelope, bot: TelegramBot): IncomingUpdate {
  const message = objectIn(query, "message");
  if (!message) throw new Unusable("ignored", "callback_query outside of a chat");
  const value = rawTextIn(query, "data");
  if (value === null) throw new Unusable("ignored", "callback_query without data");
  const sender = readPerson(need(objectIn(query, "from"), "from"));
  const messageId = String(need(wholeIn(message, "message_id"), "message_id"));
  const place = readPlace(message, bot);
  const answerAt = cleanText(rawTextIn(query, "id") ?? "");
  return { ...envelope, place, sender, kind: "press", messageId, value: cleanText(value), answerAt };
}

function readReaction(reaction: Json, envelope: Envelope): IncomingUpdate {
  const place = readPlace(reaction, NO_TOPICS);
  const actor = objectIn(reaction, "actor_chat");
  const user = objectIn(reaction, "user");
  const sender = readSender(actor ? { sender_chat: actor } : { from: user });
  return { ...envelope, place, sender, kind: "other", what: "message_reaction" };
}

/** Drafts exist in private chats only, so the chat is the person. Telegram says neither when nor of which message. */
function readStop(stop: Json, envelope: Envelope, bot: TelegramBot): IncomingUpdate {
  const chat = need(objectIn(stop, "chat"), "chat");
  const place = readPlace({ ...stop, is_topic_message: true }, bot);
  return { ...envelope, place, sender: readPerson(chat), kind: "press", messageId: "", value: STOP_HERE };
}

/** For updates that say nothing of topics. */
const NO_TOPICS: TelegramBot = { id: 0, username: "", topics: false };

function need<T>(value: T | null, what: string): T {
  if (value === null) throw new Unusable("unreadable", `no ${what}`);
  return value;
}
