import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed } from "vitest";
import { listSecrets, readConfig } from "../../src/config.ts";
import { rereadOf } from "../../src/config-live.ts";
import { type RunningGateway, type StartOptions, startGateway } from "../../src/main.ts";
import { createLog } from "../../src/observe/log.ts";
import { type FakeModel, type FakeModelOptions, startFakeModel } from "../fakes/model-server.ts";
import type { JournalEntry } from "../fakes/model/journal.ts";
import { contentText } from "../fakes/model/script.ts";
import { type FakeSlack, type FakeSlackOptions, startFakeSlack } from "../fakes/slack/fake-slack.ts";
import type { FakeChat, FakeMessage, FakeUser } from "../fakes/telegram/chats.ts";
import { type FakeTelegram, type FakeTelegramOptions, startFakeTelegram } from "../fakes/telegram/fake-telegram.ts";
import { freePort } from "./free-port.ts";
import { createTestDatabase } from "./postgres.ts";
import { slackSettings } from "./slack-settings.ts";

export type Engine = "Postgres" | "the embedded database";

/** What must never leave the gateway, in no message and no log: every scene has these. */
export const CANARIES = {
  adminKey: "canary-of-the-admin-key-000000",
  modelKey: "sk-canary-of-the-model-key-000000",
  webhookSecret: "canary_of_the_webhook_secret_000000",
  systemPrompt: "CANARY-OF-THE-SYSTEM-PROMPT",
} as const;

/** Most scenes look at what is said, and not at the buttons under it. */
const NO_THUMBS = "feedback: off\n";

export interface SceneOptions {
  engine?: Engine;
  telegram?: FakeTelegramOptions;
  /** Absent = there is no Slack in the scene. */
  slack?: FakeSlackOptions;
  model?: FakeModelOptions;
  /** Of every gateway of the scene. */
  env?: Record<string, string>;
  /** Lines of the default card's `request_params`. */
  requestParams?: string;
  /** More cards, by the names of their files. */
  cards?: Record<string, string>;
}

export interface GatewayOptions extends StartOptions {
  /** Which of the fake's bots it serves. */
  bot?: number;
  mode?: "polling" | "webhook";
  /** How Slack's events come to it; absent = it serves Telegram alone. */
  slack?: "socket" | "http";
  env?: Record<string, string>;
}

/** Gateways as their users run them, in this process, between a fake Telegram and a fake model. Judged by the fakes. */
export class Scene {
  readonly engine: Engine;
  readonly telegram: FakeTelegram;
  readonly model: FakeModel;
  /** Lines of the gateways' logs. */
  readonly log: string[] = [];
  readonly #options: SceneOptions;
  readonly #slack: FakeSlack | null;
  readonly #folder: string;
  readonly #databases = new Map<number, Record<string, string>>();
  readonly #closing: AsyncDisposableStack;
  readonly #running = new Set<RunningGateway>();
  readonly #slackUrls = new Map<RunningGateway, string>();
  readonly #onSockets = new Set<RunningGateway>();

  private constructor(parts: {
    options: SceneOptions;
    telegram: FakeTelegram;
    slack: FakeSlack | null;
    model: FakeModel;
    folder: string;
    closing: AsyncDisposableStack;
  }) {
    this.engine = parts.options.engine ?? "Postgres";
    this.telegram = parts.telegram;
    this.model = parts.model;
    this.#options = parts.options;
    this.#slack = parts.slack;
    this.#folder = parts.folder;
    this.#closing = parts.closing;
  }

  static async open(options: SceneOptions = {}): Promise<Scene> {
    const closing = new AsyncDisposableStack();
    const folder = await mkdtemp(path.join(tmpdir(), "parley-scene-"));
    closing.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
    const telegram = closing.use(await startFakeTelegram(options.telegram));
    const slack = options.slack
      ? closing.use(await startFakeSlack({ strict: true, ackWithinMs: 3_000, ...options.slack }))
      : null;
    const model = await startFakeModel({ apiKey: CANARIES.modelKey, ...options.model });
    closing.defer(() => model.close());
    await mkdir(path.join(folder, "agents"));
    const card = `---\ndefault: true\n${requestParams(options)}---\nYou are a test. ${CANARIES.systemPrompt}\n`;
    for (const [name, text] of Object.entries({ "tester.md": card, ...options.cards })) {
      await writeFile(path.join(folder, "agents", name), text);
    }
    await writeFile(path.join(folder, "agents", "parley.yaml"), NO_THUMBS);
    return new Scene({ options, telegram, slack, model, folder, closing });
  }

  get slack(): FakeSlack {
    if (!this.#slack) throw new Error("there is no Slack in this scene");
    return this.#slack;
  }

  /** What stands in `parley.yaml` for the gateways that start from now on; without thumbs unless it says so. */
  async set(settings: string): Promise<void> {
    const text = /^feedback:/m.test(settings) ? settings : `${NO_THUMBS}${settings}`;
    await writeFile(path.join(this.#folder, "agents", "parley.yaml"), text);
  }

  /** Starts a gateway and waits until it is ready. Each bot has a database of its own, which its gateways share. */
  async start(options: GatewayOptions = {}): Promise<RunningGateway> {
    const { bot = 0, mode = "polling", slack, env, ...rest } = options;
    const port = await freePort();
    const settings = {
      PORT: String(port),
      ...(await this.#database(bot)),
      AGENTS_DIR: path.join(this.#folder, "agents"),
      ACCESS: "open",
      ADMIN_API_KEY: CANARIES.adminKey,
      TELEGRAM_BOT_TOKEN: this.telegram.bots[bot]?.token,
      TELEGRAM_API_ROOT: this.telegram.url,
      TELEGRAM_MODE: mode,
      ...(mode === "webhook"
        ? { PUBLIC_URL: `http://127.0.0.1:${port}`, TELEGRAM_WEBHOOK_SECRET: CANARIES.webhookSecret }
        : {}),
      ...(slack ? slackSettings(this.slack, slack) : {}),
      OPENAI_API_KEY: CANARIES.modelKey,
      OPENAI_BASE_URL: this.model.url,
      OPENAI_MODEL: "fake-model",
      ...this.#options.env,
      ...env,
    };
    const config = readConfig(settings);
    const destination = { write: (line: string) => void this.log.push(line) };
    const secrets = new Set(listSecrets(config));
    const log = createLog({ level: "info", secrets, destination });
    const newestSocket = () => Math.max(0, ...(this.#slack?.connections ?? []).map(({ number }) => number));
    const before = newestSocket();
    const running = await startGateway(config, {
      log,
      secrets,
      reread: { read: rereadOf(settings), everyMs: 50 },
      ...rest,
    });
    this.#running.add(running);
    await until("the gateway is ready", async () => (await fetch(`${running.url}/readyz`)).ok, 40_000);
    if (slack === "http") this.#callOverHttp(running);
    // What is pressed where no socket is open is lost, at Slack too. Only one replica has sockets.
    if (slack === "socket" && this.#onSockets.size === 0) await this.slack.until(() => newestSocket() > before, 10_000);
    if (slack === "socket") this.#onSockets.add(running);
    return running;
  }

  /** Slack calls all that are reached over HTTP, each in turn. */
  #callOverHttp(running: RunningGateway): void {
    this.#slackUrls.set(running, `${running.url}/slack/events`);
    this.slack.http.sendTo([...this.#slackUrls.values()]);
  }

  /** The database of one bot, made when it is first asked for. */
  async #database(bot: number): Promise<Record<string, string>> {
    const known = this.#databases.get(bot);
    if (known) return known;
    const settings: Record<string, string> = { DATA_DIR: path.join(this.#folder, `data-${bot}`) };
    if (this.engine === "Postgres") {
      const database = await createTestDatabase();
      this.#closing.defer(() => database.drop());
      settings["DATABASE_URL"] = database.url;
    }
    this.#databases.set(bot, settings);
    return settings;
  }

  /** Stops one gateway; its runs are left for another one after `graceMs`. */
  async stop(running: RunningGateway, graceMs = 0): Promise<void> {
    this.#running.delete(running);
    this.#onSockets.delete(running);
    if (this.#slackUrls.delete(running)) this.slack.http.sendTo([...this.#slackUrls.values()]);
    await running.stop(graceMs);
  }

  async close(): Promise<void> {
    for (const running of this.#running) await this.stop(running);
    await this.#closing.disposeAsync();
  }

  /** A person with a private chat. */
  person(name: string, bot = 0): Person {
    const user = this.telegram.user(1000 + ++people, name);
    return { user, chat: this.telegram.privateChat(user, bot) };
  }

  /** Writes in a chat, to the bot by its name if it is a group, and resolves with the model's request for it. */
  async ask(chat: FakeChat, from: FakeUser, text: string, thread?: number): Promise<JournalEntry> {
    const call = chat.type === "private" ? "" : `@${this.telegram.bots[chat.bot]?.username} `;
    const where = thread === undefined ? {} : { thread };
    return this.requestFor(text, () => void this.telegram.say({ chat, from, text: call + text, ...where }));
  }

  /** Lets somebody say the text, and resolves with the model's request for it. */
  async requestFor(text: string, say: () => void, timeoutMs?: number): Promise<JournalEntry> {
    const before = this.model.requests.length;
    say();
    const asked = () => this.model.requests.slice(before).find((request) => turnOf(request).includes(text));
    await this.model.until(() => asked() !== undefined, timeoutMs);
    return asked()!;
  }

  /** Resolves once the chat shows the text in a message of the bot. */
  async shows(chat: FakeChat, text: string, options: { thread?: number; timeoutMs?: number } = {}): Promise<void> {
    const { thread, timeoutMs = 30_000 } = options;
    await this.telegram.until(
      () => this.telegram.botMessages(chat, thread).some((message) => message.text === text),
      timeoutMs,
    );
  }

  /** Writes in a chat and waits for the whole answer; resolves with the request. */
  async converse(chat: FakeChat, from: FakeUser, text: string, thread?: number): Promise<JournalEntry> {
    const request = await this.ask(chat, from, text, thread);
    await this.model.until(() => request.closedAt !== null);
    const isWhole = ({ text: shown, keyboard }: FakeMessage) => shown === request.sentText && keyboard === null;
    await this.telegram.until(() => this.telegram.botMessages(chat, thread).some(isWhole), 30_000);
    return request;
  }

  /** A call of a gateway's API, as the admin for `user`. */
  async api(running: RunningGateway, method: string, route: string, body?: object, user = "ann"): Promise<Response> {
    const headers = { authorization: `Bearer ${CANARIES.adminKey}`, "parley-user": user };
    return fetch(`${running.url}${route}`, {
      method,
      headers: body ? { ...headers, "content-type": "application/json" } : headers,
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  }

  /** For whoever reads of a failure. */
  explain(): void {
    const calls = this.telegram.journal.slice(-20).map(({ method, chat, outcome }) => `${method} ${chat} → ${outcome}`);
    const waiting = this.telegram.bots.map((_, bot) => this.telegram.pendingUpdates(bot));
    const slack = this.#slack?.journal.slice(-20) ?? [];
    calls.push(...slack.map(({ method, channel, outcome }) => `${method} ${channel} → ${outcome}`));
    const parts = [...this.log.slice(-30), ...calls, `updates that wait: ${waiting.join(", ")}`];
    process.stderr.write(`--- ${this.engine}\n${parts.join("\n")}\n`);
  }

  /** Everything the gateways sent to the platforms for people, as JSON. */
  get sentToPeople(): string[] {
    const toTelegram = this.telegram.journal.filter(({ method }) => method !== "setWebhook");
    const payloads = [
      ...toTelegram.map(({ payload }) => payload),
      ...(this.#slack?.journal ?? []).map(({ args }) => args),
    ];
    return payloads.map((payload) => JSON.stringify(payload));
  }

  /** Everything the gateways sent to the model, as JSON. */
  get sentToModel(): string[] {
    return this.model.requests.map(({ body }) => JSON.stringify(body));
  }

  /** Secrets that went where they must not go; and what broke the fake's rules without being refused. */
  leaks(): string[] {
    const { systemPrompt, ...secrets } = CANARIES;
    const tokens = this.telegram.bots.map(({ token }) => token);
    const everywhere = [...Object.values(secrets), ...tokens, ...slackSecrets(this.#slack)];
    const { sentToPeople } = this;
    return [
      ...[...everywhere, systemPrompt].filter((canary) => sentToPeople.some((sent) => sent.includes(canary))),
      ...everywhere.filter((canary) => this.sentToModel.some((sent) => sent.includes(canary))),
      ...[...everywhere, systemPrompt].filter((canary) => this.log.some((line) => line.includes(canary))),
      ...[...textsOnTelegram(this.telegram), ...textsOnSlack(this.#slack)].filter(isUnfitForPeople),
      ...this.telegram.unknownFields.keys(),
      ...(this.#slack?.unknownFields.keys() ?? []),
      ...(this.#slack?.liveMentions() ?? []).map((live) => `live on Slack: ${JSON.stringify(live)}`),
      ...this.telegram.droppedEntities.map(({ why }) => why),
    ];
  }
}

export interface Person {
  user: FakeUser;
  chat: FakeChat;
}

let people = 0;

/** The same suite with a scene on each engine, named in the titles. The scene is there from the first test on. */
export function onBothEngines(options: SceneOptions, suite: (scene: () => Scene) => void): void {
  describe.each<Engine>(["Postgres", "the embedded database"])("on %s", (engine) => {
    suite(sceneOf({ ...options, engine }));
  });
}

/** A scene for all tests of the surrounding suite, at whose end nothing may have leaked. */
export function sceneOf(options: SceneOptions): () => Scene {
  let scene: Scene | null = null;
  beforeAll(async () => {
    scene = await Scene.open(options);
  });
  beforeEach(() => onTestFailed(() => scene?.explain()));
  afterAll(async () => {
    await scene?.close();
    expect(scene?.leaks()).toEqual([]);
  });
  return () => {
    if (!scene) throw new Error("the scene opens before the first test");
    return scene;
  };
}

/** What a person said last, as the model got it. */
export function turnOf(request: JournalEntry): string {
  return contentText(request.messages.findLast(({ role }) => role === "user"));
}

const UNFIT = [
  /\d{5,}:[\w-]{20,}|\bsk-\w|Bearer /,
  /^ +at .+:\d+:\d+|\.[jt]s:\d+|\b[A-Z]\w*Error:|\bE[A-Z]{4,}:|node_modules|\bundefined\b|\[object /m,
  /\bselect\b.+\bfrom\b.+\bwhere\b|\binsert into\b|\bdelete from\b|\brelation "|duplicate key|SQLSTATE/i,
  /(^|[\s"'(])\/(home|tmp|work|usr|var|app|etc|root)\//,
];

/** Whether a text for people holds a token, a stack, SQL or a path. */
export function isUnfitForPeople(text: string): boolean {
  return UNFIT.some((pattern) => pattern.test(text));
}

/** What the bot said on Telegram, in all versions it ever had, drafts as well. */
function textsOnTelegram(telegram: FakeTelegram): string[] {
  const chats = telegram.bots.flatMap((bot) => [...bot.chats.values()]);
  const messages = chats.flatMap((chat) => telegram.messages(chat)).filter(({ from }) => from === "bot");
  const drafts = chats.flatMap((chat) => chat.events.flatMap((event) => (event.kind === "draft" ? [event.draft] : [])));
  return [...messages.flatMap(({ versions }) => versions), ...drafts].map(({ text }) => text);
}

/** What the app said on Slack: everything its calls brought, blocks as well as the text of notifications. */
function textsOnSlack(slack: FakeSlack | null): string[] {
  const parts = (slack?.journal ?? []).flatMap(({ args }) => [
    args["text"],
    args["blocks"],
    args["chunks"],
    args["status"],
  ]);
  return parts.map((part) => (typeof part === "string" ? part : JSON.stringify(part ?? "")));
}

function slackSecrets(slack: FakeSlack | null): string[] {
  return slack ? [slack.app.botToken, slack.app.appToken, slack.app.signingSecret] : [];
}

/** Waits for a condition; rejects with its name when the deadline is over. */
async function until(what: string, condition: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function requestParams({ requestParams: lines }: SceneOptions): string {
  return lines === undefined ? "" : `request_params:\n  ${lines}\n`;
}
