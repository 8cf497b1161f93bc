import type { ChatPostMessageArguments, ChatUpdateArguments } from "@slack/web-api";
import { errorCode, GatewayError } from "../../src/errors.ts";
import type { AccountId } from "../../src/ids.ts";
import type { PressedButton, RenderedPage, SentMessage } from "../../src/platform/platform-adapter.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import type { SlackApi } from "./slack-api.ts";
import type { SlackBot } from "./slack-content.ts";
import { slackReason } from "./slack-errors.ts";
import { readChannel, readResponseUrl, readThread, readTs, slackAccount } from "./slack-ids.ts";
import { isVisible } from "./slack-pages.ts";
import { blocksOf, fallbackText, plainPage, SLACK_MARKDOWN_LIMIT } from "./slack-render.ts";

/** Who we are, and how our own messages are told from others'. */
export interface Installed extends SlackBot {
  botId: string;
}

/** The type of the metadata of our posts. Everybody in the workspace can read it: an id, and nothing else. */
const POST_EVENT = "parley_post";
/** A post is in doubt for a day at most, after which nobody asks for it any more. */
const FIND_WITHIN_S = 48 * 3600;
const FIND_PAGE = 200;
const FIND_PAGES = 5;

/** Nothing a model writes becomes live: no parsing of names and addresses, no previews, which would fetch them. */
const INERT = { parse: "none", link_names: false } as const;
const UNFURL_NOTHING = { unfurl_links: false, unfurl_media: false } as const;

/** Slack's refusals of what is in `blocks`. */
const BLOCK_REFUSAL = /^invalid_blocks(_format)?$/;

export function markOf(id: string) {
  return { event_type: POST_EVENT, event_payload: { id } };
}

/** Our messages on Slack: posted, edited, removed and found again. */
export class SlackMessages {
  readonly #api: SlackApi;
  readonly #bot: () => Installed;

  constructor(api: SlackApi, bot: () => Installed) {
    this.#api = api;
    this.#bot = bot;
  }

  async send(to: ReplyTarget, page: RenderedPage, mark?: string): Promise<SentMessage> {
    const responseUrl = readResponseUrl(to.replyTo, this.#bot().hookOrigins);
    if (responseUrl !== null) return this.#answerCommand(responseUrl, to, page);
    const thread = readThread(to.thread);
    const target = {
      channel: readChannel(to.chat),
      ...(thread === undefined ? {} : { thread_ts: thread }),
      ...(mark === undefined ? {} : { metadata: markOf(mark) }),
      ...INERT,
      ...UNFURL_NOTHING,
    };
    const { ts } = await withPlainFallback(page, (content) => {
      // Its type wants either text or blocks; Slack takes both, the text being for notifications.
      const message = { ...target, ...content } as ChatPostMessageArguments;
      return this.#api.call("chat.postMessage", message);
    });
    if (typeof ts !== "string") {
      throw new GatewayError("unavailable", "Slack did not say what became of a post.", { delivered: "unknown" });
    }
    return { account: this.#account, chat: to.chat, messageId: ts };
  }

  async edit(at: SentMessage, page: RenderedPage): Promise<void> {
    // What is left out falls back to "client", or keeps as it was, like the metadata.
    const target = { channel: readChannel(at.chat), ts: readTs(at.messageId), ...INERT };
    await withPlainFallback(page, (content) => {
      const message = { ...target, ...content } as ChatUpdateArguments;
      return this.#api.call("chat.update", message);
    });
  }

  async remove(at: SentMessage): Promise<void> {
    const target = { channel: readChannel(at.chat), ts: readTs(at.messageId) };
    try {
      await this.#api.call("chat.delete", target);
    } catch (error) {
      if (errorCode(error) !== "not_found") throw error;
    }
  }

  /**
   * Rejects when it cannot be told: then the post stays in doubt. A stream bears no mark while it goes on: a `growing`
   * post is the only one of the thread, if there is one.
   */
  async find(to: ReplyTarget, mark: string, growing = false): Promise<SentMessage | null> {
    if (readResponseUrl(to.replyTo, this.#bot().hookOrigins) !== null) {
      throw new GatewayError("unavailable", "What one person was shown cannot be looked for.");
    }
    const channel = readChannel(to.chat);
    const thread = readThread(to.thread);
    const oldest = String(Math.max(Number(thread ?? 0), Math.floor(Date.now() / 1000) - FIND_WITHIN_S));
    const streams: string[] = [];
    let cursor = "";
    for (let page = 0; page < FIND_PAGES; page++) {
      const where = { channel, oldest, limit: FIND_PAGE, include_all_metadata: true, ...(cursor ? { cursor } : {}) };
      const { messages, has_more, response_metadata } =
        thread === undefined
          ? await this.#api.call("conversations.history", where)
          : await this.#api.call("conversations.replies", { ...where, ts: thread });
      const found = messages?.find((message) => this.#isMarked(message, mark));
      if (found?.ts !== undefined) return { account: this.#account, chat: to.chat, messageId: found.ts };
      const isStream = (message: Found) => this.#isOurs(message) && message.streaming_state === "in_progress";
      if (growing) streams.push(...(messages ?? []).filter(isStream).flatMap(({ ts }) => ts ?? []));
      cursor = response_metadata?.next_cursor ?? "";
      if (!has_more && streams.length < 2) {
        return streams[0] === undefined ? null : { account: this.#account, chat: to.chat, messageId: streams[0] };
      }
      if (cursor === "") break;
    }
    throw new GatewayError("unavailable", "There are too many messages to find a post among them.");
  }

  /** Any app may write such metadata, so only our own messages count: in an organisation we have a `bot_id` per team. */
  #isMarked(message: Found, mark: string): boolean {
    const { event_type: type, event_payload: payload } = (message.metadata ?? {}) as {
      event_type?: unknown;
      event_payload?: { id?: unknown };
    };
    return this.#isOurs(message) && type === POST_EVENT && payload?.id === mark;
  }

  #isOurs(message: Found): boolean {
    const { botId, userId } = this.#bot();
    return message.bot_id === botId || message.user === userId;
  }

  /** Slack wants no answer to a press. */
  async tell({ answerAt, place }: PressedButton, text: string): Promise<void> {
    const url = readResponseUrl(answerAt, this.#bot().hookOrigins);
    if (url === null || text === "") return;
    const to = { account: this.#account, chat: place.chat, thread: place.thread, replyTo: url };
    await this.#answerCommand(url, to, { text });
  }

  /** Seen by the one who gave the command alone; it has no id, so it can be neither edited nor removed. */
  async #answerCommand(url: string, to: ReplyTarget, page: RenderedPage): Promise<SentMessage> {
    const target = { response_type: "ephemeral", replace_original: false, ...UNFURL_NOTHING };
    await withPlainFallback(page, (content) => this.#api.post(url, { ...target, ...content }));
    return { account: this.#account, chat: to.chat, messageId: "ephemeral" };
  }

  get #account(): AccountId {
    return slackAccount(this.#bot().install);
  }
}

interface Found {
  ts?: string;
  bot_id?: string;
  user?: string;
  metadata?: unknown;
  streaming_state?: string;
}

interface Content {
  text: string;
  blocks?: ReturnType<typeof blocksOf>;
}

/** Sends the page, and without formatting if Slack does not take its blocks: a refused call was certainly not applied. */
async function withPlainFallback<T>(page: RenderedPage, send: (content: Content) => Promise<T>): Promise<T> {
  try {
    return await send(contentOf(checked(page)));
  } catch (error) {
    if (!BLOCK_REFUSAL.test(slackReason(error))) throw error;
    return send(contentOf(plainPage(page)));
  }
}

function contentOf(page: RenderedPage): Content {
  const blocks = blocksOf(page);
  return { text: fallbackText(page), ...(blocks.length === 0 ? {} : { blocks }) };
}

/** Never shortened here: Slack would do it without saying so. */
function checked(page: RenderedPage): RenderedPage {
  if (page.text.length > SLACK_MARKDOWN_LIMIT) {
    throw new GatewayError("too_large", "The text is too long for Slack.", { delivered: "no" });
  }
  if (!isVisible(page.text)) throw new GatewayError("invalid", "The text is empty.", { delivered: "no" });
  return page;
}
