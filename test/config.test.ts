import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CONFIG_NAMES, SECRET_NAMES } from "../src/config-names.ts";
import type { ReadFile } from "../src/config-reader.ts";
import { type Config, ConfigFaults, listSecrets, readConfig } from "../src/config.ts";

const TOKEN = "4711:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";
const SECRET = "p3Xk9_vQ2-mZ7rT5wB8nL4cY6hJ1";
const example = readFileSync(resolve(import.meta.dirname, "../.env.example"), "utf8");
const noFile = (): string => {
  throw Object.assign(new Error("no such file"), { code: "ENOENT" });
};

const files = (content: Record<string, string>) => (path: string) => content[path] ?? noFile();
/** Half of all paths are files that hold their own name. */
const oddFiles = (path: string): string => (path.length % 2 ? `${path}\n` : noFile());

function read(env: Record<string, string>): Config {
  return readConfig(env, noFile);
}

function faultsOf(env: Record<string, string>, readFile: ReadFile = noFile): readonly string[] {
  try {
    readConfig(env, readFile);
  } catch (error) {
    if (error instanceof ConfigFaults) return error.faults;
    throw error;
  }
  return [];
}

const webhook = {
  TELEGRAM_BOT_TOKEN: TOKEN,
  TELEGRAM_MODE: "webhook",
  PUBLIC_URL: "https://parley.test/",
  TELEGRAM_WEBHOOK_SECRET: SECRET,
};

const BOT_TOKEN = "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcBrzbqgy";
const APP_TOKEN = "xapp-1-A0123456789-1234567890-abcdef0123456789";
const SIGNING = "b3f1c0de9a7d4e2f8b6c5d4e3f2a1b0c";
const slack = { SLACK_BOT_TOKEN: BOT_TOKEN, SLACK_APP_TOKEN: APP_TOKEN };

describe("with no variable set", () => {
  it("starts on this machine, with the embedded database and pairing", () => {
    expect(read({})).toEqual({
      host: "127.0.0.1",
      port: 3000,
      publicUrl: null,
      trustedProxies: [],
      apiCallsPerMinute: 6_000,
      database: { dataDir: resolve("data") },
      dataDir: resolve("data"),
      access: { mode: "pairing", allowedUsers: new Set() },
      telegram: null,
      slack: null,
      model: null,
      defaultModel: "gpt-6.1-terra",
      transcription: null,
      otlp: null,
      web: { access: "link", oidc: null },
      agentsDir: resolve("agents"),
      defaultAgent: null,
      mcp: { path: resolve("fastagent.config.yaml"), required: false, stdio: false },
      onBusy: "interrupt",
      adminApiKey: null,
      logLevel: "info",
    });
  });

  it("security-44: listens on loopback only", () => {
    expect(read({}).host).toBe("127.0.0.1");
    expect(read({ HOST: "" }).host).toBe("127.0.0.1");
    expect(read({ HOST: "0.0.0.0" }).host).toBe("0.0.0.0");
  });

  it("takes an empty value for an unset one", () => {
    expect(read(Object.fromEntries(CONFIG_NAMES.map((name) => [name, " "])))).toEqual(read({}));
  });
});

describe(".env.example", () => {
  it("names every setting that is read, and nothing else", () => {
    const asked = new Set<string>();
    const watched = new Proxy<Record<string, string>>(
      {},
      { getOwnPropertyDescriptor: (_, name) => void asked.add(String(name)) },
    );
    read(watched);
    const names = [...asked].filter((name) => !name.endsWith("_FILE")).toSorted();
    expect(Object.keys(parseEnv(example)).toSorted()).toEqual(names);
    expect([...CONFIG_NAMES].toSorted()).toEqual(names);
    expect([...asked].filter((name) => name.endsWith("_FILE")).toSorted()).toEqual(
      SECRET_NAMES.map((name) => `${name}_FILE`).toSorted(),
    );
  });

  it("shows the defaults", () => {
    expect(read(parseEnv(example) as Record<string, string>)).toEqual(read({}));
  });

  it("shows the default model", () => {
    const model = parseEnv(example)["OPENAI_MODEL"];
    expect(read({ OPENAI_API_KEY: "sk-1" }).model).toEqual({
      apiKey: "sk-1",
      baseUrl: "https://api.openai.com/v1",
      model,
    });
  });

  it("says of every secret that it may come from a file", () => {
    for (const name of SECRET_NAMES) expect(example).toContain(`${name}_FILE`);
  });
});

describe("the result", () => {
  it("holds what was set", () => {
    const config = read({
      ...webhook,
      PORT: "0",
      DATABASE_URL: "postgres://parley:pw@db:5432/parley",
      MIGRATE_DATABASE_URL: "postgres://owner:pw@db:5432/parley",
      DATA_DIR: "/var/lib/parley",
      ALLOWED_USERS: "telegram:123, slack:T1:U2",
      TRUSTED_PROXIES: "10.0.0.0/8 ::1",
      OPENAI_BASE_URL: "http://127.0.0.1:11434/v1/",
      OPENAI_MODEL: "qwen3:8b",
      DEFAULT_AGENT: "helper",
      ON_BUSY: "queue",
      ADMIN_API_KEY: SECRET,
      LOG_LEVEL: "debug",
    });
    expect(config).toMatchObject({
      port: 0,
      publicUrl: "https://parley.test",
      trustedProxies: ["10.0.0.0/8", "::1"],
      database: {
        url: "postgres://parley:pw@db:5432/parley",
        migrateUrl: "postgres://owner:pw@db:5432/parley",
      },
      dataDir: "/var/lib/parley",
      access: { mode: "pairing", allowedUsers: new Set(["telegram:123", "slack:T1:U2"]) },
      telegram: {
        botToken: TOKEN,
        apiRoot: "https://api.telegram.org",
        mode: "webhook",
        publicUrl: "https://parley.test",
        webhookSecret: SECRET,
      },
      model: { apiKey: null, baseUrl: "http://127.0.0.1:11434/v1", model: "qwen3:8b" },
      defaultAgent: "helper",
      onBusy: "queue",
      adminApiKey: SECRET,
      logLevel: "debug",
    });
  });

  it("cannot be changed, at any depth", () => {
    const config = read({ ...webhook, ALLOWED_USERS: "telegram:1" });
    expect(() => Object.assign(config.telegram!, { botToken: "" })).toThrow(TypeError);
    expect(() => Object.assign(config, { port: 1 })).toThrow(TypeError);
    expect(() => (config.access.allowedUsers as Set<string>).add("telegram:2")).toThrow("read-only");
    expect(() => (config.trustedProxies as string[]).push("0.0.0.0/0")).toThrow(TypeError);
  });

  it("lists its secrets for redaction, passwords by themselves as well", () => {
    const config = read({ ...webhook, DATABASE_URL: "postgres://u:p%40ss@db/x", OPENAI_API_KEY: "sk-abc" });
    expect(listSecrets(config)).toEqual(["postgres://u:p%40ss@db/x", "p%40ss", TOKEN, SECRET, "sk-abc"]);
    expect(listSecrets(read(slack))).toEqual([BOT_TOKEN, APP_TOKEN]);
    expect(listSecrets(read({ SLACK_BOT_TOKEN: BOT_TOKEN, SLACK_SIGNING_SECRET: SIGNING }))).toContain(SIGNING);
    expect(listSecrets(read({}))).toEqual([]);
  });
});

describe("faults", () => {
  it("are reported all at once, one line each", () => {
    const faults = faultsOf({ PORT: "http", LOG_LEVEL: "loud", ADMIN_API_KEY: "short", ACCESS: "allowlist" });
    expect(faults).toEqual([
      "PORT is not a port. Write a whole number from 0 to 65535.",
      "ALLOWED_USERS is empty, so ACCESS=allowlist would let nobody in. List users like telegram:123.",
      "ADMIN_API_KEY is shorter than 24 characters. Make one with: openssl rand -hex 32",
      "LOG_LEVEL has an unknown value. Write one of: trace, debug, info, warn, error, fatal, silent.",
    ]);
    expect(() => read({ PORT: "http" })).toThrow(/^The configuration cannot be used:\nPORT is not a port/);
  });

  it.each([
    ["PORT", "65536"],
    ["PORT", "-1"],
    ["PORT", "3000.5"],
    ["HOST", "http://127.0.0.1"],
    ["PUBLIC_URL", "parley.test"],
    ["PUBLIC_URL", "ftp://parley.test"],
    ["PUBLIC_URL", "https://user:word@parley.test"],
    ["PUBLIC_URL", "https://parley.test/?a=1"],
    ["TRUSTED_PROXIES", "everybody"],
    ["TRUSTED_PROXIES", "10.0.0.0/33"],
    ["DATABASE_URL", "mysql://db/parley"],
    ["MIGRATE_DATABASE_URL", "postgres://db/parley"],
    ["ACCESS", "everybody"],
    ["ON_BUSY", "later"],
    ["WEB_ACCESS", "on"],
    ["WEB_OIDC_ISSUER", "http://login.parley.test"],
    ["WEB_OIDC_CLIENT_ID", "id\u0000"],
    ["TELEGRAM_BOT_TOKEN", "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"],
    ["TELEGRAM_API_ROOT", "api.telegram.org"],
    ["TELEGRAM_MODE", "push"],
    ["TELEGRAM_RICH", "on"],
    ["API_CALLS_PER_MINUTE", "0"],
    ["API_CALLS_PER_MINUTE", "many"],
    ["TELEGRAM_CALLS_PER_SECOND", "0"],
    ["TELEGRAM_DRAFTS", "yes"],
    ["TELEGRAM_CALLS_PER_SECOND", "1001"],
    ["TELEGRAM_CALLS_PER_SECOND", "2.5"],
    ["SLACK_APP_TOKEN", "xoxb-1-A0123456789"],
    ["SLACK_SIGNING_SECRET", "short"],
    ["SLACK_MODE", "polling"],
    ["SLACK_DM", "both"],
    ["SLACK_API_URL", "slack.com/api"],
    ["OPENAI_BASE_URL", "http://key:word@model.test/v1"],
    ["OPENAI_API_KEY", "sk-1\r\nx-injected: 1"],
    ["OPENAI_MODEL", "gpt 6"],
    ["DEFAULT_AGENT", "../helper"],
    ["AGENTS_DIR", "a\0b"],
    ["ADMIN_API_KEY", "with a space in it, so no header value"],
  ])("%s refuses %j", (name, value) => {
    expect(faultsOf({ [name]: value })).toEqual([expect.stringMatching(`^${name} `)]);
  });

  it.each(["@ann", "ann", "telegram:@ann", "telegram:ann"])("ALLOWED_USERS explains why %s is no user", (entry) => {
    expect(faultsOf({ ALLOWED_USERS: `telegram:1,${entry}` })).toEqual([
      "ALLOWED_USERS entry 2 is a user name, which another person may take over. " +
        "Write the immutable number, like telegram:123.",
    ]);
  });

  it.each([
    "slack:T1",
    "slack:T1:@ann",
    "slack:U1:T1",
    "123",
    "telegram:-1001234",
    "telegram:0",
    "slack:U2",
    "slack:t1:u2",
    "chat:-1001234",
    "web:ann",
  ])("ALLOWED_USERS refuses %s", (entry) => {
    expect(faultsOf({ ALLOWED_USERS: entry })).toEqual([expect.stringMatching(/^ALLOWED_USERS entry 1 /)]);
  });

  it("takes a list of users with open access, too: they are no strangers in groups, and guests of Slack come in", () => {
    const listed = "telegram:1,slack:T1:U2,slack:E1:W2";
    expect(read({ ACCESS: "open", ALLOWED_USERS: listed }).access.allowedUsers.size).toBe(3);
  });
});

describe("webhook mode", () => {
  it("security-02: refuses a missing, empty, short or ill-formed secret", () => {
    for (const secret of ["", "short", SECRET.slice(0, 23), `${SECRET}!`, `${SECRET} `.repeat(2), SECRET.repeat(10)]) {
      expect(faultsOf({ ...webhook, TELEGRAM_WEBHOOK_SECRET: secret }), secret).toEqual([
        expect.stringMatching(/^TELEGRAM_WEBHOOK_SECRET .*openssl rand -hex 32/),
      ]);
    }
  });

  it("security-02: refuses default and example values", () => {
    for (const secret of [
      "change-me-change-me-change-me",
      "your-webhook-secret-goes-here",
      "example_secret_for_the_webhook",
      "replace_me_with_a_real_secret_token",
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "1234567890123456789012345678901234567890",
    ]) {
      expect(faultsOf({ ...webhook, TELEGRAM_WEBHOOK_SECRET: secret }), secret).toEqual([
        expect.stringContaining("is an example"),
      ]);
      expect(faultsOf({ ADMIN_API_KEY: secret }), secret).toEqual([expect.stringContaining("is an example")]);
    }
  });

  it("needs an https address that Telegram calls", () => {
    const { PUBLIC_URL: _, ...without } = webhook;
    expect(faultsOf(without)).toEqual([expect.stringMatching(/^PUBLIC_URL is needed/)]);
    expect(faultsOf({ ...webhook, PUBLIC_URL: "http://parley.test" })).toEqual([
      expect.stringMatching(/^PUBLIC_URL must be https/),
    ]);
    expect(faultsOf({ ...webhook, PUBLIC_URL: "https://parley.test:3000" })).toEqual([
      expect.stringMatching(/^PUBLIC_URL has a port/),
    ]);
    expect(faultsOf({ ...webhook, PUBLIC_URL: "nonsense" })).toHaveLength(1);
  });

  it("takes http from another API root than Telegram's own", () => {
    const env = { ...webhook, PUBLIC_URL: "http://127.0.0.1:3000", TELEGRAM_API_ROOT: "http://127.0.0.1:8081/" };
    expect(read(env).telegram).toMatchObject({ apiRoot: "http://127.0.0.1:8081", publicUrl: "http://127.0.0.1:3000" });
  });

  it("is off without a token, like the platform", () => {
    expect(read({ TELEGRAM_MODE: "webhook" }).telegram).toBeNull();
  });
});

describe("a provider of sign-ins", () => {
  it("lets in whom the settings name, and does not start without saying whom", () => {
    const oidc = { WEB_OIDC_ISSUER: "https://login.parley.test", WEB_OIDC_CLIENT_ID: "parley" };
    const { web } = read({ ...oidc, WEB_OIDC_ALLOW: "@Corp.test, jane@corp.test sub:A7" });
    expect(web.oidc?.allow).toEqual(["@corp.test", "jane@corp.test", "sub:A7"]);
    expect(faultsOf(oidc).join()).toMatch(/^WEB_OIDC_ALLOW is missing, and it says whom the provider may sign in/);
    for (const none of ["@", "@*", "corp.test", "sub:", "a@b.c@d", "@localhost", "**", "hd:corp.test"]) {
      expect(faultsOf({ ...oidc, WEB_OIDC_ALLOW: `* ${none}` }).join()).toMatch(/ entry 2 is no rule/);
    }
  });
});

describe("Telegram's limit of calls", () => {
  it("is 30 a second, and up to 1000 for bots that may make more", () => {
    expect(read({ TELEGRAM_BOT_TOKEN: TOKEN }).telegram?.callsPerSecond).toBe(30);
    expect(read({ TELEGRAM_BOT_TOKEN: TOKEN, TELEGRAM_CALLS_PER_SECOND: "1000" }).telegram?.callsPerSecond).toBe(1000);
  });
});

describe("secrets from files", () => {
  it.each(SECRET_NAMES)("%s_FILE is read without its trailing newline", (name) => {
    const known: Record<string, string> = {
      DATABASE_URL: "postgres://u:p@db/x",
      MIGRATE_DATABASE_URL: "postgres://u:p@db/x",
      TELEGRAM_BOT_TOKEN: TOKEN,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=${SECRET}`,
      ...slack,
    };
    const value = known[name] ?? SECRET;
    const mode = name === "SLACK_SIGNING_SECRET" ? { SLACK_MODE: "http" } : {};
    const otlp = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };
    const oidc = { WEB_OIDC_ISSUER: "https://login.parley.test", WEB_OIDC_CLIENT_ID: "parley", WEB_OIDC_ALLOW: "*" };
    const rest = { ...webhook, ...slack, ...mode, ...otlp, ...oidc, DATABASE_URL: "postgres://u:p@db/x", [name]: "" };
    const config = readConfig({ ...rest, [`${name}_FILE`]: "/run/secret" }, files({ "/run/secret": `${value}\r\n` }));
    expect(listSecrets(config)).toContain(value.replace("authorization=", ""));
    expect(config).toEqual(readConfig({ ...rest, [name]: value }, noFile));
  });

  it("are refused when unreadable, empty, or given twice; the path is not shown", () => {
    expect(faultsOf({ ADMIN_API_KEY_FILE: SECRET })).toEqual([
      "ADMIN_API_KEY_FILE cannot be read (ENOENT). Write the path of a file this process may read.",
    ]);
    expect(faultsOf({ ADMIN_API_KEY_FILE: "/k" }, files({ "/k": "\n" }))).toEqual([
      "ADMIN_API_KEY_FILE is an empty file. Put the secret into it.",
    ]);
    expect(faultsOf({ ADMIN_API_KEY_FILE: "/k", ADMIN_API_KEY: SECRET })).toEqual([
      "ADMIN_API_KEY and ADMIN_API_KEY_FILE are both set. Keep one of them.",
    ]);
  });
});

describe("any environment", () => {
  const names = fc.oneof(
    fc.constantFrom(...CONFIG_NAMES, ...SECRET_NAMES.map((name) => `${name}_FILE`), "TELEGRAM_TOKEN", "PARLEY_X"),
    fc.string({ maxLength: 20 }),
  );
  const CANARY = "c4n4ryC4N4RY";
  const likely = fc.constantFrom(
    "webhook",
    "allowlist",
    TOKEN,
    SECRET,
    BOT_TOKEN,
    "http",
    "telegram:1",
    "postgres://u:p@h/d",
    "https://x.y",
  );
  const values = fc.oneof(
    likely,
    fc.string({ unit: "binary", maxLength: 60 }).map((text) => `${text}${CANARY}${text}`),
    fc.constantFrom("https://", "postgres://u:", "4711:", "telegram:", "@", "/").map((start) => `${start}${CANARY}`),
  );

  it("gives a configuration or its faults, and never shows a value", () => {
    fc.assert(
      fc.property(fc.dictionary(names, values, { maxKeys: 12 }), (env) => {
        let message = "";
        try {
          expect(Object.isFrozen(readConfig(env, oddFiles))).toBe(true);
        } catch (error) {
          if (!(error instanceof ConfigFaults)) throw error;
          message = `${error.message} ${error.stack} ${error.faults.join()}`;
        }
        expect(message).not.toContain(CANARY);
        expect(message).not.toContain(TOKEN);
        expect(message).not.toContain(SECRET);
      }),
      { numRuns: 500 },
    );
  });
});
