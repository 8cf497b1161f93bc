import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { Client } from "pg";
import { onTestFailed, onTestFinished, type TestContext } from "vitest";
import { type FakeModelOptions, type FakeModel, startFakeModel } from "../../fakes/model-server.ts";
import type { JournalEntry } from "../../fakes/model/journal.ts";
import { type FakeSlack, type FakeSlackOptions, startFakeSlack } from "../../fakes/slack/fake-slack.ts";
import type { FakeMessage } from "../../fakes/telegram/chats.ts";
import type { ChatRef } from "../../fakes/telegram/people.ts";
import { type FakeTelegram, type FakeTelegramOptions, startFakeTelegram } from "../../fakes/telegram/fake-telegram.ts";
import { GatewayProcess } from "../gateway-process.ts";
import { freePort } from "../free-port.ts";
import { createTestDatabase } from "../postgres.ts";
import { slackSettings } from "../slack-settings.ts";
import { WebhookRouter } from "./webhook-router.ts";
import { Witness } from "./witness.ts";

const WEBHOOK_SECRET = "webhook-secret-of-the-fault-suite";

export interface StageOptions {
  /** "embedded": no DATABASE_URL, a data directory per replica. */
  engine?: "postgres" | "embedded";
  /** Instead of a database on the shared server; the caller ends it. */
  databaseUrl?: string;
  /** Telegram calls the replicas, through `router`; else one of them polls. */
  webhook?: boolean;
  /** What every replica gets in its environment besides. */
  env?: Record<string, string>;
  model?: FakeModelOptions;
  telegram?: FakeTelegramOptions;
  /** How Slack tells the replicas of its events; absent = there is no Slack. */
  slack?: FakeSlackOptions & { mode: "socket" | "http" };
}

export interface Replica {
  readonly name: string;
  process: GatewayProcess;
  /** What it asks of Telegram, over all its lives. */
  readonly witness: Witness;
  readonly port: number;
  readonly dataDir: string;
}

/**
 * A scene with real processes: the fakes run here, each gateway in a process of its own, reached through a witness. The
 * name of a replica is also the model it asks for, so the model's journal tells who ran what. Everything ends with the
 * test, however it ends.
 */
export class Stage {
  readonly telegram: FakeTelegram;
  readonly model: FakeModel;
  readonly replicas = new Map<string, Replica>();
  readonly #router: WebhookRouter | null;
  readonly #slack: FakeSlack | null;
  readonly #databaseUrl: string | null;
  readonly #env: Record<string, string>;
  readonly #folder: string;
  readonly #closing: (() => Promise<unknown>)[];

  private constructor(parts: {
    telegram: FakeTelegram;
    model: FakeModel;
    router: WebhookRouter | null;
    slack: FakeSlack | null;
    databaseUrl: string | null;
    env: Record<string, string>;
    folder: string;
    closing: (() => Promise<unknown>)[];
  }) {
    this.telegram = parts.telegram;
    this.model = parts.model;
    this.#router = parts.router;
    this.#slack = parts.slack;
    this.#databaseUrl = parts.databaseUrl;
    this.#env = parts.env;
    this.#folder = parts.folder;
    this.#closing = parts.closing;
  }

  /** Belongs to the running test, which ends it; one that runs beside others hands its own context over. */
  static async open(
    options: StageOptions = {},
    test: Pick<TestContext, "onTestFinished" | "onTestFailed"> = { onTestFinished, onTestFailed },
  ): Promise<Stage> {
    const closing: (() => Promise<unknown>)[] = [];
    test.onTestFinished(async () => {
      for (const close of closing.toReversed()) await close().catch(() => undefined);
    });
    const folder = await mkdtemp(path.join(tmpdir(), "parley-stage-"));
    closing.push(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
    let databaseUrl = options.databaseUrl ?? null;
    if (databaseUrl === null && options.engine !== "embedded") {
      const database = await createTestDatabase();
      closing.push(() => database.drop());
      databaseUrl = database.url;
    }
    const telegram = await startFakeTelegram(options.telegram);
    closing.push(() => telegram.close());
    const model = await startFakeModel(options.model);
    closing.push(() => model.close());
    const router = options.webhook ? await WebhookRouter.start() : null;
    if (router) closing.push(() => router[Symbol.asyncDispose]());
    const slack = options.slack ? await startFakeSlack({ strict: true, ackWithinMs: 3_000, ...options.slack }) : null;
    if (slack) closing.push(() => slack.close());
    const slackEnv = slack && options.slack ? slackSettings(slack, options.slack.mode) : {};
    // What is judged here is said in texts, so there are no buttons under them.
    const agents = path.join(folder, "agents");
    const shipped = path.join(import.meta.dirname, "../../../agents");
    for (const card of ["demo.md", "editor.md"]) await cp(path.join(shipped, card), path.join(agents, card));
    await writeFile(path.join(agents, "parley.yaml"), "feedback: off\n");
    const env = { AGENTS_DIR: agents, ...(router ? webhookMode(router) : {}), ...slackEnv, ...options.env };
    const stage = new Stage({ telegram, model, router, slack, databaseUrl, env, folder, closing });
    test.onTestFailed(() => stage.#explain());
    return stage;
  }

  /** Starts a replica, or starts one again that has ended: same port, same data, same witness. Ready unless told not to wait. */
  async start(name: string, options: { env?: Record<string, string>; waitReady?: boolean } = {}): Promise<Replica> {
    const known = this.replicas.get(name);
    const witness = known?.witness ?? (await this.#witness());
    const port = known?.port ?? (await freePort());
    const dataDir = known?.dataDir ?? path.join(this.#folder, name);
    const started = await GatewayProcess.start({
      ...(this.#databaseUrl === null ? {} : { databaseUrl: this.#databaseUrl }),
      dataDir,
      port,
      waitReady: false,
      env: {
        TELEGRAM_BOT_TOKEN: this.telegram.token,
        TELEGRAM_API_ROOT: witness.url,
        OPENAI_API_KEY: "sk-of-the-fault-suite",
        OPENAI_BASE_URL: this.model.url,
        OPENAI_MODEL: name,
        LOG_LEVEL: process.env["TEST_LOG"] ?? "warn",
        ...this.#env,
        ...options.env,
      },
    });
    this.#closing.push(() => started.kill());
    const replica: Replica = { name, process: started, witness, port, dataDir };
    this.replicas.set(name, replica);
    if (this.#env["SLACK_MODE"] === "http") this.slack.http.sendTo(this.slackUrls());
    if (options.waitReady ?? true) await started.ready();
    return replica;
  }

  /** Both at once; the first named one is up first, so it is the one that polls. */
  async startTwo(first = "a", second = "b"): Promise<[Replica, Replica]> {
    const polling = await this.start(first);
    return [polling, await this.start(second)];
  }

  /** The replica that asked the model for an answer. */
  replicaOf(request: JournalEntry | undefined): Replica {
    const replica = this.replicas.get(request?.model ?? "");
    if (!replica) throw new Error("no replica has asked the model for this");
    return replica;
  }

  other(replica: Replica): Replica {
    const other = [...this.replicas.values()].find((each) => each !== replica);
    if (!other) throw new Error("there is no other replica");
    return other;
  }

  /** The bot's n-th visible message of a chat, from 0, as soon as it is there. */
  async botMessage(chat: ChatRef, n = 0, timeoutMs = 15_000): Promise<FakeMessage> {
    return (await this.telegram.until(() => this.telegram.botMessages(chat)[n], timeoutMs))!;
  }

  /** What the model was asked with these words in the last message of a person. */
  asked(words: string): JournalEntry[] {
    return this.model.requests.filter((request) => lastUserText(request).includes(words));
  }

  get router(): WebhookRouter {
    if (this.#router === null) throw new Error("the replicas poll");
    return this.#router;
  }

  get slack(): FakeSlack {
    if (this.#slack === null) throw new Error("there is no Slack on this stage");
    return this.#slack;
  }

  /** Where Slack calls these replicas, all of them if none is named. */
  slackUrls(...replicas: Replica[]): string[] {
    const called = replicas.length > 0 ? replicas : [...this.replicas.values()];
    return called.map(({ process: gateway }) => `${gateway.url}/slack/events`);
  }

  get embedded(): boolean {
    return this.#databaseUrl === null;
  }

  get databaseUrl(): string {
    if (this.#databaseUrl === null) throw new Error("the embedded database is its gateway's alone");
    return this.#databaseUrl;
  }

  /** Rows of the gateways' database: for what is listed, and to turn clocks back. An embedded one only while its gateway is down. */
  async rows<T extends object>(text: string, values: unknown[] = []): Promise<T[]> {
    if (this.#databaseUrl === null) return this.#embeddedRows<T>(text, values);
    const client = new Client({ connectionString: this.#databaseUrl });
    await client.connect();
    try {
      return (await client.query<T>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  async #embeddedRows<T extends object>(text: string, values: unknown[]): Promise<T[]> {
    const [only] = this.replicas.values();
    if (!only || only.process.running) throw new Error("the embedded database is its gateway's alone");
    const database = await PGlite.create(path.join(only.dataDir, "pglite"));
    try {
      return (await database.query<T>(text, values)).rows;
    } finally {
      await database.close();
    }
  }

  async #witness(): Promise<Witness> {
    const witness = await Witness.start(this.telegram.url);
    this.#closing.push(() => witness[Symbol.asyncDispose]());
    return witness;
  }

  #explain(): void {
    for (const { name, process: gateway } of this.replicas.values()) {
      const lines = gateway.output.split("\n").slice(-40).map(shorten);
      process.stderr.write(`--- the last of ${name}'s log\n${lines.join("\n")}\n`);
    }
  }
}

/** What a line of the log is about; lines of other forms as they are. */
function shorten(line: string): string {
  try {
    const { time, msg, err, ...rest } = JSON.parse(line) as Record<string, any>;
    const { level: _level, pid: _pid, hostname: _hostname, ...more } = rest;
    return `${time} ${msg} ${JSON.stringify(more)} ${err?.message ?? ""} ${err?.cause?.message ?? ""}`.trimEnd();
  } catch {
    return line;
  }
}

function webhookMode(router: WebhookRouter): Record<string, string> {
  return { TELEGRAM_MODE: "webhook", PUBLIC_URL: router.url, TELEGRAM_WEBHOOK_SECRET: WEBHOOK_SECRET };
}

export function lastUserText(request: JournalEntry): string {
  const content = request.messages.findLast((message) => message.role === "user")?.content;
  return typeof content === "string" ? content : JSON.stringify(content ?? "");
}
