import type { AnyChunk } from "@slack/types";
import { errorCode, GatewayError } from "../../src/errors.ts";
import type { Log, RenderedPage, SentMessage, Task } from "../../src/platform/platform-adapter.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import type { SlackApi } from "./slack-api.ts";
import { slackReason } from "./slack-errors.ts";
import { readChannel, readThread, readTs } from "./slack-ids.ts";
import { markOf } from "./slack-messages.ts";
import { markdownOf, renderSlack, streamedOf } from "./slack-render.ts";
import { settledMarkdown } from "./settled-markdown.ts";

export interface StreamOptions {
  api: SlackApi;
  log: Log;
  /** Whether streams are begun; those that another process has begun are always ended. */
  on: boolean;
  /** After so long an answer goes on by edits; see `LASTS_MS`. */
  lastsMs?: number;
  now?: () => number;
}

/** What stands in a message of ours that can be appended to. */
interface Stream {
  mark: string | undefined;
  openedAt: number;
  text: string;
  /** By their ids, as they were shown. */
  tasks: Map<string, string>;
  /** Something was appended, or was not: nobody knows. */
  isDoubtful: boolean;
}

/** A stream ends by itself after five minutes, "even while appending" (python-slack-sdk#1859, node-slack-sdk#2702). */
const SLACK_LASTS_MS = 5 * 60_000;
const LASTS_MS = 4 * 60_000;
/** At once: their ends may all come together, of which Slack takes as many as of their beginnings. */
const MAX_OPEN = 10;
/** chat.startStream and chat.stopStream are of tier 2, "20+ per minute" (docs.slack.dev/apis/web-api/rate-limits). */
const STARTS = { burst: 5, refillMs: 3_750 };
const MAX_OFF = 1_000;
/** Of a task's title and details; what Slack takes of them is not written down. */
const MAX_TASK_CHARS = 200;

/** Slack's words for what no workspace, and what no conversation of that kind, can have. */
const NOWHERE = /^(unknown_method|method_deprecated|feature_not_enabled|missing_scope)$/;
const NOT_THERE =
  /^(channel_type_not_supported|missing_recipient_(team|user)_id|messages_tab_disabled|team_not_found|user_not_found)$/;

const STATUS = { running: "in_progress", done: "complete", failed: "error" } as const;

/**
 * Answers in Slack's own streams, in threads of direct messages: elsewhere only one person would see them grow. A stream
 * takes what is appended and nothing else, so it gets what is sure to stay; whoever wants a page to look otherwise ends
 * it, and edits the message.
 */
export class SlackStreams {
  readonly #options: StreamOptions;
  readonly #now: () => number;
  readonly #open = new Map<string, Stream>();
  readonly #offAt = new Set<string>();
  #isOff: boolean;
  #starts = STARTS.burst;
  #countedAt = 0;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#isOff = !options.on;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Answers to a command go to an address of their own. */
  mayStream({ chat, thread, replyTo }: ReplyTarget): boolean {
    const isThread = chat.startsWith("D") && thread !== "" && replyTo?.includes("/") !== true;
    return !this.#isOff && isThread && !this.#offAt.has(chat);
  }

  isOpen({ chat, messageId }: SentMessage): boolean {
    return this.#open.has(keyOf(chat, messageId));
  }

  asStream(page: RenderedPage, said: string, tasks: readonly Task[]): RenderedPage {
    const settled = settledMarkdown(
      said,
      tasks.some(({ state }) => state === "running"),
    );
    const shown = markdownOf(page);
    const stream = { settled: shown.startsWith(settled) ? settled : "", tasks };
    return { ...page, rich: { ...(page.rich as object), stream } };
  }

  /** Posts the page as a stream; null = it certainly was not, and is to be posted. */
  async start(to: ReplyTarget, page: RenderedPage, mark?: string): Promise<string | null> {
    const streamed = streamedOf(page);
    if (!streamed || !this.mayStream(to)) return null;
    const { settled, tasks } = streamed;
    // What has ended before is told of with the text that it was for.
    const current = settled === "" ? tasks : tasks.filter(({ state }) => state === "running");
    const chunks = chunksOf(settled, current);
    if (chunks.length === 0 || !this.#mayOpen()) return null;
    const [channel, thread_ts] = [readChannel(to.chat), readThread(to.thread) ?? ""];
    try {
      const { ts } = await this.#options.api.call("chat.startStream", { channel, thread_ts, chunks });
      if (typeof ts !== "string") {
        throw new GatewayError("unavailable", "Slack did not say what became of a post.", { delivered: "unknown" });
      }
      const shown = new Map(tasks.map((task) => [task.id, JSON.stringify(task)]));
      const stream = { mark, text: settled, tasks: shown, openedAt: this.#now(), isDoubtful: false };
      this.#open.set(keyOf(to.chat, ts), stream);
      return ts;
    } catch (error) {
      if (errorCode(error) === "cancelled" && !mayBeThere(error)) this.#starts += 1;
      if (!isRefused(error)) throw error;
      this.#learn(to.chat, error);
      return null;
    }
  }

  /** Brings what is new on the page; false = it cannot be shown so. */
  async append(at: SentMessage, page: RenderedPage): Promise<boolean> {
    const [stream, streamed] = [this.#open.get(keyOf(at.chat, at.messageId)), streamedOf(page)];
    if (!stream || !streamed || stream.isDoubtful) return false;
    const isOld = this.#now() - stream.openedAt > (this.#options.lastsMs ?? LASTS_MS);
    if (isOld || !markdownOf(page).startsWith(stream.text)) return false;
    const text = streamed.settled.slice(stream.text.length);
    const tasks = streamed.tasks.filter((task) => stream.tasks.get(task.id) !== JSON.stringify(task));
    const chunks = chunksOf(text, tasks);
    if (chunks.length === 0) return true;
    const message = { channel: readChannel(at.chat), ts: readTs(at.messageId) };
    try {
      await this.#options.api.call("chat.appendStream", { ...message, chunks });
    } catch (error) {
      if (errorCode(error) === "rate_limited") throw error;
      if (isRefused(error)) return false;
      // Once more could be twice, but for what was not written at all.
      stream.isDoubtful = mayBeThere(error);
      throw error;
    }
    stream.text += text;
    for (const task of tasks) stream.tasks.set(task.id, JSON.stringify(task));
    return true;
  }

  /** The message can be edited then. Nothing is done for one that is no stream of ours. */
  async end(at: SentMessage): Promise<void> {
    const key = keyOf(at.chat, at.messageId);
    const stream = this.#open.get(key);
    if (!stream) return;
    await this.stop(at, stream.mark);
    this.#open.delete(key);
  }

  /**
   * Ends a stream, whoever has begun it. It is marked as our posts are only now: a stream cannot be when it begins. What
   * becomes of the thread's session is not said here: the next run may be at work in it.
   */
  async stop(at: SentMessage, mark?: string): Promise<void> {
    const message = { channel: readChannel(at.chat), ts: readTs(at.messageId) };
    try {
      await this.#options.api.call("chat.stopStream", {
        ...message,
        ...(mark === undefined ? {} : { metadata: markOf(mark) }),
      });
    } catch (error) {
      // It has ended before, by its reader or its age, and what else is wrong the edit will show.
      if (!isRefused(error) || errorCode(error) === "rate_limited") throw error;
    }
  }

  #mayOpen(): boolean {
    const now = this.#now();
    for (const [key, { openedAt }] of this.#open) {
      if (now - openedAt > SLACK_LASTS_MS) this.#open.delete(key);
    }
    this.#starts = Math.min(STARTS.burst, this.#starts + (now - this.#countedAt) / STARTS.refillMs);
    this.#countedAt = now;
    if (this.#starts < 1 || this.#open.size >= MAX_OPEN) return false;
    this.#starts -= 1;
    return true;
  }

  #learn(chat: string, error: unknown): void {
    const reason = slackReason(error);
    const details = { err: error, chat };
    if (NOWHERE.test(reason)) {
      this.#isOff = true;
      this.#options.log.warn(details, "Slack has no streams here; answers are edited from now on");
    } else if (NOT_THERE.test(reason)) {
      this.#offAt.add(chat);
      for (const oldest of this.#offAt) {
        if (this.#offAt.size <= MAX_OFF) break;
        this.#offAt.delete(oldest);
      }
      this.#options.log.warn(details, "a channel takes no streams; answers are edited there from now on");
    }
  }
}

/** Nothing was done. */
function isRefused(error: unknown): boolean {
  return !mayBeThere(error) && (slackReason(error) !== "" || errorCode(error) === "rate_limited");
}

function mayBeThere(error: unknown): boolean {
  return !(error instanceof GatewayError) || error.delivered !== "no";
}

function chunksOf(text: string, tasks: readonly Task[]): AnyChunk[] {
  const words: AnyChunk[] = text === "" ? [] : [{ type: "markdown_text", text }];
  return [...words, ...tasks.map(cardOf)];
}

/** Within code no platform looks for mentions and addresses. */
function cardOf({ id, title, about, state }: Task): AnyChunk {
  const what = about.slice(0, MAX_TASK_CHARS).replaceAll("`", "'");
  const details = what === "" ? {} : { details: markdownOf(renderSlack(`\`${what}\``)[0]!) };
  return { type: "task_update", id, title: title.slice(0, MAX_TASK_CHARS), status: STATUS[state], ...details };
}

function keyOf(chat: string, ts: string): string {
  return `${chat} ${ts}`;
}
