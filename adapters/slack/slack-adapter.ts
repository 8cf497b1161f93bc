import { GatewayError } from "../../src/errors.ts";
import type { AccountId } from "../../src/ids.ts";
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
import { readSlackEvent } from "./read-slack-event.ts";
import { readSlackCommand, readSlackInteraction } from "./read-slack-interaction.ts";
import { askedIn, type Asked, askElsewhere } from "./read-slack-shortcut.ts";
import { SLACK_API_URL, SlackApi } from "./slack-api.ts";
import { saidBefore } from "./slack-background.ts";
import type { SlackBot } from "./slack-content.ts";
import { SLACK_FETCH_LIMIT, SlackDownloads } from "./slack-download.ts";
import { slackReason } from "./slack-errors.ts";
import { openReasonForm, withThumbs } from "./slack-feedback.ts";
import { fetchSlackFile, SLACK_SEND_LIMIT, sendSlackFile } from "./slack-files.ts";
import { slackAccount } from "./slack-ids.ts";
import { type Installed, SlackMessages } from "./slack-messages.ts";
import { authorOf } from "./slack-origin.ts";
import { listenToNotices } from "./slack-notices.ts";
import { SlackPeople } from "./slack-people.ts";
import { type SlackDelivery, SlackReceiver } from "./slack-receiver.ts";
import { renderSlack, withChoices, withStop } from "./slack-render.ts";
import { SlackStreams } from "./slack-streams.ts";
import { runSlackSockets, type SocketTiming } from "./slack-socket.ts";
import { STATUS_LASTS_MS, ThreadStatus } from "./slack-status.ts";
import { slackWebhook } from "./slack-webhook.ts";

export interface SlackOptions {
  /** Read at every call, as the other secrets are: they may change. */
  readonly botToken: string;
  /** Socket Mode: the app-level token with `connections:write`. */
  readonly appToken: string | null;
  /** HTTP: what Slack signs its calls with. */
  readonly signingSecret: string | null;
  /** The one before, while calls signed with it are still taken. */
  readonly signingSecretBefore?: string | null;
  /** Another server of the Web API; null = Slack's own. */
  apiUrl: string | null;
  mode: "socket" | "http";
  /** `thread`: every message to the bot begins a talk of its own, answered in its thread; `channel`: one talk in each DM. */
  dm: "thread" | "channel";
  /** Answers in threads of direct messages stream in Slack's own way. */
  stream: boolean;
  /** Another time after which they go on by edits. */
  streamLastsMs?: number;
  /** Whether nobody has to mention the bot at a place. */
  hears?: (place: { account: AccountId; chat: string; thread: string }) => boolean;
  log: Log;
  socketTiming?: SocketTiming;
}

/**
 * docs.slack.dev/apis/web-api/rate-limits: a post a second in a channel, with short bursts, and some hundreds a minute in
 * the workspace. Each other method has its tier's calls in the whole workspace, whoever's they are: chat.update and
 * chat.delete (tier 3) 50 a minute, of which this is 8 at once and 41 in the minute after that; chat.appendStream
 * (tier 4) 100, of which this is 10 and 85. How many streams may begin and end, `SlackStreams` knows.
 */
const BUDGET: EditBudget = {
  chat: () => ({ draftEveryMs: 1500, refillMs: 1000, burst: 3, reserve: 1, calls: ["post"] }),
  account: [
    { refillMs: 1450, burst: 8, reserve: 4, calls: ["edit"] },
    { refillMs: 1450, burst: 8, reserve: 0, calls: ["remove"] },
    { refillMs: 700, burst: 10, reserve: 0, calls: ["append"] },
    { refillMs: 250, burst: 40, reserve: 0, calls: ["post"] },
    { refillMs: 600, burst: 20, reserve: 0, calls: ["typing"] },
  ],
};

/** Slack waits 3 s for an acknowledgement. */
const LOOK_IN_MS = 1_000;

/** Throws `invalid` for options that would leave the way in open or closed for good. */
export function createSlackAdapter(options: SlackOptions): PlatformAdapter {
  return new SlackAdapter(options);
}

class SlackAdapter implements PlatformAdapter {
  readonly platform = "slack";
  readonly commandSign = "/parley ";
  readonly render = renderSlack;
  readonly editing: NonNullable<PlatformAdapter["editing"]>;
  readonly typing: NonNullable<PlatformAdapter["typing"]>;
  readonly marks: NonNullable<PlatformAdapter["marks"]>;
  readonly buttons: NonNullable<PlatformAdapter["buttons"]> = {
    withStop,
    withChoices,
    tell: (press, text) => this.#messages.tell(press, text),
  };
  readonly feedback: NonNullable<PlatformAdapter["feedback"]> = {
    personal: true,
    withThumbs,
    openForm: (press, form) => openReasonForm(this.#api, press, form),
  };
  readonly files: NonNullable<PlatformAdapter["files"]>;
  readonly background: NonNullable<PlatformAdapter["background"]>;
  readonly nativeStream: NonNullable<PlatformAdapter["nativeStream"]>;
  readonly webhook?: Webhook;
  readonly #options: SlackOptions;
  readonly #api: SlackApi;
  readonly #messages: SlackMessages;
  readonly #streams: SlackStreams;
  readonly #status: ThreadStatus;
  readonly #downloads: SlackDownloads;
  readonly #people: SlackPeople;
  readonly #receiver: SlackReceiver;
  #bot: Installed | null = null;

  constructor(options: SlackOptions) {
    this.#options = options;
    const { apiUrl, log } = options;
    this.#api = new SlackApi({
      get botToken() {
        return options.botToken;
      },
      get secrets() {
        return [options.botToken, options.appToken, options.signingSecret].filter((it) => it !== null);
      },
      apiUrl,
    });
    this.#messages = new SlackMessages(this.#api, () => this.#known());
    const { stream: on, streamLastsMs: lastsMs } = options;
    this.#streams = new SlackStreams({ api: this.#api, log, on, ...(lastsMs === undefined ? {} : { lastsMs }) });
    this.nativeStream = {
      mayStream: (to) => this.#streams.mayStream(to),
      isStreaming: (at) => this.#streams.isOpen(at),
      asStream: (...page) => this.#streams.asStream(...page),
    };
    this.#people = new SlackPeople({ ask: (user) => this.#askAbout(user), home: () => this.#known(), log });
    if (options.mode === "socket") readAppToken(options);
    this.#receiver = new SlackReceiver({
      read: (delivery) => this.#read(delivery),
      listen: options.mode === "socket" ? (...way) => this.#runSockets(...way) : null,
      checkToken: (signal) => this.#checkToken(signal),
      log,
    });
    this.#downloads = new SlackDownloads(() => options.botToken, apiUrl);
    const lines = { api: this.#api, downloads: this.#downloads };
    this.files = {
      maxFetchBytes: SLACK_FETCH_LIMIT,
      maxSendBytes: SLACK_SEND_LIMIT,
      fetch: (ref, signal) => fetchSlackFile(lines, ref, signal),
      send: (to, file) => sendSlackFile(lines, to, file),
    };
    this.background = {
      before: (...asked) => saidBefore({ api: this.#api, people: this.#people, bot: this.#known() }, ...asked),
    };
    const status = new ThreadStatus(this.#api, log);
    this.#status = status;
    this.typing = {
      lastsMs: STATUS_LASTS_MS,
      show: (to) => status.show(to),
      hide: (to) => status.hide(to),
      over: (...run) => status.over(...run),
    };
    this.marks = { find: (...asked) => this.#messages.find(...asked) };
    this.editing = {
      budget: BUDGET,
      edit: (at, page) => this.#edit(at, page),
      remove: (at) => this.#unstreamed(at, () => this.#messages.remove(at)),
    };
    if (options.mode === "http") {
      const take = (delivery: SlackDelivery, accept: Accept) => this.#receiver.take(delivery, accept);
      readSigningSecret(options);
      this.webhook = slackWebhook({
        get signingSecret() {
          return readSigningSecret(options);
        },
        get signingSecretBefore() {
          return options.signingSecretBefore ?? null;
        },
        take,
        log,
      });
    }
  }

  get account(): AccountId {
    return slackAccount(this.#known().install);
  }

  async connect(signal: AbortSignal): Promise<void> {
    const bot = await this.#askWhoWeAre(signal);
    this.#bot = bot;
    listenToNotices(this.#receiver, bot, () => this.#receiver.doubtToken());
    this.#options.log.info({ account: this.account, name: bot.name }, "Slack knows the bot");
  }

  async start(accept: Accept, signal: AbortSignal, working?: (works: boolean) => void): Promise<void> {
    await this.#receiver.start(accept, signal, working);
  }

  async send(to: ReplyTarget, page: RenderedPage, mark?: string): Promise<SentMessage> {
    const ts = await this.#startStream(to, page, mark);
    if (ts === null) return this.#messages.send(to, page, mark);
    return { account: this.account, chat: to.chat, messageId: ts };
  }

  async close(): Promise<void> {
    await this.#status.settle();
    await Promise.all([this.#api.close(), this.#downloads.close()]);
  }

  /** Read once more with what is known of the author, where it makes a difference. */
  async #read(delivery: SlackDelivery): Promise<IncomingUpdate> {
    const bot = this.#known();
    const receivedAt = Date.now();
    const asked = delivery.kind === "interaction" ? askedIn(delivery.body) : null;
    const update = readDelivery(delivery, bot, receivedAt);
    const author = authorOf(update);
    // Whom nobody was asked about is nobody of ours, should the gate hear them after all.
    if (author === null && update.kind === "message")
      return { ...update, sender: { ...update.sender, outsider: true } };
    if (author === null) return update;
    // Whom Slack will not name is an outsider in a group, and whom it cannot name yet is not heard yet: Slack tells of it
    // again. A DM is nobody else's business, and is let in as it came.
    const isPrivate = "place" in update && update.place.kind === "private";
    const [known, other, isElsewhere] = await Promise.all([
      this.#people.look(author).catch((error: unknown) => {
        if (isPrivate) return undefined;
        throw error;
      }),
      asked?.author ? this.#people.look(asked.author).catch(() => undefined) : undefined,
      asked ? this.#isElsewhere(asked) : false,
    ]);
    const person = (id: string) => (id === author ? known : id === asked?.author ? other : undefined);
    const read = !known && isPrivate ? update : readDelivery(delivery, { ...bot, person }, receivedAt);
    return isElsewhere ? askElsewhere(read, delivery.body, bot) : read;
  }

  /** Whether we are no member there. Where that cannot be told in time, the answer is tried. */
  async #isElsewhere({ channel, root }: Asked): Promise<boolean> {
    try {
      await this.#api.call("conversations.replies", { channel, ts: root, limit: 1 }, AbortSignal.timeout(LOOK_IN_MS));
      return false;
    } catch (error) {
      return ["not_in_channel", "channel_not_found"].includes(slackReason(error));
    }
  }

  async #startStream(to: ReplyTarget, page: RenderedPage, mark?: string): Promise<string | null> {
    try {
      const ts = await this.#streams.start(to, page, mark);
      if (ts !== null) this.#status.streams(to);
      return ts;
    } catch (error) {
      // It may have begun all the same.
      if (!(error instanceof GatewayError) || error.delivered !== "no") this.#status.streams(to);
      throw error;
    }
  }

  async #edit(at: SentMessage, page: RenderedPage): Promise<void> {
    if (await this.#streams.append(at, page)) return;
    await this.#unstreamed(at, () => this.#messages.edit(at, page));
  }

  /** A stream cannot be edited. One that another process has begun is known by Slack's refusal only. */
  async #unstreamed(at: SentMessage, change: () => Promise<void>): Promise<void> {
    await this.#streams.end(at);
    try {
      await change();
    } catch (error) {
      if (slackReason(error) !== "streaming_state_conflict") throw error;
      await this.#streams.stop(at);
      await change();
    }
  }

  async #runSockets(
    take: (delivery: SlackDelivery) => Promise<void>,
    signal: AbortSignal,
    working: (works: boolean) => void,
  ): Promise<void> {
    const options = this.#options;
    const { log, socketTiming } = options;
    await runSlackSockets(
      {
        get appToken() {
          return readAppToken(options);
        },
        clientOptions: (ended) => this.#api.clientOptions(ended),
        toError: (thrown) => this.#api.toError(thrown, "apps.connections.open"),
        take,
        working,
        log,
        ...(socketTiming ? { timing: socketTiming } : {}),
      },
      signal,
    );
  }

  async #askWhoWeAre(signal: AbortSignal): Promise<Installed> {
    const me = await this.#api.call("auth.test", {}, signal);
    const { team_id: teamId, user_id: userId, bot_id: botId, enterprise_id: enterpriseId } = me;
    const install = me.is_enterprise_install && enterpriseId ? enterpriseId : teamId;
    if (!install || !userId) {
      throw new GatewayError("unavailable", "What answers at Slack's address names no bot.", { delivered: "no" });
    }
    if (!botId) throw new GatewayError("unauthorized", "The token is not a bot's.", { delivered: "no" });
    const { apiUrl, dm, hears } = this.#options;
    return {
      install,
      teamId: teamId ?? install,
      enterpriseId: enterpriseId ?? null,
      userId,
      botId,
      appId: me.app_id ?? "",
      name: me.user ?? "",
      dm,
      ...(hears ? { hears: (chat, thread) => hears({ account: slackAccount(install), chat, thread }) } : {}),
      hookOrigins: apiUrl === null || apiUrl === SLACK_API_URL ? [] : [new URL(apiUrl).origin],
    };
  }

  async #checkToken(signal: AbortSignal): Promise<void> {
    await this.#api.call("auth.test", {}, signal);
  }

  async #askAbout(user: string) {
    const { user: about } = await this.#api.call("users.info", { user, include_locale: true });
    if (!about) throw new GatewayError("unavailable", "Slack says nothing of a person.", { delivered: "no" });
    return about;
  }

  #known(): Installed {
    if (!this.#bot) throw new GatewayError("unavailable", "Slack is not connected yet.", { delivered: "no" });
    return this.#bot;
  }
}

function readDelivery({ kind, body }: SlackDelivery, bot: SlackBot, receivedAt: number): IncomingUpdate {
  switch (kind) {
    case "event":
      return readSlackEvent(body, bot);
    case "interaction":
      return readSlackInteraction(body, bot);
    case "command":
      return readSlackCommand(body, bot, receivedAt);
    default:
      throw new Error(kind satisfies never);
  }
}

function readAppToken({ appToken }: SlackOptions): string {
  if (appToken?.startsWith("xapp-")) return appToken;
  throw new GatewayError("invalid", "Slack's Socket Mode needs an app-level token, which begins with xapp-.");
}

function readSigningSecret({ signingSecret }: SlackOptions): string {
  if (signingSecret !== null && /^[\w-]{16,}$/.test(signingSecret)) return signingSecret;
  throw new GatewayError("invalid", "Slack over HTTP needs the app's signing secret.");
}
