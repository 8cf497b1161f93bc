import { ApiServer } from "./api-server.ts";
import { Changes } from "./changes.ts";
import type { FakeMessage } from "./chats.ts";
import type { FaultHandle, FaultSpec } from "./faults.ts";
import { Journal, tail, type JournalEntry } from "./journal.ts";
import { NO_LIMITS, RateLimits, TELEGRAM_LIMITS, type Limits } from "./limits.ts";
import { People, type ChatRef } from "./people.ts";
import { Timers } from "./timers.ts";
import { transcript } from "./transcript.ts";
import { postJson, SECRET_HEADER, type Delivery } from "./webhook-delivery.ts";
import { FakeBot, type DroppedEntities, type World } from "./world.ts";

/** Not a real token: only its form is Telegram's. */
const TOKEN = "4711000001:AAFakeTokenOnlyForTests_0123456789a";

export interface FakeTelegramOptions {
  /** 0 (default) takes a free one. Always loopback. */
  port?: number;
  /** One bot per token, `<number>:<secret>`. */
  tokens?: string[];
  /** Over Telegram's; "off" for none. A single limit is off when null. */
  limits?: Partial<Limits> | "off";
  latencyMs?: number;
  /** The clock of dates, limits and expiry, ms since the epoch. */
  now?: () => number;
  /** Factor on waits that Telegram imposes: repeated polls, conflicts, webhook retries. */
  timeScale?: number;
  /** Refuse unknown parameters, and formatting that Telegram would leave out, instead of only noting them. */
  strict?: boolean;
  /** false = a server from before rich messages (Bot API 10.0). */
  rich?: boolean;
  /** "light" forgets payloads. */
  journal?: "full" | "light";
  /** Private chats with the bots may have topics. */
  topics?: boolean;
}

/** Starts the fake. Close it when done. */
export async function startFakeTelegram(options: FakeTelegramOptions = {}): Promise<FakeTelegram> {
  const world: World = {
    now: options.now ?? Date.now,
    changes: new Changes(),
    timers: new Timers(),
    timeScale: options.timeScale ?? 1,
    strict: options.strict ?? false,
    rich: options.rich ?? true,
    journal: new Journal(options.journal === "light"),
    deliveries: [],
    droppedEntities: [],
  };
  const tokens = options.tokens ?? [TOKEN];
  const bots = tokens.map((token, index) => new FakeBot(index, token, { topics: options.topics ?? false, world }));
  const limits = new RateLimits(options.limits === "off" ? NO_LIMITS : { ...TELEGRAM_LIMITS, ...options.limits });
  const server = new ApiServer(world, limits, bots);
  server.latencyMs = options.latencyMs ?? 0;
  const url = await server.listen(options.port ?? 0);
  return new FakeTelegram(world, bots, server, limits, url);
}

/** A Telegram of one's own: people write with the methods of `People`, bots call `url`, tests look and break things. */
export class FakeTelegram extends People implements AsyncDisposable {
  /** The apiRoot. */
  readonly url: string;
  readonly limits: Limits;
  #server: ApiServer;

  constructor(world: World, bots: readonly FakeBot[], server: ApiServer, limits: RateLimits, url: string) {
    super(world, bots);
    this.url = url;
    this.limits = limits.limits;
    this.#server = server;
  }

  get token(): string {
    return this.botAt(0).token;
  }

  /** What @BotFather does when somebody asks for another token: the one before is refused at once. */
  changeToken(token: string): void {
    this.botAt(0).token = token;
  }

  get botId(): number {
    return this.botAt(0).id;
  }

  /** Without the @. */
  get botUsername(): string {
    return this.botAt(0).username;
  }

  /** All messages of a chat in order, also removed ones. `thread` null = outside topics. */
  messages(chat: ChatRef, thread?: number | null): FakeMessage[] {
    const all = [...this.chat(chat).messages.values()];
    return thread === undefined ? all : all.filter((message) => message.thread === thread);
  }

  /** The bot's messages that people can see now. */
  botMessages(chat: ChatRef, thread?: number | null): FakeMessage[] {
    return this.messages(chat, thread).filter((message) => message.from === "bot" && !message.deleted);
  }

  /** What happened in a chat, as lines that read like a chat (see transcript.ts). */
  transcript(chat: ChatRef, thread?: number | null): string[] {
    return transcript(this.chat(chat), thread);
  }

  /** Every call, in the order of arrival. */
  get journal(): readonly JournalEntry[] {
    return this.world.journal.entries;
  }

  calls(method: string, chat?: ChatRef): JournalEntry[] {
    const id = chat === undefined ? undefined : this.chat(chat).id;
    return this.journal.filter((entry) => entry.method === method && (id === undefined || entry.chat === id));
  }

  /** Calls made before an announced wait was over. */
  get earlyCalls(): readonly JournalEntry[] {
    return this.#server.earlyCalls;
  }

  /** How many calls were answered with 429. */
  get rateLimited(): number {
    return this.world.journal.rateLimited;
  }

  /** "method.field" → how often a parameter came that the fake does not know. */
  get unknownFields(): ReadonlyMap<string, number> {
    return this.#server.unknownFields;
  }

  /** Formatting that Telegram would silently leave out. */
  get droppedEntities(): readonly DroppedEntities[] {
    return this.world.droppedEntities;
  }

  /** Every POST to a webhook. */
  get deliveries(): readonly Delivery[] {
    return this.world.deliveries;
  }

  /** Updates the bot has not confirmed. */
  pendingUpdates(bot = 0): number {
    return this.botAt(bot).queue.size;
  }

  /** Whether somebody long-polls right now. */
  polling(bot = 0): boolean {
    return this.botAt(bot).poll.waiting;
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

  /** Connections are accepted, but nothing is answered any more and no webhook called. */
  blackhole(on: boolean): void {
    this.#server.blackhole = on;
    for (const bot of this.bots) {
      bot.webhook?.pause(on);
    }
  }

  /** Every answer comes this late. */
  latency(ms: number): void {
    this.#server.latencyMs = ms;
  }

  /** One POST to the bot's webhook outside all queues, with the right secret unless headers say otherwise. */
  async postToWebhook(
    body: string | Buffer,
    headers?: Record<string, string>,
    bot = 0,
  ): Promise<{ status: number; body: string }> {
    const settings = this.botAt(bot).webhook?.settings;
    if (settings === undefined) {
      throw new Error("no webhook is set");
    }
    return postJson(settings.url, body, {
      headers: headers ?? { [SECRET_HEADER]: settings.secret },
      timeoutMs: 10_000,
    });
  }

  /** Empties the journal and the list of deliveries, for long measurements. Chats keep their messages. */
  forget(): void {
    this.world.journal.entries.length = 0;
    this.world.deliveries.length = 0;
  }

  /** Ends all connections and timers. */
  async close(): Promise<void> {
    for (const bot of this.bots) {
      bot.webhook?.close();
    }
    this.world.timers.clear();
    await this.#server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
