import type { InlineKeyboardMarkup, InputRichBlock, MessageEntity } from "grammy/types";
import type { FakeFile } from "./files.ts";

export interface FakeUser {
  readonly id: number;
  name: string;
  username?: string;
  isBot?: boolean;
  /** Of their app; "en" unless given. */
  language?: string;
}

/** A topic of a forum, or of a private chat with a bot that has topics enabled. Its id is the message that made it. */
export interface FakeTopic {
  readonly id: number;
  name: string;
  createdBy: "bot" | FakeUser;
  closed: boolean;
}

export interface MessageVersion {
  /** ms since the epoch, by the fake's clock. */
  at: number;
  text: string;
  entities: MessageEntity[];
  /** A rich message's; its text is what they show. */
  rich?: readonly InputRichBlock[] | null;
  keyboard?: InlineKeyboardMarkup | null;
}

/** One message as people in the chat see it. `text` and `entities` are those of the last version. */
export interface FakeMessage {
  readonly messageId: number;
  readonly from: "bot" | number;
  readonly author: "bot" | FakeUser;
  /** 1 for the bot's first message of this chat, and so on; 0 for people's. */
  readonly botNumber: number;
  /** ms since the epoch. */
  readonly at: number;
  text: string;
  entities: MessageEntity[];
  rich: readonly InputRichBlock[] | null;
  readonly thread: number | null;
  readonly replyTo: number | null;
  readonly mediaGroupId: string | null;
  /** Its text is the caption then. */
  readonly file: FakeFile | null;
  keyboard: InlineKeyboardMarkup | null;
  deleted: boolean;
  readonly versions: MessageVersion[];
  /** Service messages: their field of the Bot API, for example `migrate_to_chat_id`. */
  readonly service: Record<string, unknown> | null;
}

export type ChatType = "private" | "group" | "supergroup";

/** Whether the bot may act here. `blocked` is private chats only, `kicked` and `left` are groups only. */
export type Standing = "member" | "blocked" | "kicked" | "left";

/** Telegram tells supergroups from basic groups by their ids (Bot API, "Chat identifiers"). */
const FIRST_SUPERGROUP_ID = -1_000_000_000_000;

/** One line of the transcript, in the order of what happened. */
export type ChatEvent =
  | { kind: "post"; message: FakeMessage }
  | { kind: "edit"; message: FakeMessage; version: MessageVersion }
  | { kind: "draft"; draft: FakeDraft }
  | { kind: "remove"; message: FakeMessage }
  | { kind: "note"; text: string; thread: number | null };

/** A text that is being written, gone after a while or with the next message. */
export interface FakeDraft {
  readonly draftId: number;
  readonly text: string;
  readonly thread: number | null;
  readonly at: number;
  readonly canStop: boolean;
}

/** "a temporary 30-second preview" (Bot API, sendMessageDraft). */
const DRAFT_LIFE_MS = 30_000;

/** Hands out message ids. Private chats and basic groups of a bot share one counter; every supergroup has its own. */
export interface IdSource {
  next(): number;
}

export class FakeChat {
  readonly bot: number;
  readonly id: number;
  readonly type: ChatType;
  title: string;
  readonly forum: boolean;
  readonly user: FakeUser | null;
  standing: Standing = "member";
  migratedTo: number | null = null;
  readonly messages = new Map<number, FakeMessage>();
  readonly topics = new Map<number, FakeTopic>();
  readonly events: ChatEvent[] = [];
  readonly #drafts = new Map<number, FakeDraft>();
  #ids: IdSource;
  #botMessages = 0;

  constructor(
    bot: number,
    id: number,
    options: { title: string; forum: boolean; user: FakeUser | null; ids: IdSource },
  ) {
    this.bot = bot;
    this.id = id;
    this.type = options.user === null ? groupType(id) : "private";
    this.title = options.title;
    this.forum = options.forum;
    this.user = options.user;
    this.#ids = options.ids;
  }

  nextId(): number {
    return this.#ids.next();
  }

  post(fields: {
    messageId?: number;
    author: "bot" | FakeUser;
    at: number;
    text: string;
    entities?: MessageEntity[];
    rich?: readonly InputRichBlock[] | null;
    thread?: number | null;
    replyTo?: number | null;
    mediaGroupId?: string | null;
    file?: FakeFile | null;
    keyboard?: InlineKeyboardMarkup | null;
    service?: Record<string, unknown> | null;
  }): FakeMessage {
    const { author, at, text } = fields;
    const entities = fields.entities ?? [];
    const keyboard = fields.keyboard ?? null;
    const rich = fields.rich ?? null;
    const message: FakeMessage = {
      messageId: fields.messageId ?? this.nextId(),
      from: author === "bot" ? "bot" : author.id,
      author,
      botNumber: author === "bot" ? ++this.#botMessages : 0,
      at,
      text,
      entities,
      rich,
      thread: fields.thread ?? null,
      replyTo: fields.replyTo ?? null,
      mediaGroupId: fields.mediaGroupId ?? null,
      file: fields.file ?? null,
      keyboard,
      deleted: false,
      versions: [{ at, text, entities, rich, keyboard }],
      service: fields.service ?? null,
    };
    this.messages.set(message.messageId, message);
    if (author === "bot") {
      this.#drafts.clear();
    }
    this.events.push({ kind: "post", message });
    return message;
  }

  edit(message: FakeMessage, at: number, content: Omit<MessageVersion, "at">): void {
    const { text, entities, rich = null, keyboard = null } = content;
    Object.assign(message, { text, entities, rich, keyboard });
    const version = { at, text, entities, rich, keyboard };
    message.versions.push(version);
    this.events.push({ kind: "edit", message, version });
  }

  showDraft(draft: FakeDraft): void {
    const before = this.#drafts.get(draft.draftId);
    this.#drafts.set(draft.draftId, draft);
    if (before?.text !== draft.text) {
      this.events.push({ kind: "draft", draft });
    }
  }

  /** The drafts that can be seen at this time. */
  drafts(now: number): FakeDraft[] {
    return [...this.#drafts.values()].filter((draft) => now - draft.at < DRAFT_LIFE_MS);
  }

  removeDraft(draftId: number): void {
    this.#drafts.delete(draftId);
  }

  remove(message: FakeMessage): void {
    message.deleted = true;
    this.events.push({ kind: "remove", message });
  }

  note(text: string, thread: number | null = null): void {
    this.events.push({ kind: "note", text, thread });
  }

  /** The message if it can still be seen. */
  visible(messageId: number): FakeMessage | undefined {
    const message = this.messages.get(messageId);
    return message?.deleted === false ? message : undefined;
  }
}

function groupType(id: number): "group" | "supergroup" {
  if (id >= 0) {
    throw new Error(`a group's id is negative, not ${id}`);
  }
  return id <= FIRST_SUPERGROUP_ID ? "supergroup" : "group";
}
