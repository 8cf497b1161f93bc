import { readFileSync } from "node:fs";
import type { BusyPolicy } from "./agent/busy-policy.ts";
import type { VariableLookup } from "./agent/read-card.ts";
import { findMisspelt, SECRET_NAMES } from "./config-names.ts";
import { type OtlpConfig, readOtlp } from "./config-otlp.ts";
import { ConfigReader, type Environment, isAddressRange, type ReadFile } from "./config-reader.ts";
import { readWeb, type WebConfig } from "./config-web.ts";

const ACCESS_MODES = ["pairing", "allowlist", "open"] as const;
const BUSY_POLICIES = ["interrupt", "steer", "queue", "parallel", "reject"] as const satisfies BusyPolicy[];
const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
const TELEGRAM_ROOT = "https://api.telegram.org";
/** https://core.telegram.org/bots/api#setwebhook, notes ("" = the protocol's own, 443). */
const TELEGRAM_WEBHOOK_PORTS = ["", "443", "80", "88", "8443"];
/** 1–256 characters, https://core.telegram.org/bots/api#setwebhook; the lower bound is ours. */
const WEBHOOK_SECRET = { pattern: /^[\w-]+$/, characters: "A-Z, a-z, 0-9, _ and -", min: 24, max: 256 };
const ADMIN_KEY = { pattern: /^[\x21-\x7e]+$/, characters: "visible ASCII characters", min: 24, max: 512 };
/** Of an account; https://core.telegram.org/bots/faq "My bot is hitting limits": 30, paid broadcasts up to 1000. */
const TELEGRAM_CALLS = { usual: 30, max: 1_000 };
/** 100 a second: nobody but a program that has gone wild meets it. */
const API_CALLS = { usual: 6_000, max: 1_000_000 };
/** Slack makes them, 32 hexadecimal digits; the lower bound is ours. */
const SIGNING_SECRET = {
  pattern: /^[\x21-\x7e]+$/,
  characters: "visible ASCII characters",
  min: 24,
  max: 256,
  remedy: "Copy it from your app's page at api.slack.com, Basic Information.",
};
const OPENAI_ROOT = "https://api.openai.com/v1";
/** OpenAI's model for everyday work as of 2026-11. */
const OPENAI_MODEL = "gpt-6.1-terra";

export type Access = (typeof ACCESS_MODES)[number];
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Config {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Without a slash at its end. */
  readonly publicUrl: string | null;
  /** Addresses and CIDR ranges whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  /** Of one key of the API, and of one person, by all replicas. */
  readonly apiCallsPerMinute: number;
  /** A server, or the embedded engine in the data directory. */
  readonly database: { readonly url: string; readonly migrateUrl: string | null } | { readonly dataDir: string };
  readonly dataDir: string;
  /** `allowedUsers`: `telegram:123`, `slack:T1:U2`. */
  readonly access: { readonly mode: Access; readonly allowedUsers: ReadonlySet<string> };
  /** Null = off. */
  readonly telegram: TelegramConfig | null;
  /** Null = off. */
  readonly slack: SlackConfig | null;
  /** Null = the demo agent answers from its script. A server of one's own may need no key. */
  readonly model: { readonly apiKey: string | null; readonly baseUrl: string; readonly model: string } | null;
  /** Of agents whose card names none, as `provider.model` or as a model of the provider above. */
  readonly defaultModel: string;
  /** Null = traces stay here. */
  readonly otlp: OtlpConfig | null;
  /** Null = speech stays unheard. At the model's provider. */
  readonly transcription: { readonly apiKey: string | null; readonly baseUrl: string; readonly model: string } | null;
  readonly agentsDir: string;
  readonly web: WebConfig;
  /** Null = the one whose card says `default`. */
  readonly defaultAgent: string | null;
  /** Where the MCP servers stand; `required`: the operator named the file. `stdio`: they may be processes of ours. */
  readonly mcp: { readonly path: string; readonly required: boolean; readonly stdio: boolean };
  readonly onBusy: BusyPolicy;
  /** Null = the key in the data directory. */
  readonly adminApiKey: string | null;
  readonly logLevel: LogLevel;
}

/** `apiRoot` and `publicUrl` have no slash at their end. */
export type TelegramConfig = {
  readonly botToken: string;
  readonly apiRoot: string;
  readonly callsPerSecond: number;
  /** Answers in private chats grow as drafts of Telegram's own. */
  readonly drafts: boolean;
  /** Whether tables and tasks go as rich messages, where the server takes them. */
  readonly rich: "off" | "auto";
} & (
  | { readonly mode: "polling" }
  | { readonly mode: "webhook"; readonly publicUrl: string; readonly webhookSecret: string }
);

/** `apiUrl` has no slash at its end; null = Slack's own. `dm`: whether a direct message's talk is its thread. */
export type SlackConfig = {
  readonly botToken: string;
  readonly apiUrl: string | null;
  readonly dm: "thread" | "channel";
  readonly stream: boolean;
} & (
  | { readonly mode: "socket"; readonly appToken: string }
  | { readonly mode: "http"; readonly signingSecret: string }
);

/** Everything that is wrong with the configuration, one line per fault. No value is ever part of it. */
export class ConfigFaults extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(["The configuration cannot be used:", ...faults].join("\n"));
    this.name = "ConfigFaults";
    this.faults = faults;
  }
}

/** Reads every setting (they are listed in .env.example). Throws `ConfigFaults` with all faults at once. */
export function readConfig(
  env: Environment = process.env,
  readFile: ReadFile = (path) => readFileSync(path, "utf8"),
): Config {
  const reader = new ConfigReader(env, readFile);
  for (const [name, meant] of findMisspelt(env)) {
    reader.fault(name, `is not a setting. ${meant === null ? "Remove it" : `Write ${meant}`}.`);
  }
  const publicUrl = reader.url("PUBLIC_URL");
  const dataDir = reader.path("DATA_DIR", "./data");
  const model = readModel(reader);
  const config: Config = {
    host: readHost(reader),
    port: readPort(reader),
    publicUrl,
    trustedProxies: readTrustedProxies(reader),
    apiCallsPerMinute: readCount(reader, "API_CALLS_PER_MINUTE", API_CALLS),
    database: readDatabase(reader, dataDir),
    dataDir,
    access: readAccess(reader),
    telegram: readTelegram(reader, publicUrl),
    slack: readSlack(reader),
    model,
    defaultModel: reader.text("OPENAI_MODEL") ?? OPENAI_MODEL,
    transcription: readTranscription(reader, model),
    otlp: readOtlp(reader),
    web: readWeb(reader),
    agentsDir: reader.path("AGENTS_DIR", "./agents"),
    defaultAgent: readDefaultAgent(reader),
    mcp: {
      path: reader.path("MCP_CONFIG", "./fastagent.config.yaml"),
      required: reader.text("MCP_CONFIG") !== null,
      stdio: reader.choice("MCP_STDIO", ["true", "false"], "false") === "true",
    },
    onBusy: reader.choice("ON_BUSY", BUSY_POLICIES, "interrupt"),
    adminApiKey: reader.key("ADMIN_API_KEY", ADMIN_KEY),
    logLevel: reader.choice("LOG_LEVEL", LOG_LEVELS, "info"),
  };
  if (reader.faults.length > 0) throw new ConfigFaults(reader.faults);
  return freeze(config);
}

/** What must never be seen anywhere: for the log's redaction. */
export function listSecrets(config: Config): string[] {
  const { database, telegram, slack, model } = config;
  const urls = "url" in database ? [database.url, database.migrateUrl ?? database.url] : [];
  const passwords = urls.flatMap((url) => [new URL(url).password, new URL(url).searchParams.get("password")]);
  const webhookSecret = telegram?.mode === "webhook" ? telegram.webhookSecret : null;
  const ofSlack = slack ? [slack.botToken, slack.mode === "socket" ? slack.appToken : slack.signingSecret] : [];
  const ofTelegram = [telegram?.botToken, webhookSecret];
  // Of `Basic <secret>` and the like also the secret alone.
  const ofOtlp = Object.values(config.otlp?.headers ?? {}).flatMap((value) => [value, value.replace(/^\w+ +/, "")]);
  const keys = [model?.apiKey, config.adminApiKey, config.web.oidc?.clientSecret];
  const all = [...urls, ...passwords, ...ofTelegram, ...ofSlack, ...ofOtlp, ...keys];
  return [...new Set(all)].filter((secret): secret is string => typeof secret === "string" && secret !== "");
}

/** Names under which other programs keep their secrets. */
const SECRET_LIKE = /TOKEN|SECRET|PASSW(OR)?D|CREDENTIAL|APIKEY|(^|_)(KEYS?|PASS|PWD|AUTH|COOKIE|DSN)(_|$)/i;
const URL_WITH_PASSWORD = /:\/\/[^/\s]*:[^/\s]*@/;
/** What is shorter is in many values by chance. */
const TELLING_CHARS = 8;

/**
 * The variables of the environment that cards may name. None is a secret, by its name or by what it holds: the
 * gateway's own are known, and `also`, which may grow; others are told by how they look.
 */
export function cardVariables(
  config: Config,
  env: Environment = process.env,
  also: ReadonlySet<string> = new Set(),
): VariableLookup {
  const own = new Set<string>(SECRET_NAMES.flatMap((name) => [name, `${name}_FILE`]));
  const holdsOne = (value: string) =>
    [...listSecrets(config), ...also].some(
      (secret) => value === secret || (secret.length >= TELLING_CHARS && value.includes(secret)),
    );
  return (name) => {
    if (own.has(name) || SECRET_LIKE.test(name)) return null;
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (value === undefined) return undefined;
    return URL_WITH_PASSWORD.test(value) || holdsOne(value) ? null : value;
  };
}

/** The variables that MCP servers and providers may name: all of them, because no word of them reaches a model or a log. */
export function serverVariables(env: Environment = process.env): (name: string) => string | undefined {
  return (name) => (Object.hasOwn(env, name) && env[name] !== "" ? env[name] : undefined);
}

/** Those that cards' own servers may name: a card that came from somewhere else is not to carry the gateway's keys away. */
export function cardServerVariables(env: Environment = process.env): (name: string) => string | undefined {
  const own = new Set<string>(SECRET_NAMES.flatMap((name) => [name, `${name}_FILE`]));
  const lookup = serverVariables(env);
  return (name) => (own.has(name) ? undefined : lookup(name));
}

function readHost(reader: ConfigReader): string {
  const host = reader.text("HOST") ?? "127.0.0.1";
  if (!/^[\w.:-]{1,253}$/.test(host)) reader.fault("HOST", "is not an address. Write one, for example 127.0.0.1.");
  return host;
}

function readPort(reader: ConfigReader): number {
  const text = reader.text("PORT") ?? "3000";
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) reader.fault("PORT", "is not a port. Write a whole number from 0 to 65535.");
  return port;
}

function readTrustedProxies(reader: ConfigReader): string[] {
  return reader.list("TRUSTED_PROXIES").flatMap(({ entry, no }) => {
    if (isAddressRange(entry)) return [entry];
    reader.fault("TRUSTED_PROXIES", `has no address as entry ${no}. Write addresses or ranges like 10.0.0.0/8.`);
    return [];
  });
}

export function readDatabase(reader: ConfigReader, dataDir: string): Config["database"] {
  const read = (name: "DATABASE_URL" | "MIGRATE_DATABASE_URL"): string | null => {
    const text = reader.text(name);
    if (text === null || (/^postgres(ql)?:\/\//.test(text) && URL.canParse(text))) return text;
    return reader.fault(name, "is not the URL of a Postgres. Write postgres://user:password@host:5432/database.");
  };
  const url = read("DATABASE_URL");
  const migrateUrl = read("MIGRATE_DATABASE_URL");
  if (url !== null) return { url, migrateUrl };
  if (migrateUrl !== null && !reader.isFaulty("DATABASE_URL")) {
    reader.fault("MIGRATE_DATABASE_URL", "is set but DATABASE_URL is not. Set both, or none for the embedded engine.");
  }
  return { dataDir };
}

function readAccess(reader: ConfigReader): Config["access"] {
  const mode = reader.choice("ACCESS", ACCESS_MODES, "pairing");
  const allowedUsers = new Set<string>();
  const entries = reader.list("ALLOWED_USERS");
  for (const { entry, no } of entries) {
    const fault = faultOfUser(entry);
    if (fault === null) allowedUsers.add(entry);
    else reader.fault("ALLOWED_USERS", `entry ${no} ${fault}`);
  }
  if (mode === "allowlist" && entries.length === 0) {
    reader.fault("ALLOWED_USERS", "is empty, so ACCESS=allowlist would let nobody in. List users like telegram:123.");
  }
  return { mode, allowedUsers };
}

/** Only ids that nobody can change or take over decide access. */
function faultOfUser(entry: string): string | null {
  if (/^telegram:[1-9]\d{0,15}$/.test(entry) || /^slack:[TE][A-Z0-9]+:[UW][A-Z0-9]+$/.test(entry)) return null;
  if (/^telegram:-\d+$/.test(entry)) return "is a chat, not a person. Write the person's number, like telegram:123.";
  if (/^(telegram:)?@?[a-z]\w*$/i.test(entry)) {
    return "is a user name, which another person may take over. Write the immutable number, like telegram:123.";
  }
  return "is not a user. Write telegram:<number> or slack:<team id>:<user id>.";
}

function readTelegram(reader: ConfigReader, publicUrl: string | null): TelegramConfig | null {
  const botToken = reader.text("TELEGRAM_BOT_TOKEN");
  const apiRoot = reader.url("TELEGRAM_API_ROOT") ?? TELEGRAM_ROOT;
  const mode = reader.choice("TELEGRAM_MODE", ["polling", "webhook"], "polling");
  const callsPerSecond = readCount(reader, "TELEGRAM_CALLS_PER_SECOND", TELEGRAM_CALLS);
  const drafts = reader.choice("TELEGRAM_DRAFTS", ["true", "false"], "false") === "true";
  const rich = reader.choice("TELEGRAM_RICH", ["off", "auto"], "off");
  const webhookSecret = reader.key("TELEGRAM_WEBHOOK_SECRET", WEBHOOK_SECRET);
  if (botToken === null) return null;
  if (!/^\d{1,20}:[\w-]{20,}$/.test(botToken)) {
    reader.fault("TELEGRAM_BOT_TOKEN", "does not look like <digits>:<letters>. Copy it again from @BotFather.");
  }
  const shared = { botToken, apiRoot, callsPerSecond, drafts, rich };
  if (mode === "polling") return { ...shared, mode };
  if (webhookSecret === null && !reader.isFaulty("TELEGRAM_WEBHOOK_SECRET")) {
    reader.fault(
      "TELEGRAM_WEBHOOK_SECRET",
      "is missing, and without it anybody could forge messages. Make one with: openssl rand -hex 32",
    );
  }
  if (publicUrl === null) {
    if (!reader.isFaulty("PUBLIC_URL"))
      reader.fault("PUBLIC_URL", "is needed for TELEGRAM_MODE=webhook. Write the https address Telegram shall call.");
  } else if (new URL(apiRoot).hostname === new URL(TELEGRAM_ROOT).hostname) {
    const { protocol, port } = new URL(publicUrl);
    if (protocol !== "https:") reader.fault("PUBLIC_URL", "must be https: Telegram calls no other webhooks.");
    else if (!TELEGRAM_WEBHOOK_PORTS.includes(port)) {
      reader.fault("PUBLIC_URL", "has a port Telegram does not call. Use 443, 80, 88 or 8443.");
    }
  }
  return { ...shared, mode, publicUrl: publicUrl ?? "", webhookSecret: webhookSecret ?? "" };
}

function readSlack(reader: ConfigReader): SlackConfig | null {
  const botToken = reader.text("SLACK_BOT_TOKEN");
  const appToken = readSlackToken(reader, "SLACK_APP_TOKEN", "xapp-", "Basic Information, App-Level Tokens");
  const signingSecret = reader.key("SLACK_SIGNING_SECRET", SIGNING_SECRET);
  const apiUrl = reader.url("SLACK_API_URL");
  const mode = reader.choice("SLACK_MODE", ["socket", "http"], appToken === null && signingSecret ? "http" : "socket");
  const dm = reader.choice("SLACK_DM", ["thread", "channel"], "thread");
  const stream = reader.choice("SLACK_STREAM", ["true", "false"], "false") === "true";
  if (botToken === null) return null;
  readSlackToken(reader, "SLACK_BOT_TOKEN", "xoxb-", "OAuth & Permissions");
  const isChosen = reader.text("SLACK_MODE") !== null;
  if (mode === "http") {
    if (signingSecret === null && !reader.isFaulty("SLACK_SIGNING_SECRET")) {
      reader.fault("SLACK_SIGNING_SECRET", `is missing: anybody could forge messages. ${SIGNING_SECRET.remedy}`);
    }
    return { botToken, apiUrl, dm, stream, mode, signingSecret: signingSecret ?? "" };
  }
  if (appToken === null && !reader.isFaulty("SLACK_APP_TOKEN") && !reader.isFaulty("SLACK_SIGNING_SECRET")) {
    const otherwise = isChosen ? "write SLACK_MODE=http" : "SLACK_SIGNING_SECRET for HTTP";
    reader.fault("SLACK_APP_TOKEN", `is missing. Set it for Socket Mode, or ${otherwise}.`);
  }
  return { botToken, apiUrl, dm, stream, mode, appToken: appToken ?? "" };
}

function readSlackToken(
  reader: ConfigReader,
  name: "SLACK_BOT_TOKEN" | "SLACK_APP_TOKEN",
  prefix: string,
  where: string,
): string | null {
  const token = reader.text(name);
  if (token === null || (token.startsWith(prefix) && /^[\w-]{15,512}$/.test(token))) return token;
  return reader.fault(name, `is not a token that starts with ${prefix}. Copy it from your app's page, ${where}.`);
}

function readCount(
  reader: ConfigReader,
  name: "TELEGRAM_CALLS_PER_SECOND" | "API_CALLS_PER_MINUTE",
  { usual, max }: { usual: number; max: number },
): number {
  const text = reader.text(name) ?? String(usual);
  const count = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= max) return count;
  reader.fault(name, `is out of range. Write a whole number from 1 to ${max}.`);
  return usual;
}

function readModel(reader: ConfigReader): Config["model"] {
  const apiKey = reader.text("OPENAI_API_KEY");
  const ownRoot = reader.url("OPENAI_BASE_URL");
  const model = reader.text("OPENAI_MODEL") ?? OPENAI_MODEL;
  // Header values and request lines: nothing else may come from here.
  if (apiKey !== null && !/^[\x21-\x7e]+$/.test(apiKey)) {
    reader.fault("OPENAI_API_KEY", "holds characters that no key has. Copy it again.");
  }
  if (!/^[^\s\p{Cc}]{1,200}$/u.test(model)) reader.fault("OPENAI_MODEL", "is not the name of a model. Write one.");
  return apiKey === null && ownRoot === null ? null : { apiKey, baseUrl: ownRoot ?? OPENAI_ROOT, model };
}

function readTranscription(reader: ConfigReader, provider: Config["model"]): Config["transcription"] {
  const model = reader.text("TRANSCRIPTION_MODEL");
  if (model === null) return null;
  if (!/^[^\s\p{Cc}]{1,200}$/u.test(model)) {
    return reader.fault("TRANSCRIPTION_MODEL", "is not the name of a model. Write one, for example whisper-1.");
  }
  if (provider === null && !reader.isFaulty("OPENAI_API_KEY")) {
    return reader.fault("TRANSCRIPTION_MODEL", "has no provider. Set OPENAI_API_KEY or OPENAI_BASE_URL, or remove it.");
  }
  return provider && { ...provider, model };
}

function readDefaultAgent(reader: ConfigReader): string | null {
  const name = reader.text("DEFAULT_AGENT");
  if (name === null || !/[\p{Cc}/\\]/u.test(name)) return name;
  return reader.fault("DEFAULT_AGENT", "is not the name of an agent. Write the name its card has.");
}

/** Freezes all the way down; a set refuses to be changed as well. */
function freeze<T>(value: T): T {
  if (value instanceof Set) {
    for (const change of ["add", "delete", "clear"]) {
      Object.defineProperty(value, change, {
        value: () => {
          throw new TypeError("The configuration is read-only.");
        },
      });
    }
  }
  if (typeof value !== "object" || value === null) return value;
  for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
}
