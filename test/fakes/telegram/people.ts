import type { MessageEntity } from "grammy/types";
import { FakeChat, type ChatType, type FakeMessage, type FakeTopic, type FakeUser, type Standing } from "./chats.ts";
import { GENERAL_TOPIC } from "./chat-checks.ts";
import { botJson, chatJson, messageJson, userJson } from "./message-json.ts";
import type { FakeFile, GivenFile } from "./files.ts";
import { CALLBACK_LIFE_MS, UPDATE_LIFE_MS } from "./update-queue.ts";
import { findUserEntities } from "./user-entities.ts";
import type { FakeBot, World } from "./world.ts";

/** A chat, or its id at the first bot. */
export type ChatRef = FakeChat | number;

export interface Said {
  chat: ChatRef;
  from: FakeUser;
  text: string;
  /** A topic; made on the spot in a forum. In other supergroups the id of a chain of replies. */
  thread?: number;
  replyTo?: number;
  /** Instead of the commands and mentions found in the text. */
  entities?: MessageEntity[];
  /** With the text as caption. */
  file?: GivenFile;
  /** Makes it a part of an album, with a photo unless another file is given. */
  mediaGroupId?: string;
  /** Theirs, or somebody's. */
  forwarded?: boolean | FakeUser;
  /** The part of the answered message that is quoted. */
  quote?: string;
  /** When it was written, ms since the epoch; now by default. */
  at?: number;
  /** Further fields of the Bot API's Message, over what the fake makes. */
  fields?: Record<string, unknown>;
}

export interface Sent {
  /** 0 when the bot gets no update of it: it is not in the chat, or did not ask for this kind. */
  updateId: number;
  messageId: number;
}

/** Telegram's stand-in for administrators who act as the group. */
const ANONYMOUS_ADMIN: FakeUser = { id: 1_087_968_824, name: "Group", username: "GroupAnonymousBot", isBot: true };

/** The people around the bots: makes users and chats, and does what people do in them. */
export class People {
  readonly bots: readonly FakeBot[];
  protected readonly world: World;
  #users = new Map<number, FakeUser>();
  #presses = 0;

  constructor(world: World, bots: readonly FakeBot[]) {
    this.world = world;
    this.bots = bots;
  }

  /** A person; the same one again for the same id, with the name as last given. */
  user(id: number, name?: string, username?: string): FakeUser {
    const user = this.#users.get(id) ?? { id, name: name ?? `user${id}` };
    if (name !== undefined) {
      user.name = name;
    }
    if (username !== undefined) {
      user.username = username;
    }
    this.#users.set(id, user);
    return user;
  }

  /** The person's private chat with the bot; the person has started the bot already. */
  privateChat(user: FakeUser, bot = 0): FakeChat {
    return this.#addChat(bot, user.id, { title: user.name, forum: false, user });
  }

  /** A basic group (small negative id) or supergroup (-100…). Only supergroups can be forums. */
  group(id: number, title = `group ${id}`, options: { forum?: boolean; bot?: number } = {}): FakeChat {
    const chat = this.#addChat(options.bot ?? 0, id, { title, forum: options.forum ?? false, user: null });
    if (chat.forum && chat.type !== "supergroup") {
      throw new Error("only a supergroup (id -100…) can be a forum");
    }
    return chat;
  }

  /** A topic of a forum (or of a private chat, if the bot has topics). */
  topic(chat: ChatRef, name: string, by: "bot" | FakeUser = ANONYMOUS_ADMIN): FakeTopic {
    return this.#addTopic(this.chat(chat), name, by);
  }

  chat(ref: ChatRef): FakeChat {
    const chat = typeof ref === "number" ? this.bots[0]?.chats.get(ref) : ref;
    if (chat === undefined) {
      throw new Error(`there is no chat ${JSON.stringify(ref)}`);
    }
    return chat;
  }

  /** A person writes. */
  say(said: Said): Sent {
    const chat = this.chat(said.chat);
    const message = chat.post({
      author: said.from,
      at: said.at ?? this.world.now(),
      text: said.text,
      entities: said.entities ?? findUserEntities(said.text),
      thread: this.#threadFor(chat, said),
      replyTo: said.replyTo ?? null,
      mediaGroupId: said.mediaGroupId ?? null,
      file: this.#fileOf(chat, said),
    });
    const json = messageJson(this.#bot(chat), chat, message);
    if (said.forwarded) {
      const writer = said.forwarded === true ? said.from : said.forwarded;
      json["forward_origin"] = { type: "user", date: json["date"], sender_user: userJson(writer) };
    }
    if (said.quote !== undefined) {
      json["quote"] = { text: said.quote, position: 0, is_manual: true };
    }
    return {
      updateId: this.#pushMessage(chat, "message", { ...json, ...said.fields }, message.at),
      messageId: message.messageId,
    };
  }

  /** A person changes what they wrote. */
  editUserMessage(edit: {
    chat: ChatRef;
    messageId: number;
    text: string;
    entities?: MessageEntity[];
    at?: number;
  }): Sent {
    const chat = this.chat(edit.chat);
    const message = this.#own(chat, edit.messageId);
    const at = edit.at ?? this.world.now();
    chat.edit(message, at, { text: edit.text, entities: edit.entities ?? findUserEntities(edit.text) });
    const json = messageJson(this.#bot(chat), chat, message);
    return { updateId: this.#pushMessage(chat, "edited_message", json, at), messageId: message.messageId };
  }

  /** A person removes what they wrote. Telegram tells bots nothing of it. */
  removeUserMessage(ref: ChatRef, messageId: number): void {
    const chat = this.chat(ref);
    chat.remove(this.#own(chat, messageId));
    this.world.changes.notify();
  }

  /** A person presses a button under a bot's message. @returns the callback query's id */
  pressButton(press: { chat: ChatRef; from: FakeUser; messageId: number; data: string }): {
    updateId: number;
    queryId: string;
  } {
    const chat = this.chat(press.chat);
    const bot = this.#bot(chat);
    const message = chat.visible(press.messageId);
    const buttons = message?.keyboard?.inline_keyboard.flat() ?? [];
    if (
      message === undefined ||
      !buttons.some((button) => "callback_data" in button && button.callback_data === press.data)
    ) {
      throw new Error(`message ${press.messageId} has no button ${JSON.stringify(press.data)}`);
    }
    const at = this.world.now();
    const queryId = String(7_000_000_000 + ++this.#presses);
    bot.pressed.set(queryId, { at, answered: false });
    const query = {
      id: queryId,
      from: userJson(press.from),
      message: messageJson(bot, chat, message),
      chat_instance: String(chat.id),
      data: press.data,
    };
    const updateId = bot.queue.push("callback_query", query, `user:${press.from.id}:callback`, at + CALLBACK_LIFE_MS);
    return { updateId, queryId };
  }

  /** The person presses the stop button of a draft that can be seen. */
  stopDraft(ref: ChatRef, draftId: number): number {
    const chat = this.chat(ref);
    const at = this.world.now();
    const draft = chat.drafts(at).find((it) => it.draftId === draftId && it.canStop);
    if (draft === undefined) {
      throw new Error(`there is no draft ${draftId} that can be stopped`);
    }
    chat.removeDraft(draftId);
    const thread = draft.thread === null ? {} : { message_thread_id: draft.thread };
    const content = { chat: chatJson(chat), ...thread, draft_id: draftId };
    return this.#bot(chat).queue.push("stopped_message_generation", content, `chat:${chat.id}`, at + UPDATE_LIFE_MS);
  }

  /** Whether the bot answered the press of a button. */
  answered(queryId: string): boolean {
    return this.bots.some((bot) => bot.pressed.get(queryId)?.answered);
  }

  /** The group becomes a supergroup: a new chat with new message ids; the old one refuses from now on. */
  migrate(ref: ChatRef, newId: number): FakeChat {
    const old = this.chat(ref);
    if (old.type !== "group") {
      throw new Error(`only a basic group can be upgraded, not a ${old.type} chat`);
    }
    const at = this.world.now();
    const chat = this.#addChat(old.bot, newId, { title: old.title, forum: false, user: null });
    this.#service(old, { migrate_to_chat_id: newId }, at);
    old.migratedTo = newId;
    this.#service(chat, { migrate_from_chat_id: old.id }, at);
    return chat;
  }

  /** The person of a private chat blocks the bot. */
  blockBot(ref: ChatRef): void {
    this.#setStanding(this.chat(ref), "blocked", "private");
  }

  /** The person of a private chat lets the bot in again. */
  unblockBot(ref: ChatRef): void {
    this.#setStanding(this.chat(ref), "member", "private");
  }

  /** The bot is thrown out of a group. */
  kick(ref: ChatRef): void {
    this.#setStanding(this.chat(ref), "kicked", "group", "supergroup");
  }

  /** The bot is let into a group again. */
  invite(ref: ChatRef): void {
    this.#setStanding(this.chat(ref), "member", "group", "supergroup");
  }

  closeTopic(ref: ChatRef, thread: number): void {
    this.#topic(this.chat(ref), thread).closed = true;
  }

  /** The topic and all its messages are gone. */
  deleteTopic(ref: ChatRef, thread: number): void {
    const chat = this.chat(ref);
    chat.topics.delete(this.#topic(chat, thread).id);
    for (const message of chat.messages.values()) {
      if (message.thread === thread) {
        message.deleted = true;
      }
    }
    chat.note(`topic ${thread} deleted`);
    this.world.changes.notify();
  }

  /**
   * Queues any update: an object gets an `update_id` unless it has one (repeats, old ones); a string goes to the
   * webhook as it is, however malformed.
   * @returns the update id
   */
  sendRaw(update: unknown, bot = 0): number {
    return this.botAt(bot).queue.pushRaw(update);
  }

  /**
   * Delivers an update again, as Telegram does when an acknowledgement got lost. A poller that names an offset behind it
   * does not see it.
   */
  repeat(updateId: number, bot = 0): void {
    this.botAt(bot).queue.repeat(updateId);
  }

  protected botAt(index: number): FakeBot {
    const bot = this.bots[index];
    if (bot === undefined) {
      throw new Error(`there is no bot ${index}`);
    }
    return bot;
  }

  #bot(chat: FakeChat): FakeBot {
    return this.botAt(chat.bot);
  }

  #addChat(index: number, id: number, fields: { title: string; forum: boolean; user: FakeUser | null }): FakeChat {
    const bot = this.botAt(index);
    const known = bot.chats.get(id);
    if (known !== undefined) {
      return known;
    }
    // A supergroup's message 1 is the one that made it; in a forum it stands for General.
    let own = GENERAL_TOPIC;
    const supergroup = id <= -1_000_000_000_000;
    const ids = supergroup ? { next: () => ++own } : bot;
    const chat = new FakeChat(index, id, { ...fields, ids });
    bot.chats.set(id, chat);
    return chat;
  }

  #addTopic(chat: FakeChat, name: string, by: "bot" | FakeUser, id?: number): FakeTopic {
    const bot = this.#bot(chat);
    if (!chat.forum && !(chat.type === "private" && bot.topics)) {
      throw new Error(`chat ${chat.id} has no topics`);
    }
    const messageId = id ?? chat.nextId();
    const topic: FakeTopic = { id: messageId, name, createdBy: by, closed: false };
    chat.topics.set(messageId, topic);
    const service = { forum_topic_created: { name, icon_color: 7_322_096 } };
    const message = chat.post({ messageId, author: by, at: this.world.now(), text: "", thread: messageId, service });
    if (by !== "bot") {
      this.#pushMessage(chat, "message", messageJson(bot, chat, message), message.at);
    }
    return topic;
  }

  #fileOf(chat: FakeChat, { file, mediaGroupId }: Said): FakeFile | null {
    const given = file ?? (mediaGroupId === undefined ? null : { kind: "photo" as const });
    return given && this.#bot(chat).files.add(given);
  }

  #threadFor(chat: FakeChat, said: Said): number | null {
    const { thread } = said;
    if (thread === undefined || (chat.forum && thread === GENERAL_TOPIC)) {
      return null;
    }
    const topics = chat.forum || (chat.type === "private" && this.#bot(chat).topics);
    if (topics && !chat.topics.has(thread)) {
      this.#addTopic(chat, `topic ${thread}`, said.from, thread);
    }
    return thread;
  }

  #topic(chat: FakeChat, thread: number): FakeTopic {
    const topic = chat.topics.get(thread);
    if (topic === undefined) {
      throw new Error(`chat ${chat.id} has no topic ${thread}`);
    }
    return topic;
  }

  #own(chat: FakeChat, messageId: number): FakeMessage {
    const message = chat.visible(messageId);
    if (message === undefined || message.author === "bot") {
      throw new Error(`no message ${messageId} of a person in chat ${chat.id}`);
    }
    return message;
  }

  #service(chat: FakeChat, service: Record<string, unknown>, at: number): void {
    const message = chat.post({ author: ANONYMOUS_ADMIN, at, text: "", service });
    this.#pushMessage(chat, "message", messageJson(this.#bot(chat), chat, message), at);
  }

  #pushMessage(chat: FakeChat, kind: string, json: unknown, at: number): number {
    this.world.changes.notify();
    if (chat.standing !== "member") {
      return 0;
    }
    return this.#bot(chat).queue.push(kind, json, `chat:${chat.id}`, at + UPDATE_LIFE_MS);
  }

  #setStanding(chat: FakeChat, standing: Standing, ...types: ChatType[]): void {
    if (!types.includes(chat.type)) {
      throw new Error(`not in a ${chat.type} chat`);
    }
    const old = chat.standing;
    chat.standing = standing;
    chat.note(standing === "member" ? "bot let in" : `bot ${standing}`);
    const bot = this.#bot(chat);
    const at = this.world.now();
    const user = botJson(bot);
    const content = {
      chat: chatJson(chat),
      from: userJson(chat.user ?? ANONYMOUS_ADMIN),
      date: Math.floor(at / 1000),
      old_chat_member: { user, ...memberJson(old) },
      new_chat_member: { user, ...memberJson(standing) },
    };
    bot.queue.push("my_chat_member", content, `chat:${chat.id}:member`, at + UPDATE_LIFE_MS);
    this.world.changes.notify();
  }
}

function memberJson(standing: Standing): Record<string, unknown> {
  switch (standing) {
    case "member":
    case "left":
      return { status: standing };
    case "blocked":
    case "kicked":
      return { status: "kicked", until_date: 0 };
    default:
      return standing satisfies never;
  }
}
