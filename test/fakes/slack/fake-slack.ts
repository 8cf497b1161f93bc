import { Changes } from "../telegram/changes.ts";
import { Timers } from "../telegram/timers.ts";
import { AgentThreads, key, type SessionStatus, type ThreadStatus } from "./agent-threads.ts";
import { ApiServer } from "./api-server.ts";
import type { Ephemeral, FakeMessage } from "./channels.ts";
import { Deliveries, type Delivery, type Hold, type Outgoing } from "./deliveries.ts";
import { Directory, type ChannelRef } from "./directory.ts";
import type { FaultHandle, FaultSpec } from "./faults.ts";
import { HttpEvents } from "./http-events.ts";
import { Journal, tail, type JournalEntry } from "./journal.ts";
import { NO_LIMITS, RateLimits, SLACK_LIMITS, type Limits } from "./limits.ts";
import { LiveReport, type LiveFinding } from "./live-report.ts";
import { People } from "./people.ts";
import { ResponseUrls } from "./response-urls.ts";
import { Sockets, type SocketConnection } from "./sockets.ts";
import { transcript } from "./transcript.ts";
import type { Installation, World } from "./world.ts";

/** Not real secrets: only their form is Slack's. */
const BOT_TOKEN = "xoxb-0000000000-0000000000-FakeTokenOnlyForTests";
const APP_TOKEN = "xapp-1-A0FAKE-0000000000-fakeTokenOnlyForTests";
const SIGNING_SECRET = "fake0signing0secret0for0tests000";
const VERIFICATION_TOKEN = "fakeVerificationToken";

/** What the app's manifest asks for. */
const SCOPES = [
  "app_mentions:read",
  "assistant:write",
  "channels:history",
  "channels:read",
  "chat:write",
  "commands",
  "files:read",
  "files:write",
  "groups:history",
  "groups:read",
  "im:history",
  "im:read",
  "im:write",
  "mpim:history",
  "mpim:read",
  "mpim:write",
  "reactions:read",
  "reactions:write",
  "team:read",
  "users:read",
];

export interface FakeSlackOptions {
  /** 0 (default) takes a free one. Always loopback. */
  port?: number;
  /** Over Slack's; "off" for none. A single limit is off when null. */
  limits?: Partial<Limits> | "off";
  latencyMs?: number;
  /** The clock of timestamps, limits, signatures and expiry, ms since the epoch. */
  now?: () => number;
  /** Refuse unknown arguments instead of only counting them. */
  strict?: boolean;
  /** "light" forgets arguments. */
  journal?: "full" | "light";
  /** The app's bot scopes instead of all it needs. */
  scopes?: string[];
  botName?: string;
  botToken?: string;
  appToken?: string;
  signingSecret?: string;
  /** How long an event may go unacknowledged; Slack: 3000. */
  ackWithinMs?: number;
  /** Before each further try of an event; Slack: at once, after a minute, after five, then hourly for a day (Delayed Events). */
  retryWaitsMs?: readonly number[];
  /** How often Slack pings a socket. */
  pingEveryMs?: number;
  /** From "refresh_requested" until Slack ends the connection. */
  refreshGraceMs?: number;
}

/** Three tries soon, then those of Delayed Events, all of them sooner than Slack's. */
const RETRY_WAITS_MS = [0, 200, 500, ...Array.from({ length: 24 }, () => 1000)];

/** Starts the fake. Close it when done. */
export async function startFakeSlack(options: FakeSlackOptions = {}): Promise<FakeSlack> {
  const now = options.now ?? Date.now;
  const changes = new Changes();
  const timers = new Timers();
  const directory = new Directory(now);
  const app = install(directory, options);
  const sockets = new Sockets({
    appId: app.appId,
    changes,
    timers,
    now,
    ackWithinMs: options.ackWithinMs ?? 1000,
    pingEveryMs: options.pingEveryMs ?? 5000,
    refreshGraceMs: options.refreshGraceMs ?? 1000,
  });
  const deliveries = new Deliveries({ now, changes, timers, retryWaitsMs: options.retryWaitsMs ?? RETRY_WAITS_MS });
  const { signingSecret, verificationToken } = app;
  const http = new HttpEvents({
    signingSecret,
    verificationToken,
    now,
    timers,
    ackWithinMs: options.ackWithinMs ?? 1000,
  });
  deliveries.transport = (outgoing, retry, delivery) =>
    http.inUse ? http.attempt(outgoing, retry, delivery) : sockets.attempt(outgoing, retry, delivery);
  const world: World = {
    now,
    changes,
    timers,
    strict: options.strict ?? false,
    journal: new Journal(options.journal === "light"),
    directory,
    app,
    deliveries,
    threads: new AgentThreads(now),
    live: new LiveReport(),
    files: new Map(),
    responseUrls: new ResponseUrls(now),
    forms: [],
    url: "",
    socketLink: () => sockets.link(world.url),
  };
  const limits = new RateLimits(options.limits === "off" ? NO_LIMITS : { ...SLACK_LIMITS, ...options.limits });
  const server = new ApiServer(world, limits, sockets);
  server.latencyMs = options.latencyMs ?? 0;
  world.url = await server.listen(options.port ?? 0);
  return new FakeSlack(world, server, { sockets, http }, limits.limits);
}

function install(directory: Directory, options: FakeSlackOptions): Installation {
  const team = directory.addTeam("Acme");
  const bot = directory.addUser(options.botName ?? "parley", team, "bot");
  const { botId, appId } = bot;
  if (botId === null || appId === null) {
    throw new Error("a bot has an app");
  }
  return {
    appId,
    team,
    bot: Object.assign(bot, { botId }),
    botToken: options.botToken ?? BOT_TOKEN,
    appToken: options.appToken ?? APP_TOKEN,
    signingSecret: options.signingSecret ?? SIGNING_SECRET,
    verificationToken: VERIFICATION_TOKEN,
    scopes: new Set(options.scopes ?? SCOPES),
    refused: null,
  };
}

/** A Slack of one's own: people act with the methods of `People`, the app calls `apiUrl`, tests look and break things. */
export class FakeSlack extends People implements AsyncDisposable {
  readonly limits: Limits;
  /** Socket Mode. */
  readonly sockets: Sockets;
  /** Events, presses and commands over HTTP, once `http.sendTo` names a URL; and forged ones. */
  readonly http: HttpEvents;
  #server: ApiServer;

  constructor(world: World, server: ApiServer, ways: { sockets: Sockets; http: HttpEvents }, limits: Limits) {
    super(world);
    this.limits = limits;
    this.sockets = ways.sockets;
    this.http = ways.http;
    this.#server = server;
  }

  /** Without a slash at its end. */
  get url(): string {
    return this.world.url;
  }

  /** SLACK_API_URL: WebClient's `slackApiUrl`. */
  get apiUrl(): string {
    return `${this.world.url}/api/`;
  }

  /** Ids and secrets of the app. */
  get app(): Readonly<Installation> {
    return this.world.app;
  }

  /** All messages of a conversation in order, also removed ones. `thread` null = outside threads. */
  messages(ref: ChannelRef, thread?: string | null): FakeMessage[] {
    const all = [...this.channel(ref).messages.values()];
    return thread === undefined ? all : all.filter((message) => message.threadTs === thread);
  }

  /** The bot's messages that people can see now. */
  botMessages(ref: ChannelRef, thread?: string | null): FakeMessage[] {
    return this.messages(ref, thread).filter((message) => message.botNumber > 0 && !message.deleted);
  }

  /** What only one person was shown. */
  ephemerals(ref: ChannelRef): readonly Ephemeral[] {
    return this.channel(ref).ephemerals;
  }

  /** What happened in a conversation, as lines that read like a chat (see transcript.ts). */
  transcript(ref: ChannelRef, thread?: string): string[] {
    return transcript(this.channel(ref), thread);
  }

  /** The status line of a thread now; null = none. */
  status(ref: ChannelRef, thread: string): ThreadStatus | null {
    return this.world.threads.status(this.channel(ref).id, thread);
  }

  /** Every status that was ever set, "" for cleared ones. */
  get statuses(): AgentThreads["history"] {
    return this.world.threads.history;
  }

  /** The prompts a direct message offers. */
  prompts(ref: ChannelRef): readonly { title: string; message: string }[] {
    return this.world.threads.prompts.get(this.channel(ref).id) ?? [];
  }

  /** The title an assistant gave a thread; null = none. */
  title(ref: ChannelRef, thread: string): string | null {
    return this.world.threads.titles.get(key(this.channel(ref).id, thread)) ?? null;
  }

  /** The agent session of a thread. */
  session(ref: ChannelRef, thread: string): { status: SessionStatus; title: string } | undefined {
    return this.world.threads.session(this.channel(ref).id, thread);
  }

  /** Every call, in the order of arrival. */
  get journal(): readonly JournalEntry[] {
    return this.world.journal.entries;
  }

  calls(method: string, ref?: ChannelRef): JournalEntry[] {
    const id = ref === undefined ? undefined : this.channel(ref).id;
    return this.journal.filter((entry) => entry.method === method && (id === undefined || entry.channel === id));
  }

  /** Calls made before an announced wait was over. */
  get earlyCalls(): readonly JournalEntry[] {
    return this.world.journal.earlyCalls;
  }

  /** How many calls were told to wait. */
  get rateLimited(): number {
    return this.world.journal.rateLimited;
  }

  /** "method.argument" → how often an argument came that the method does not have. Slack ignores those. */
  get unknownFields(): ReadonlyMap<string, number> {
    return this.#server.unknownFields;
  }

  /** Everything the app ever sent that Slack would make live, or fetch. @param allow tokens that are meant, "<@U…>" */
  liveMentions(allow: readonly string[] = []): LiveFinding[] {
    return this.world.live.findings.filter(({ found }) => !allow.includes(found));
  }

  /** Every try to tell the app something. */
  get deliveries(): readonly Delivery[] {
    return this.world.deliveries.tries;
  }

  /** Events under way: not acknowledged yet, or waiting for another try. */
  get pendingEvents(): number {
    return this.world.deliveries.open;
  }

  /** What nobody acknowledged in all its tries. */
  get lostEvents(): readonly Outgoing[] {
    return this.world.deliveries.givenUp;
  }

  /** The open Socket Mode connections. */
  get connections(): readonly SocketConnection[] {
    return this.sockets.open;
  }

  /** Tells an event again, beside whatever is under way: one of the repeats Slack makes now and then. */
  repeatEvent(eventId: string): void {
    this.world.deliveries.repeat(eventId);
  }

  /** Keeps all events back until the hold is released, in any order. */
  holdEvents(): Hold {
    return this.world.deliveries.hold();
  }

  /** Every event is told this late. */
  delayEvents(ms: number): void {
    this.world.deliveries.delayMs = ms;
  }

  /** Resolves with the first truthy value of the condition, which is checked on every change; rejects after the time. */
  until<T>(condition: () => T, timeoutMs = 5000): Promise<T> {
    return this.world.changes.until(condition, timeoutMs, () => `last calls:\n${tail(this.journal)}`);
  }

  /** Calls `run` after every change. @returns ends that */
  watch(run: () => void): () => void {
    return this.world.changes.watch(run);
  }

  /** Arms a fault for coming calls. */
  fault(spec: FaultSpec): FaultHandle {
    return this.#server.faults.add(spec);
  }

  /** Connections are accepted, but no call is answered any more. */
  blackhole(on: boolean): void {
    this.#server.blackhole = on;
  }

  /** Every answer comes this late. */
  latency(ms: number): void {
    this.#server.latencyMs = ms;
  }

  /** Empties the journal and the list of deliveries, for long measurements. Conversations keep their messages. */
  forget(): void {
    this.world.journal.entries.length = 0;
    this.world.deliveries.tries.length = 0;
  }

  /** Ends all connections and timers. */
  async close(): Promise<void> {
    this.world.timers.clear();
    this.sockets.close();
    this.http.close();
    await this.#server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
