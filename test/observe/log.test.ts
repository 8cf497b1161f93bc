import { APIError } from "openai";
import { Api, GrammyError, HttpError } from "grammy";
import * as fc from "fast-check";
import fastify from "fastify";
import { DatabaseError } from "pg";
import { request } from "undici";
import { describe, expect, it } from "vitest";
import { createLog, type Logger } from "../../src/observe/log.ts";
import type { Log } from "../../src/platform/platform-adapter.ts";

const CANARY = "c4n4ryC4N4RYc4n4ryC4N4RYc4n4ryC4N4RY";
const TOKEN = `4711:${CANARY}`;

/** A log that nobody told any secret, so that what it hides it recognised. */
function listen(secrets: string[] = [], level = "trace"): { log: Logger; lines: string[]; last: () => any } {
  const lines: string[] = [];
  const log = createLog({ level, secrets, destination: { write: (line) => void lines.push(line) } });
  return { log, lines, last: () => JSON.parse(lines.at(-1)!) };
}

async function thrownBy(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

describe("a line", () => {
  it("is one JSON object with time, level, fields and text", () => {
    const { log, lines, last } = listen();
    log.info({ attempt: 2 }, "run completed");
    expect(lines[0]).toMatch(/^\{.*\}\n$/);
    expect(last()).toMatchObject({ level: "info", attempt: 2, msg: "run completed", pid: process.pid });
    expect(new Date(last().time).getTime()).toBeGreaterThan(0);
  });

  it("is not written below the level", () => {
    const { log, lines } = listen([], "warn");
    log.info({}, "quiet");
    log.warn({}, "loud");
    expect(lines).toHaveLength(1);
  });

  it("of a child carries session, run and agent", () => {
    const { log, last } = listen();
    const port: Log = log.child({ session_id: "ses_1", run_id: "run_1", agent: "helper" });
    port.warn({ step: 3 }, "slow");
    expect(last()).toMatchObject({ session_id: "ses_1", run_id: "run_1", agent: "helper", step: 3, msg: "slow" });
  });

  it("survives whatever it is given", () => {
    const { log, lines, last } = listen();
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    log.info(circular, "circular");
    log.info({ big: 10n, when: new Date(Number.NaN), map: new Map([[1, 2]]), fn: () => 1 }, "odd");
    expect(last()).toMatchObject({ big: "10", when: null, map: "[Map]" });
    log.info(
      {
        get broken(): never {
          throw new Error("getter");
        },
      },
      "hostile",
    );
    expect(last().log_fault.message).toBe("getter");
    log.info({ list: Array.from({ length: 1000 }, () => "x".repeat(10_000)) }, "huge");
    expect(lines.at(-1)!.length).toBeLessThan(300_000);
  });
});

describe("security-28: secrets in errors", () => {
  const errors: [string, () => unknown][] = [
    ["message", () => new Error(`fetch https://api.telegram.org/bot${TOKEN}/getMe failed`)],
    ["file URL", () => new Error(`https://api.telegram.org/file/bot${TOKEN}/photos/1.jpg`)],
    ["stack", () => Object.assign(new Error("x"), { stack: `Error: x\n    at get (https://h/bot${TOKEN}/a:1:1)` })],
    [
      "nested cause",
      () => new Error("a", { cause: new Error("b", { cause: new Error(`authorization: Bearer ${CANARY}`) }) }),
    ],
    ["AggregateError", () => new AggregateError([new Error(`cookie: sid=${CANARY}; x=1`)], "all failed")],
    ["SuppressedError", () => new SuppressedError(new Error("a"), new Error(`postgres://u:${CANARY}@db/x`), "both")],
    ["a thrown string", () => `x-telegram-bot-api-secret-token: ${CANARY}`],
    [
      "grammY HttpError of a call",
      () => thrownBy(() => new Api(TOKEN, { apiRoot: "http://127.0.0.1:1", sensitiveLogs: true }).getMe()),
    ],
    ["grammY HttpError", () => new HttpError("failed", new Error(`request to http://h/bot${TOKEN}/x failed`))],
    [
      "GrammyError with a payload",
      () =>
        new GrammyError(
          "Call to 'sendMessage' failed!",
          { ok: false, error_code: 400, description: "bad" },
          "sendMessage",
          {
            chat_id: 1,
            text: CANARY,
          },
        ),
    ],
    [
      "Postgres error with rows",
      () =>
        Object.assign(new DatabaseError("duplicate key value", 10, "error"), {
          code: "23505",
          detail: `Key (text)=(${CANARY}) already exists.`,
          where: CANARY,
        }),
    ],
    ["ill-formed DSN", () => thrownBy(() => new URL(`postgres://u:${CANARY}@[::`))],
    ["DSN in prose", () => new Error(`could not connect to "postgresql://parley:${CANARY}@db:5432/x?sslmode=require"`)],
    ["keyword DSN", () => new Error(`connect failed: host=db user=parley password=${CANARY} dbname=x`)],
    [
      "openai error with headers",
      () =>
        APIError.generate(
          401,
          { error: { message: `Incorrect API key provided: sk-proj-${CANARY}`, code: "invalid_api_key" } },
          undefined,
          new Headers({ "set-cookie": `sid=${CANARY}`, authorization: `Bearer ${CANARY}` }),
        ),
    ],
    [
      "openai error with the key half masked",
      () => new Error("Incorrect API key provided: sk-proj-****************4RYc"),
    ],
    [
      "undici error",
      () =>
        thrownBy(() =>
          request(`http://user:${CANARY}@127.0.0.1:1/bot${TOKEN}/x`, { headers: { authorization: `Basic ${CANARY}` } }),
        ),
    ],
    ["fetch error", () => thrownBy(() => fetch(`http://127.0.0.1:1/bot${TOKEN}/x`))],
    [
      "error with a request in it",
      () =>
        Object.assign(new Error("x"), { config: { headers: { Authorization: CANARY } }, request: { path: CANARY } }),
    ],
  ];

  it.each(errors)("%s", async (_name, make) => {
    const error = await make();
    const { log, lines, last } = listen();
    log.error({ err: error }, "failed");
    log.error({ error, nested: { cause: error, list: [error] } }, "failed");
    log.error(error as Error);
    log.child({ err: error }).error({}, "failed");
    log.error({}, `failed: ${error instanceof Error ? error.message : String(error)}`);
    for (const line of lines) {
      expect(line).not.toContain(CANARY);
      expect(line).not.toContain("4RYc");
      expect(() => JSON.parse(line)).not.toThrow();
    }
    expect(last().msg).toContain("failed");
  });

  it("what helps to understand them stays", () => {
    const { log, last } = listen();
    const inner = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", syscall: "connect" });
    log.error({ err: new Error("no database", { cause: inner }) }, "failed");
    expect(last().err).toMatchObject({
      type: "Error",
      message: "no database",
      stack: expect.stringMatching(/^ +at .*log\.test\.ts/),
      cause: { message: "connect ECONNREFUSED", code: "ECONNREFUSED", syscall: "connect" },
    });
    log.error({ err: new DatabaseError("x", 1, "error") }, "failed");
    expect(last().err.type).toBe("error");
  });

  it("errors that contain each other end", () => {
    const { log, lines } = listen();
    const a = new Error("a");
    const b = new AggregateError([a], "b", { cause: a });
    a.cause = b;
    log.error({ err: a }, "failed");
    expect(lines[0]!.length).toBeLessThan(10_000);
  });
});

describe("security-28: secrets in fields and texts", () => {
  it.each([
    { headers: { authorization: CANARY, "X-Telegram-Bot-Api-Secret-Token": CANARY, cookie: CANARY } },
    { headers: ["authorization", `Bearer ${CANARY}`, "cookie", `a=${CANARY}`] },
    { rawHeaders: [["set-cookie", [CANARY]]], inner: { "set-cookie": [CANARY, CANARY] } },
    {
      note: `the token is 4711000:${CANARY}`,
      also: `4711000%3A${CANARY}`,
    },
    { url: `/telegram/webhook?secret=${CANARY}&x=1` },
    { answer: JSON.stringify({ headers: { authorization: `Digest ${CANARY}` }, api_key: CANARY }) },
    { answer: JSON.stringify({ deep: JSON.stringify({ password: CANARY }) }) },
    { apiKey: CANARY, password: CANARY, token: CANARY, secret: CANARY, databaseUrl: `postgres://a:${CANARY}@b/c` },
    { key: `sk-${CANARY}`, slack: `xoxb-${CANARY}`, admin: `parley_admin_${CANARY}` },
    { jwt: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjNG40cnlDNE40UlkifQ.c4n4ryC4N4RYc4n4ryC4N4RYc4n4ryC4N4RY" },
    { client: new Api(TOKEN), response: new Response(CANARY), bytes: Buffer.from(CANARY) },
  ])("%j", (fields) => {
    const { log, lines } = listen();
    log.info(fields, "seen");
    log.info({}, `seen ${JSON.stringify(fields)}`);
    log.child(fields).info({}, "seen");
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).not.toContain(CANARY);
  });

  it("whole objects under a telling name", () => {
    const { log, lines, last } = listen();
    const fields = { authorization: { scheme: "x", value: CANARY }, deep: { token: [CANARY] } };
    log.info(fields, "seen");
    log.child(fields).child(fields).info({}, "seen");
    expect(lines.join()).not.toContain(CANARY);
    expect(last()).toMatchObject({ authorization: "[redacted]", deep: { token: "[redacted]" } });
  });

  it("values that were configured are hidden in every spelling", () => {
    const secret = 'pa"ss\\w/ord+1';
    const { log, lines } = listen([secret, "p%40ssw0rd", "12345678"]);
    const spellings = [secret, encodeURIComponent(secret), JSON.stringify(secret), JSON.stringify({ a: secret })];
    log.info({ spellings, deep: JSON.stringify({ again: JSON.stringify(secret) }) }, `it is ${secret}`);
    log.info({ sent: "p@ssw0rd", written: "p%40ssw0rd", number: "12345678" }, "seen");
    expect(lines.join()).not.toMatch(/pa\W*"ss|w(%2F|\/)ord|p(@|%40)ssw0rd|12345678/);
    for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();
  });

  it("a line that is no JSON without its secret is withheld", () => {
    const { log, last } = listen(["12345678"]);
    log.info({ amount: 12_345_678 }, "seen");
    expect(last().msg).toContain("withheld");
  });

  it("ordinary lines stay as they are", () => {
    const { log, last } = listen(["short"]);
    const fields = {
      url: "https://registry.test:8443/@scope/name?page=2",
      agent: "helper",
      tokens: 512,
      max_tokens: 5,
      mail: "ann@example.org",
      note: "short task-list: basic auth is off",
    };
    log.info(fields, "model answered in 12:30:45.123");
    expect(last()).toMatchObject({ ...fields, msg: "model answered in 12:30:45.123" });
  });

  it("holds for any configured value at any place", () => {
    const secret = fc.string({ unit: "binary", minLength: 8, maxLength: 40 }).filter((text) => /[^\d\s]/.test(text));
    const noise = fc.string({ unit: "binary", maxLength: 20 });
    fc.assert(
      fc.property(secret, noise, noise, (value, before, after) => {
        const { log, lines } = listen([value]);
        const text = `${before}${value}${after}`;
        log.warn({ note: text, list: [{ deep: text }], [text]: 1, err: new Error(text, { cause: text }) }, text);
        log.error(new Error(text));
        for (const line of lines) {
          expect(line).not.toContain(JSON.stringify(value).slice(1, -1));
          expect(() => JSON.parse(line)).not.toThrow();
        }
      }),
    );
  });
});

describe("security-30: texts of messages", () => {
  it("are not logged under the names they usually have", () => {
    const { log, lines, last } = listen();
    const message = { role: "user", content: CANARY, parts: [{ type: "text", text: CANARY }] };
    log.info({ text: CANARY, prompt: CANARY, messages: [message], update: { payload: { text: CANARY } } }, "accepted");
    log.debug({ message, args: JSON.stringify({ city: CANARY }) }, "accepted");
    expect(lines.join()).not.toContain(CANARY);
    expect(last()).toMatchObject({ args: `[${CANARY.length + 11} characters]`, message: { role: "user" } });
  });
});

describe("with Fastify", () => {
  it("security-28: logs method, path and status of a request, no headers and no query", async () => {
    const { log, lines } = listen([], "info");
    const app = fastify({ loggerInstance: log });
    app.post("/fail", async () => {
      throw new Error(`no Bearer ${CANARY}`);
    });
    await app.inject({
      method: "POST",
      url: `/fail?token=${CANARY}`,
      headers: { authorization: `Bearer ${CANARY}`, cookie: CANARY },
      payload: { text: CANARY },
    });
    await app.close();
    const records = lines.map((line) => JSON.parse(line));
    expect(records).toContainEqual(
      expect.objectContaining({ req: expect.objectContaining({ method: "POST", path: "/fail" }) }),
    );
    expect(records).toContainEqual(expect.objectContaining({ res: { status: 500 } }));
    expect(lines.join()).not.toContain(CANARY);
  });
});
