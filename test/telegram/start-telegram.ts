import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "vitest";
import { createTelegramAdapter, type TelegramOptions } from "../../adapters/telegram/telegram-adapter.ts";
import { GatewayError } from "../../src/errors.ts";
import type { Accept, Log, PlatformAdapter } from "../../src/platform/platform-adapter.ts";
import type { FakeTelegram } from "../fakes/telegram/fake-telegram.ts";

export const SECRET = "webhook_secret-for-tests";

/** A log that keeps what it is told. */
export interface KeptLog extends Log {
  readonly lines: { level: string; fields: object; message: string }[];
}

export function keepLog(): KeptLog {
  const lines: KeptLog["lines"] = [];
  const level = (name: string) => (fields: object, message: string) =>
    void lines.push({ level: name, fields, message });
  return { lines, info: level("info"), warn: level("warn"), error: level("error") };
}

export const ENGLISH_MENU = {
  language: "en",
  commands: [
    { word: "start", description: "Begin" },
    { word: "help", description: "What I can do" },
  ],
};

export function telegramAt(telegram: FakeTelegram, options: Partial<TelegramOptions> = {}): PlatformAdapter {
  return createTelegramAdapter({
    token: telegram.token,
    apiRoot: telegram.url,
    mode: "polling",
    publicUrl: null,
    webhookSecret: null,
    log: keepLog(),
    menus: [ENGLISH_MENU],
    ...options,
  });
}

/** Ends what a test began, and holds that nothing was asked of Telegram that it does not know. */
export async function endTelegram(parts: {
  telegram: FakeTelegram;
  adapter: PlatformAdapter;
  intake: AbortController;
  running: Promise<void> | null;
}): Promise<void> {
  const { telegram, adapter, intake, running } = parts;
  expect([...telegram.unknownFields.keys()], "parameters that Telegram does not know").toEqual([]);
  intake.abort();
  await running;
  await adapter.close();
  await telegram.close();
}

/** A gateway's HTTP side for one adapter: what the webhook port asks of it, and no more. */
export interface WebhookServer {
  url: string;
  /** Set both before anything comes in. */
  adapter: PlatformAdapter | null;
  accept: Accept;
  close(): Promise<void>;
}

export async function serveWebhook(): Promise<WebhookServer> {
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const running: WebhookServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    adapter: null,
    accept: () => Promise.resolve(),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const webhook = running.adapter?.webhook;
    if (!webhook || request.url !== webhook.path) return void response.writeHead(404).end();
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, value?.toString()]),
    );
    const body = () => readBody(request, webhook.maxBytes);
    const result = await webhook.handle({ headers, body }, running.accept);
    response.writeHead(result.status, result.headers).end(result.body);
  }

  return running;
}

async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new GatewayError("too_large", "The body is too large.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
