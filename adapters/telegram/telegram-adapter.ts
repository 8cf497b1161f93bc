import type { InlineKeyboardMarkup, MessageEntity } from "grammy/types";
import { errorCode, GatewayError } from "../../src/errors.ts";
import type { AccountId } from "../../src/ids.ts";
import type { CommandMenu } from "../../src/platform/command-menu.ts";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import type {
  Accept,
  EditBudget,
  Log,
  PlatformAdapter,
  RenderedPage,
  SentMessage,
  Webhook,
} from "../../src/platform/platform-adapter.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import { readTelegramUpdate } from "./read-telegram-update.ts";
import { RichMessages } from "./rich-messages.ts";
import { openTelegramApi, TELEGRAM_API_ROOT, type TelegramApi, type TelegramMethods } from "./telegram-api.ts";
import {
  answerPress,
  asQuestion,
  keyboardOf,
  markupOf,
  tellPresser,
  withChoices,
  withStop,
  withThumbs,
} from "./telegram-buttons.ts";
import { setCommandMenus } from "./telegram-commands.ts";
import type { TelegramBot } from "./telegram-content.ts";
import { isEntityRefusal, isNotModified } from "./telegram-errors.ts";
import { TelegramDownloads } from "./telegram-download.ts";
import { DRAFT_LASTS_MS, TelegramDrafts } from "./telegram-drafts.ts";
import { telegramFiles } from "./telegram-files.ts";
import { TelegramPosts } from "./telegram-posts.ts";
import { ForumChats } from "./telegram-forums.ts";
import { GENERAL_TOPIC, readChatId, readMessageId, readThreadId, telegramAccount } from "./telegram-ids.ts";
import { quietText } from "./telegram-link.ts";
import { isVisible, TELEGRAM_TEXT_LIMIT, type TelegramRich } from "./telegram-pages.ts";
import { pollTelegram } from "./telegram-poll.ts";
import { createTelegramRenderer } from "./telegram-render.ts";
import { keepWebhookRegistered } from "./telegram-webhook-registration.ts";
import { TELEGRAM_WEBHOOK_PATH, telegramWebhook } from "./telegram-webhook.ts";

export interface TelegramOptions {
  /** Read at every call: it may change, but stays one bot's. */
  readonly token: string;
  /** Another server of the Bot API; null = Telegram's own. */
  apiRoot: string | null;
  mode: "polling" | "webhook";
  /** Webhook mode: where the gateway can be reached from outside, without path. */
  publicUrl: string | null;
  /** Webhook mode: 16–256 characters of A–Z, a–z, 0–9, _ and -. */
  readonly webhookSecret: string | null;
  /** The one before, while calls with it are still taken. */
  readonly webhookSecretBefore?: string | null;
  /** Of all chats together; 30 unless given. */
  callsPerSecond?: number;
  /** Whether answers in private chats grow as drafts of Telegram's own. */
  drafts?: boolean;
  /** "auto": pages that show poorly as text go as rich messages (Bot API 10.2), where the server takes them. */
  rich?: "off" | "auto";
  /** The menus of commands, by language; left as they are unless given. */
  menus?: readonly CommandMenu[];
  log: Log;
}

/** Sockets at least, and the longest calls usually take: so many as may be made in that time are on the way at once. */
const CONNECTIONS = 64;
const USUAL_CALL_S = 0.25;
const CALL_DEADLINE_MS = 15_000;
/** Above the 25 s that Telegram may hold a poll. */
const POLL_DEADLINE_MS = 60_000;

/** Bot FAQ, "My bot is hitting limits": 1 call a second in a chat, 20 a minute in a group, 30 a second in all. */
function budgetOf(callsPerSecond = 30): EditBudget {
  return {
    chat: (kind) =>
      kind === "private"
        ? { draftEveryMs: 1100, refillMs: 1000, burst: 3, reserve: 1 }
        : // 5 at once and one more every 4 s make 20 in any minute, and two edits of an answer of 3 s.
          { draftEveryMs: 1100, refillMs: 4000, burst: 5, reserve: 2 },
    // Not the whole second at once: a call is counted before the database knows of it, and those behind may catch up.
    account: [
      {
        // A little less than all, so that what went too fast is made up for.
        refillMs: 1050 / callsPerSecond,
        burst: Math.ceil((callsPerSecond * 2) / 3),
        reserve: Math.floor(callsPerSecond / 6),
      },
    ],
  };
}

/** Throws `invalid` for options that would leave the webhook open or unreachable. */
export function createTelegramAdapter(options: TelegramOptions): PlatformAdapter {
  return new TelegramAdapter(options);
}

class TelegramAdapter implements PlatformAdapter {
  readonly platform = "telegram";
  readonly render: PlatformAdapter["render"];
  readonly editing: NonNullable<PlatformAdapter["editing"]>;
  readonly typing: NonNullable<PlatformAdapter["typing"]>;
  readonly nativeDraft?: NonNullable<PlatformAdapter["nativeDraft"]>;
  readonly buttons: NonNullable<PlatformAdapter["buttons"]> = {
    withStop,
    withChoices,
    tell: (press, text) => tellPresser(this.#api, press, text),
  };
  readonly feedback: NonNullable<PlatformAdapter["feedback"]> = { personal: false, withThumbs, asQuestion };
  readonly files: NonNullable<PlatformAdapter["files"]>;
  readonly webhook?: Webhook;
  readonly #options: TelegramOptions;
  readonly #webhookUrl: string | null;
  readonly #api: TelegramApi;
  readonly #downloads: TelegramDownloads;
  readonly #posts = new TelegramPosts(() => this.account);
  readonly #forums = new ForumChats();
  readonly #rich: RichMessages;
  #bot: TelegramBot | null = null;

  constructor(options: TelegramOptions) {
    this.#options = options;
    const rich = options.rich === "auto";
    this.render = createTelegramRenderer({ rich });
    this.#rich = new RichMessages(rich, options.log);
    this.#webhookUrl = options.mode === "webhook" ? readWebhookUrl(options) : null;
    const { callsPerSecond = 0 } = options;
    this.#api = this.#openApi(Math.max(CONNECTIONS, Math.ceil(callsPerSecond * USUAL_CALL_S)), CALL_DEADLINE_MS);
    this.editing = {
      budget: budgetOf(options.callsPerSecond),
      edit: (at, page) => this.#edit(at, page),
      remove: (at) => this.#remove(at),
    };
    this.#downloads = new TelegramDownloads(options.apiRoot ?? TELEGRAM_API_ROOT, () => options.token);
    this.files = telegramFiles({ api: this.#api, downloads: this.#downloads, posts: this.#posts });
    if (options.drafts) {
      const drafts = new TelegramDrafts(this.#api, options.log);
      const show = (to: ReplyTarget, id: string, page: RenderedPage) =>
        withPlainFallback(page, (content) => drafts.show(to, id, content));
      this.nativeDraft = { lastsMs: DRAFT_LASTS_MS, mayShow: (to) => drafts.mayShow(to), show };
    }
    this.typing = { lastsMs: 5000, show: (to) => this.#showTyping(to) };
    if (this.#webhookUrl !== null) {
      this.webhook = telegramWebhook({
        get secret() {
          return options.webhookSecret ?? "";
        },
        get secretBefore() {
          return options.webhookSecretBefore ?? null;
        },
        read: (update) => this.#read(update),
        log: options.log,
      });
    }
  }

  get account(): AccountId {
    return telegramAccount(this.#known().id);
  }

  async connect(signal: AbortSignal): Promise<void> {
    const me = await this.#api.raw.getMe(signal);
    if (!Number.isSafeInteger(me.id) || !me.username) {
      throw new GatewayError("unavailable", "What answers at Telegram's address names no bot.", { delivered: "no" });
    }
    this.#bot = { id: me.id, username: me.username, topics: me.has_topics_enabled };
    const { log } = this.#options;
    log.info({ account: this.account, username: me.username, topics: this.#bot.topics }, "Telegram knows the bot");
    if (me.can_join_groups && !me.can_read_all_group_messages) {
      log.warn(
        { account: this.account },
        "the bot's privacy mode is on: in groups where it is no administrator it sees commands and replies to it only",
      );
    }
  }

  async start(accept: Accept, signal: AbortSignal, working: (works: boolean) => void = () => undefined): Promise<void> {
    if (signal.aborted) return;
    const menu = this.#setMenu(signal);
    const { log } = this.#options;
    try {
      if (this.#webhookUrl !== null) {
        const options = this.#options;
        const registration = {
          url: this.#webhookUrl,
          get secret() {
            return options.webhookSecret ?? "";
          },
        };
        await keepWebhookRegistered(Object.assign(registration, { api: this.#api, log, working }), signal);
      } else {
        const openApi = () => this.#openApi(1, POLL_DEADLINE_MS);
        await pollTelegram({ openApi, read: (update) => this.#read(update), accept, log, working }, signal);
      }
    } finally {
      await menu;
    }
  }

  async send(to: ReplyTarget, page: RenderedPage): Promise<SentMessage> {
    checkText(page);
    const { raw } = this.#api;
    return this.#posts.post(to, (fields) =>
      this.#rich.deliver<{ message_id: number }>(
        page,
        { chat: to.chat, messageId: null },
        {
          rich: (message) => raw.sendRichMessage({ ...fields, rich_message: message, ...markupOf(page) }),
          text: () =>
            withPlainFallback(page, (content) => raw.sendMessage({ ...fields, ...content, ...markupOf(page) })),
          idOf: (sent) => String(sent.message_id),
        },
      ),
    );
  }

  async close(): Promise<void> {
    await Promise.all([this.#api.close(), this.#downloads.close()]);
  }

  async #edit(at: SentMessage, page: RenderedPage): Promise<void> {
    const target = { chat_id: readChatId(at.chat), message_id: readMessageId(at.messageId) };
    checkText(page);
    const { raw } = this.#api;
    try {
      await this.#rich.deliver(page, at, {
        rich: (message) => raw.editMessageText({ ...target, rich_message: message, ...keyboardOf(page) }),
        text: () => withPlainFallback(page, (content) => raw.editMessageText({ ...target, ...content })),
        idOf: () => at.messageId,
      });
    } catch (error) {
      if (!isNotModified(error)) throw error;
    }
  }

  async #remove(at: SentMessage): Promise<void> {
    const target = { chat_id: readChatId(at.chat), message_id: readMessageId(at.messageId) };
    try {
      await this.#api.raw.deleteMessage(target);
    } catch (error) {
      if (errorCode(error) !== "not_found") throw error;
    }
  }

  async #showTyping(to: ReplyTarget): Promise<void> {
    const thread = readThreadId(to.thread) ?? (this.#forums.has(to.chat) ? GENERAL_TOPIC : undefined);
    await this.#api.raw.sendChatAction({
      chat_id: readChatId(to.chat),
      action: "typing",
      ...(thread === undefined ? {} : { message_thread_id: thread }),
    });
  }

  #read(update: unknown): IncomingUpdate | null {
    this.#forums.note(update);
    answerPress(this.#api, update, this.#options.log);
    return readTelegramUpdate(update, this.#known());
  }

  /** The menu is a convenience: without it everything else still works. */
  async #setMenu(signal: AbortSignal): Promise<void> {
    try {
      await setCommandMenus(this.#api, this.#options.menus ?? [], signal);
    } catch (error) {
      if (!signal.aborted) this.#options.log.warn({ err: error }, "the menu of commands could not be set");
    }
  }

  #openApi(connections: number, deadlineMs: number): TelegramApi {
    const options = this.#options;
    return openTelegramApi({
      get token() {
        return options.token;
      },
      apiRoot: options.apiRoot,
      connections,
      deadlineMs,
    });
  }

  #known(): TelegramBot {
    if (!this.#bot) throw new GatewayError("unavailable", "Telegram is not connected yet.", { delivered: "no" });
    return this.#bot;
  }
}

type Content = Pick<Parameters<TelegramMethods["sendMessage"]>[0], "text" | "entities" | "link_preview_options"> & {
  reply_markup?: InlineKeyboardMarkup;
};

/** Nothing is ever shortened here. */
function checkText(page: RenderedPage): void {
  if (page.text.length > TELEGRAM_TEXT_LIMIT) {
    throw new GatewayError("too_large", "The text is too long for Telegram.", { delivered: "no" });
  }
  if (!isVisible(page.text)) throw new GatewayError("invalid", "The text is empty.", { delivered: "no" });
}

/**
 * Sends the page's text, and bare if Telegram does not take the formatting: a refused call was certainly not applied.
 * Link previews are off, because fetching one tells its address to others.
 */
async function withPlainFallback<T>(page: RenderedPage, send: (content: Content) => Promise<T>): Promise<T> {
  const plain: Content = { text: page.text, link_preview_options: { is_disabled: true }, ...keyboardOf(page) };
  const entities = entitiesOf(page);
  if (entities.length === 0) return send(plain);
  try {
    return await send({ ...plain, entities });
  } catch (error) {
    if (!isEntityRefusal(error)) throw error;
    return send({ ...plain, text: quietText(page.text) });
  }
}

/** Pages come back from the database as JSON, so their shape is only what `render` once wrote. */
function entitiesOf(page: RenderedPage): MessageEntity[] {
  return (page.rich as TelegramRich | null | undefined)?.entities ?? [];
}

/** Where Telegram shall call. */
function readWebhookUrl({ apiRoot, publicUrl, webhookSecret }: TelegramOptions): string {
  if (webhookSecret === null || !/^[A-Za-z0-9_-]{16,256}$/.test(webhookSecret)) {
    throw new GatewayError("invalid", "Telegram's webhook needs a secret of 16 to 256 letters, digits, _ or -.");
  }
  const url = publicUrl === null ? null : URL.parse(publicUrl);
  const own = apiRoot === null || URL.parse(apiRoot)?.host === new URL(TELEGRAM_API_ROOT).host;
  if (!url || !(url.protocol === "https:" || (url.protocol === "http:" && !own))) {
    throw new GatewayError("invalid", "Telegram's webhook needs a public address that begins with https://.");
  }
  return url.href.replace(/\/+$/, "") + TELEGRAM_WEBHOOK_PATH;
}
