import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { readTelegramUpdate } from "../../adapters/telegram/read-telegram-update.ts";
import { createTelegramAdapter } from "../../adapters/telegram/telegram-adapter.ts";
import { telegramWebhook } from "../../adapters/telegram/telegram-webhook.ts";
import { GatewayError } from "../../src/errors.ts";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import type { RawRequest, RawResponse } from "../../src/platform/platform-adapter.ts";
import { startFakeTelegram } from "../fakes/telegram/fake-telegram.ts";
import { keepLog, SECRET, serveWebhook, telegramAt } from "./start-telegram.ts";

const HEADER = "x-telegram-bot-api-secret-token";
const GOOD = { [HEADER]: SECRET };
const BOT = { id: 4711, username: "ParleyBot", topics: false };
const UPDATE = {
  update_id: 1,
  message: { message_id: 1, date: 1, text: "hi", from: { id: 7 }, chat: { id: 7, type: "private" } },
};

const webhook = telegramWebhook({ secret: SECRET, read: (update) => readTelegramUpdate(update, BOT), log: keepLog() });

interface Call {
  headers?: Record<string, string | undefined>;
  body?: string | Buffer | Error;
  accept?: () => Promise<void>;
}

async function call({ headers = GOOD, body = "", accept = () => Promise.resolve() }: Call) {
  const seen: IncomingUpdate[] = [];
  let reads = 0;
  const request: RawRequest = {
    headers,
    body: () => {
      reads += 1;
      return body instanceof Error ? Promise.reject(body) : Promise.resolve(Buffer.from(body));
    },
  };
  const response: RawResponse = await webhook.handle(request, (update) => {
    seen.push(update);
    return accept();
  });
  return { ...response, seen, reads };
}

function noDatabase(): Promise<void> {
  return Promise.reject(new GatewayError("unavailable", "no database"));
}

function aMistake(): Promise<void> {
  return Promise.reject(new TypeError("a mistake"));
}

describe("who may call", () => {
  test.each([
    ["no secret", {}],
    ["an empty one", { [HEADER]: "" }],
    ["another one", { [HEADER]: "webhook_secret-for-test5" }],
    ["a part of it", { [HEADER]: SECRET.slice(0, -1) }],
    ["more than it", { [HEADER]: `${SECRET}x` }],
    ["a very long one", { [HEADER]: "x".repeat(100_000) }],
    ["it under another name", { authorization: SECRET }],
  ])("security-01: %s is refused, before the body is read, and nothing is stored", async (_, headers) => {
    const { status, seen, reads } = await call({ headers, body: JSON.stringify(UPDATE) });
    expect({ status, seen, reads }).toEqual({ status: 401, seen: [], reads: 0 });
  });

  test("security-31: a new secret counts at once, and the one before as long as it is given", async () => {
    const secrets: { secret: string; secretBefore: string | null } = { secret: SECRET, secretBefore: null };
    const rotating = telegramWebhook(Object.assign(secrets, { read: () => null, log: keepLog() }));
    const statusOf = async (secret: string) => {
      const request = { headers: { [HEADER]: secret }, body: () => Promise.resolve(Buffer.from("{}")) };
      return (await rotating.handle(request, () => Promise.resolve())).status;
    };
    const next = `${SECRET}-of-from-now-on`;
    expect([await statusOf(SECRET), await statusOf(next)]).toEqual([200, 401]);
    Object.assign(secrets, { secret: next, secretBefore: SECRET });
    expect([await statusOf(SECRET), await statusOf(next)]).toEqual([200, 200]);
    secrets.secretBefore = null;
    expect([await statusOf(SECRET), await statusOf(next)]).toEqual([401, 200]);
  });

  test("security-03: secrets are compared by their hashes, in constant time", async () => {
    const source = await readFile(new URL("../../adapters/telegram/telegram-webhook.ts", import.meta.url), "utf8");
    expect(source).toMatch(/timingSafeEqual\(digest\(given\), digest\(secret\)\)/);
    expect(source.match(/secret\s*[!=]==?|[!=]==?\s*(options\.)?secret/g)).toBeNull();
  });

  test("security-02: without a proper secret, or a public address, there is no webhook mode", () => {
    const options = { token: "1:x", apiRoot: null, mode: "webhook", log: keepLog() } as const;
    const publicUrl = "https://bot.example.com";
    for (const webhookSecret of [null, "", "short", "has a space in it, and is long", "x".repeat(257)]) {
      expect(() => createTelegramAdapter({ ...options, publicUrl, webhookSecret })).toThrow(GatewayError);
    }
    for (const url of [null, "", "bot.example.com", "http://bot.example.com", "ftp://bot.example.com"]) {
      expect(() => createTelegramAdapter({ ...options, publicUrl: url, webhookSecret: SECRET })).toThrow(GatewayError);
    }
    expect(createTelegramAdapter({ ...options, publicUrl, webhookSecret: SECRET }).webhook?.path).toBe(
      "/telegram/webhook",
    );
  });
});

describe("what is answered", () => {
  test("200 once the update is stored, and not before", async () => {
    const stored = Promise.withResolvers<void>();
    let answered = false;
    const calling = call({ body: JSON.stringify(UPDATE), accept: () => stored.promise }).then((it) => {
      answered = true;
      return it;
    });
    await new Promise(setImmediate);
    expect(answered).toBe(false);
    stored.resolve();
    expect(await calling).toMatchObject({ status: 200, seen: [{ kind: "message", key: "u1", text: "hi" }] });
  });

  test("503 with a time to come again while nothing can be stored", async () => {
    const answer = await call({ body: JSON.stringify(UPDATE), accept: noDatabase });
    expect(answer).toMatchObject({ status: 503, headers: { "retry-after": "5" } });
  });

  test("503, and no exception, for a mistake of ours", async () => {
    expect((await call({ body: JSON.stringify(UPDATE), accept: aMistake })).status).toBe(503);
  });

  test("200 for JSON that is no update, which is stored if it has an id, as no repetition would mend it", async () => {
    expect(await call({ body: `{"update_id":9,"message":"?"}` })).toMatchObject({
      status: 200,
      seen: [{ kind: "unreadable", key: "u9" }],
    });
    for (const body of ["{}", "[]", "null", "1", `"x"`, `{"update_id":"9"}`]) {
      expect(await call({ body })).toMatchObject({ status: 200, seen: [] });
    }
  });

  test.each([
    ["nothing", ""],
    ["half a JSON", `{"update_id":1,`],
    ["no JSON", "update_id=1"],
    ["bytes that are no UTF-8", Buffer.from([0xff, 0xfe, 0x7b])],
    ["brackets without end", "[".repeat(500_000)],
  ])("security-10: 400 for %s", async (_, body) => {
    expect(await call({ body })).toMatchObject({ status: 400, seen: [] });
  });

  test("security-10: nesting of any depth is answered", async () => {
    const body = `{"update_id":3,"message":${"[".repeat(200_000)}${"]".repeat(200_000)}}`;
    expect(await call({ body })).toMatchObject({ status: 200, seen: [{ kind: "unreadable" }] });
  });

  test("fault-34: 413 for a body over a megabyte, whoever notices it", async () => {
    expect(webhook.maxBytes).toBe(1024 * 1024);
    expect((await call({ body: new GatewayError("too_large", "x") })).status).toBe(413);
    expect((await call({ body: `"${"x".repeat(1024 * 1024)}"` })).status).toBe(413);
    expect((await call({ body: new Error("the sender hung up") })).status).toBe(400);
  });
});

test("503 until the bot is known", async () => {
  const options = { token: "1:x", apiRoot: null, publicUrl: "https://bot.example.com", webhookSecret: SECRET } as const;
  const adapter = createTelegramAdapter({ ...options, mode: "webhook", log: keepLog() });
  const request = { headers: GOOD, body: () => Promise.resolve(Buffer.from(JSON.stringify(UPDATE))) };
  expect((await adapter.webhook!.handle(request, () => Promise.resolve())).status).toBe(503);
  await adapter.close();
});

test("fault-22: what was stored but not acknowledged is delivered again, in order, under the same keys", async () => {
  await using telegram = await startFakeTelegram({ limits: "off", timeScale: 0.01 });
  const server = await serveWebhook();
  const adapter = telegramAt(telegram, { mode: "webhook", publicUrl: server.url, webhookSecret: SECRET });
  server.adapter = adapter;
  const seen: string[] = [];
  let failures = 2;
  server.accept = (update) => {
    seen.push(update.kind === "message" ? update.text : update.kind);
    return failures-- > 0 ? noDatabase() : Promise.resolve();
  };
  const intake = new AbortController();
  await adapter.connect(intake.signal);
  const running = adapter.start(server.accept, intake.signal);
  const from = telegram.user(7, "Ann");
  const chat = telegram.privateChat(from);
  for (const text of ["one", "two"]) telegram.say({ chat, from, text });
  await telegram.until(() => telegram.pendingUpdates() === 0);
  expect(seen).toEqual(["one", "one", "one", "two"]);
  intake.abort();
  await running;
  await adapter.close();
  await server.close();
});
