import type { FakeChat, FakeMessage, FakeUser } from "./chats.ts";
import { fileJson } from "./files.ts";

export interface BotIdentity {
  readonly id: number;
  readonly username: string;
  readonly name: string;
  /** Private chats with this bot may have topics. */
  readonly topics: boolean;
}

type Json = Record<string, unknown>;

export function userJson(user: FakeUser): Json {
  return {
    id: user.id,
    is_bot: user.isBot ?? false,
    first_name: user.name,
    ...(user.username === undefined ? {} : { username: user.username }),
    ...(user.isBot ? {} : { language_code: user.language ?? "en" }),
  };
}

export function botJson(bot: BotIdentity): Json {
  return { id: bot.id, is_bot: true, first_name: bot.name, username: bot.username };
}

/** The `User` that getMe returns. */
export function getMeJson(bot: BotIdentity): Json {
  return {
    ...botJson(bot),
    can_join_groups: true,
    can_read_all_group_messages: true,
    supports_inline_queries: false,
    can_connect_to_business: false,
    has_main_web_app: false,
    has_topics_enabled: bot.topics,
    allows_users_to_create_topics: bot.topics,
  };
}

export function chatJson(chat: FakeChat): Json {
  if (chat.user !== null) {
    const { name, username } = chat.user;
    return { id: chat.id, type: "private", first_name: name, ...(username === undefined ? {} : { username }) };
  }
  return {
    id: chat.id,
    type: chat.type,
    title: chat.title,
    ...(chat.type === "supergroup" && chat.forum ? { is_forum: true } : {}),
  };
}

/** A `Message`. Replies show the replied message one level deep, as Telegram does. */
export function messageJson(bot: BotIdentity, chat: FakeChat, message: FakeMessage, deep = true): Json {
  const json: Json = {
    message_id: message.messageId,
    from: message.author === "bot" ? botJson(bot) : userJson(message.author),
    chat: chatJson(chat),
    date: Math.floor(message.at / 1000),
  };
  if (message.versions.length > 1) {
    json["edit_date"] = Math.floor((message.versions.at(-1)?.at ?? message.at) / 1000);
  }
  addThread(json, chat, message);
  if (deep) {
    addReply(json, bot, chat, message);
  }
  if (message.service !== null) {
    Object.assign(json, message.service);
  } else {
    addContent(json, message);
  }
  if (message.keyboard !== null) {
    json["reply_markup"] = message.keyboard;
  }
  return json;
}

function addThread(json: Json, chat: FakeChat, message: FakeMessage): void {
  if (message.thread === null) {
    return;
  }
  json["message_thread_id"] = message.thread;
  // In a supergroup that is no forum the thread id is only a chain of replies, and the flag is missing.
  if (chat.topics.has(message.thread)) {
    json["is_topic_message"] = true;
  }
}

function addReply(json: Json, bot: BotIdentity, chat: FakeChat, message: FakeMessage): void {
  const replied = message.replyTo === null ? undefined : chat.visible(message.replyTo);
  if (replied !== undefined) {
    json["reply_to_message"] = messageJson(bot, chat, replied, false);
    return;
  }
  const topic = message.thread === null ? undefined : chat.topics.get(message.thread);
  const root = topic === undefined ? undefined : chat.messages.get(topic.id);
  // A message in a topic that answers nothing in particular shows the message that made the topic.
  if (root !== undefined && root !== message) {
    json["reply_to_message"] = messageJson(bot, chat, root, false);
  }
}

function addContent(json: Json, message: FakeMessage): void {
  const entities = message.entities.length > 0;
  if (message.rich !== null) {
    json["rich_message"] = { blocks: message.rich };
    return;
  }
  if (message.file === null) {
    json["text"] = message.text;
    if (entities) {
      json["entities"] = message.entities;
    }
    return;
  }
  if (message.mediaGroupId !== null) {
    json["media_group_id"] = message.mediaGroupId;
  }
  Object.assign(json, fileJson(message.file));
  if (message.text !== "") {
    json["caption"] = message.text;
    if (entities) {
      json["caption_entities"] = message.entities;
    }
  }
}
