import {
  type AgentsSessionsSetStatusArguments,
  type AgentsSessionsSetStatusResponse,
  type AppsConnectionsOpenArguments,
  type AppsConnectionsOpenResponse,
  type AssistantThreadsSetStatusArguments,
  type AssistantThreadsSetStatusResponse,
  type AuthTestArguments,
  type AuthTestResponse,
  type ChatAppendStreamArguments,
  type ChatAppendStreamResponse,
  type ChatDeleteArguments,
  type ChatDeleteResponse,
  type ChatPostMessageArguments,
  type ChatPostMessageResponse,
  type ChatStartStreamArguments,
  type ChatStartStreamResponse,
  type ChatStopStreamArguments,
  type ChatStopStreamResponse,
  type ChatUpdateArguments,
  type ChatUpdateResponse,
  type ConversationsHistoryArguments,
  type ConversationsHistoryResponse,
  type ConversationsRepliesArguments,
  type ConversationsRepliesResponse,
  type FilesCompleteUploadExternalArguments,
  type FilesCompleteUploadExternalResponse,
  type FilesGetUploadURLExternalArguments,
  type FilesGetUploadURLExternalResponse,
  type FilesInfoArguments,
  type FilesInfoResponse,
  type UsersInfoArguments,
  type UsersInfoResponse,
  type ViewsOpenArguments,
  type ViewsOpenResponse,
  WebAPIHTTPError,
  WebAPIPlatformError,
  WebClient,
  type WebClientOptions,
} from "@slack/web-api";
import { GatewayError } from "../../src/errors.ts";
import { toSlackError } from "./slack-errors.ts";
import { silentSlackLog } from "./slack-log.ts";
import { SlackPauses } from "./slack-pauses.ts";
import { SlackTransport } from "./slack-transport.ts";

export const SLACK_API_URL = "https://slack.com/api/";

type Call<Arguments, Answer> = { args: Arguments; answer: Answer };

/** The methods that are called, by their names on Slack; each has a limit of its own. */
export interface SlackMethods {
  "agents.sessions.setStatus": Call<AgentsSessionsSetStatusArguments, AgentsSessionsSetStatusResponse>;
  "apps.connections.open": Call<AppsConnectionsOpenArguments, AppsConnectionsOpenResponse>;
  "assistant.threads.setStatus": Call<AssistantThreadsSetStatusArguments, AssistantThreadsSetStatusResponse>;
  "auth.test": Call<AuthTestArguments, AuthTestResponse>;
  "chat.appendStream": Call<ChatAppendStreamArguments, ChatAppendStreamResponse>;
  "chat.delete": Call<ChatDeleteArguments, ChatDeleteResponse>;
  "chat.postMessage": Call<ChatPostMessageArguments, ChatPostMessageResponse>;
  "chat.startStream": Call<ChatStartStreamArguments, ChatStartStreamResponse>;
  "chat.stopStream": Call<ChatStopStreamArguments, ChatStopStreamResponse>;
  "chat.update": Call<ChatUpdateArguments, ChatUpdateResponse>;
  "conversations.history": Call<ConversationsHistoryArguments, ConversationsHistoryResponse>;
  "conversations.replies": Call<ConversationsRepliesArguments, ConversationsRepliesResponse>;
  "files.completeUploadExternal": Call<FilesCompleteUploadExternalArguments, FilesCompleteUploadExternalResponse>;
  "files.getUploadURLExternal": Call<FilesGetUploadURLExternalArguments, FilesGetUploadURLExternalResponse>;
  "files.info": Call<FilesInfoArguments, FilesInfoResponse>;
  "users.info": Call<UsersInfoArguments, UsersInfoResponse>;
  "views.open": Call<ViewsOpenArguments, ViewsOpenResponse>;
}

type SlackMethod = keyof SlackMethods;

export interface SlackApiOptions {
  /** Read at every call: it may change. */
  readonly botToken: string;
  /** What must not stand in an error. */
  readonly secrets: readonly string[];
  /** Another server of the Web API; null = Slack's own. */
  apiUrl: string | null;
  now?: () => number;
}

/** Enough for an edit per second in hundreds of threads: a call takes 0.1 to 0.5 s. */
const CONNECTIONS = 64;
const MAX_QUEUED = 1000;
const CALL_DEADLINE_MS = 10_000;

/**
 * Slack's Web API without its client's patience: no retry (it would post twice), no queue (it would stop every call
 * for one 429), and no call of a method before the time that Slack gave for it. Rejects with a `GatewayError` only.
 */
export class SlackApi {
  /** Of the token it was opened with. */
  #web: { client: WebClient; token: string };
  readonly #transport: SlackTransport;
  readonly #options: SlackApiOptions;
  readonly #pauses: SlackPauses;

  constructor(options: SlackApiOptions) {
    this.#options = options;
    this.#pauses = new SlackPauses(options.now ?? (() => performance.now()));
    this.#transport = new SlackTransport({
      connections: CONNECTIONS,
      maxQueued: MAX_QUEUED,
      deadlineMs: CALL_DEADLINE_MS,
    });
    this.#web = { client: this.#openClient(), token: options.botToken };
  }

  async call<M extends SlackMethod>(
    method: M,
    args: SlackMethods[M]["args"],
    signal?: AbortSignal,
  ): Promise<SlackMethods[M]["answer"]> {
    const channel = method === "chat.postMessage" && args && "channel" in args ? (args.channel ?? null) : null;
    const retryAfterMs = this.#pauses.leftMs(method, channel);
    if (retryAfterMs > 0) {
      const details = { delivered: "no", retryAfterMs: Math.ceil(retryAfterMs) } as const;
      throw new GatewayError("rate_limited", "Slack asks to slow down.", details);
    }
    const web = signal ? this.#openClient(signal) : this.#client();
    try {
      return await web.apiCall(method, { ...args });
    } catch (thrown) {
      throw this.toError(thrown, method, channel);
    }
  }

  /** Without the token: for addresses that Slack gives to answer at. */
  async post(url: string, body: object): Promise<void> {
    const headers = { "content-type": "application/json; charset=utf-8" };
    const { status, text } = await this.#transport.post(url, headers, JSON.stringify(body)).catch((thrown: unknown) => {
      throw this.toError(thrown, "response_url");
    });
    const reason = refusalIn(text);
    if (status === 200 && reason === null) return;
    // Slack says with these that the address is used up: five answers within half an hour.
    if (status === 404 || status === 410 || /^(used|expired)_url$/.test(reason ?? "")) {
      throw new GatewayError("forbidden", "Slack takes no more answers to this command.", { delivered: "no" });
    }
    // Certain, although it comes with a 5xx.
    if (reason !== null && status !== 429) {
      throw this.toError(new WebAPIPlatformError({ ok: false, error: reason }), "response_url");
    }
    const word = /^\w+$/.test(text) ? { error: text } : text;
    throw this.toError(new WebAPIHTTPError(status, "", {}, word), "response_url");
  }

  /** A refusal for haste is remembered here. */
  toError(thrown: unknown, method: SlackMethod | "response_url", channel: string | null = null): GatewayError {
    const error = toSlackError(thrown, method, this.#options.secrets);
    if (error.code === "rate_limited" && method !== "response_url") {
      this.#pauses.add(method, channel, error.retryAfterMs ?? 0);
    }
    return error;
  }

  /** Always a new object, and never with headers: Slack's clients write tokens and settings into what they are given. */
  clientOptions(ended?: AbortSignal): Omit<WebClientOptions, "logger" | "logLevel"> {
    return {
      slackApiUrl: this.#options.apiUrl ?? SLACK_API_URL,
      allowAbsoluteUrls: false,
      fetch: this.#transport.fetch(ended),
      maxRequestConcurrency: CONNECTIONS + MAX_QUEUED,
      rejectRateLimitedCalls: true,
      retryConfig: { retries: 0 },
    };
  }

  #client(): WebClient {
    const { botToken: token } = this.#options;
    if (token !== this.#web.token) this.#web = { client: this.#openClient(), token };
    return this.#web.client;
  }

  #openClient(ended?: AbortSignal): WebClient {
    return new WebClient(this.#options.botToken, { ...this.clientOptions(ended), logger: silentSlackLog });
  }

  /** Ends all sockets at once; calls on the way reject. */
  async close(): Promise<void> {
    await this.#transport.close();
  }
}

/** Slack's reason for not taking an answer to a command; null = the text holds none. */
function refusalIn(text: string): string | null {
  if (!text.startsWith("{")) return null;
  try {
    const { ok, error } = JSON.parse(text) as { ok?: unknown; error?: unknown };
    return ok === false && typeof error === "string" ? error : null;
  } catch {
    return null;
  }
}
