import { connect } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import nock from "nock";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { telegramWebhook } from "../../adapters/telegram/telegram-webhook.ts";
import { GatewayError } from "../../src/errors.ts";
import { accountId } from "../../src/ids.ts";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import type { PlatformAdapter, Webhook } from "../../src/platform/platform-adapter.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { silentLog } from "../support/store-engines.ts";
import { until } from "../support/test-gateway.ts";
import { KEY, startHttp, type TestHttp } from "./start-http.ts";

const PATH = "/telegram/webhook";
const SECRET = "a-secret-of-the-webhook-0123456789";
const TEN_MB = Buffer.alloc(10_000_000, "x");

let http: TestHttp;
let url: string;
let adapters: PlatformAdapter[];
let read: unknown[];
let accept: (update: IncomingUpdate) => Promise<void>;

/** The webhook as the real adapter makes it; what it reads of an update is not the matter here. */
const webhook = telegramWebhook({
  secret: SECRET,
  read(update) {
    read.push(update);
    return { kind: "ignored", account: accountId("telegram", "1"), key: "1", why: "a test" };
  },
  log: silentLog,
});

function adapterWith(hook: Webhook): PlatformAdapter {
  return Object.assign(new FakePlatform({ platform: "telegram" }), { webhook: hook });
}

beforeAll(async () => {
  // It would wait for whole bodies.
  nock.restore();
  http = await startHttp({
    webhookPaths: [PATH],
    adapters: () => adapters,
    accept: (update) => accept(update),
    trustedProxies: ["10.0.0.0/8"],
  });
  url = await http.listen();
});
afterAll(() => http.stop());

const reset = (): void => {
  adapters = [adapterWith(webhook)];
  read = [];
  accept = async () => undefined;
};
reset();
afterEach(reset);

interface Call {
  secret?: string;
  body?: string;
  from?: string;
  headers?: Record<string, string>;
}

function call({ secret = SECRET, body = '{"update_id":1}', from = "203.0.113.1", headers = {} }: Call = {}) {
  return http.app.inject({
    method: "POST",
    url: PATH,
    remoteAddress: from,
    headers: { "content-type": "application/json", "x-telegram-bot-api-secret-token": secret, ...headers },
    payload: body,
  });
}

describe("a webhook", () => {
  it("hands the update over and answers when it is stored", async () => {
    const stored = Promise.withResolvers<void>();
    accept = () => stored.promise;
    let answered = false;
    const answer = call().finally(() => (answered = true));
    await until("the update", () => read.length === 1);
    expect(answered).toBe(false);
    stored.resolve();
    expect((await answer).statusCode).toBe(200);
  });

  it("tells the platform to come again when it cannot be stored", async () => {
    accept = () => Promise.reject(new GatewayError("unavailable", "The database is away."));
    const answer = await call();
    expect(answer.statusCode).toBe(503);
    expect(answer.headers["retry-after"]).toBe("5");
  });

  it("tells the platform to come again until it is connected", async () => {
    adapters = [];
    const answer = await call();
    expect(answer.statusCode).toBe(503);
    expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
    expect(answer.json()).toMatchObject({ code: "unavailable", detail: "This platform is not connected yet." });
  });

  it("is no way in for the API's key, nor is there another path or method", async () => {
    expect((await call({ secret: "", headers: { authorization: `Bearer ${KEY}` } })).statusCode).toBe(401);
    expect((await http.app.inject({ method: "POST", url: "/telegram/webhook/x" })).statusCode).toBe(404);
    const wrong = await http.app.inject({ method: "GET", url: PATH });
    expect([wrong.statusCode, wrong.headers["allow"]]).toEqual([405, "POST"]);
  });

  it("passes the bytes on as they came, whatever their type says", async () => {
    const bytes: Buffer[] = [];
    const raw = adapterWith({
      path: PATH,
      maxBytes: 1_000,
      async handle(request) {
        bytes.push(await request.body());
        return { status: 202, headers: { "x-own": "1" }, body: "taken" };
      },
    });
    adapters = [raw];
    const body = Buffer.from([0x7b, 0xff, 0x00, 0xc3, 0x28, 0x7d]);
    for (const type of ["application/json", "application/x-www-form-urlencoded", "text/plain", "image/png"]) {
      const response = await fetch(`${url}${PATH}`, { method: "POST", headers: { "content-type": type }, body });
      expect([response.status, response.headers.get("x-own"), await response.text()]).toEqual([202, "1", "taken"]);
    }
    await fetch(`${url}${PATH}`, { method: "POST", headers: {} });
    expect(bytes.slice(0, 4).every((got) => got.equals(body))).toBe(true);
    expect(bytes[4]?.length).toBe(0);
  });

  it("is measured, and its refusals are counted by their reason", async () => {
    await call({ from: "203.0.113.7" });
    await call({ from: "203.0.113.7", secret: "wrong" });
    const metrics = (await http.call("GET", "/metrics")).body;
    expect(metrics).toMatch(/parley_webhook_ack_seconds_count\{platform="telegram"\} [1-9]/);
    expect(metrics).toMatch(/parley_updates_refused_total\{platform="telegram",why="bad_secret"\} [1-9]/);
  });
});

describe("security-01: a call without the right secret", () => {
  it.each([
    ["none", ""],
    ["another", "b-secret-of-the-webhook-0123456789"],
    ["a part of it", SECRET.slice(0, -1)],
  ])("is refused, and its body is neither read nor parsed: %s", async (_name, secret) => {
    expect((await call({ secret, from: `203.0.113.${10 + secret.length}` })).statusCode).toBe(401);
    expect(read).toEqual([]);
  });

  it("fault-34: is answered before its 10 MB are sent", async () => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    let received = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => (received += chunk));
    socket.write(
      `POST ${PATH} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n` +
        "x-telegram-bot-api-secret-token: wrong\r\ncontent-length: 10000000\r\n\r\n",
    );
    await until("the refusal", () => received.includes("\r\n\r\n"));
    expect(received).toMatch(/^HTTP\/1\.1 401 /);
    socket.destroy();
  });

  it("security-08: is not even looked at after 20 from one address, while others go on", async () => {
    const from = "203.0.113.100";
    for (let n = 0; n < 20; n++) expect((await call({ secret: "wrong", from })).statusCode).toBe(401);
    const refused = await call({ from });
    expect(refused.statusCode).toBe(429);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(290);
    expect(read).toEqual([]);
    expect((await call({ from: "203.0.113.101" })).statusCode).toBe(200);
    // The operator at that address is not locked out of the API.
    const api = await http.app.inject({
      url: "/v1/sessions",
      headers: { authorization: `Bearer ${KEY}` },
      remoteAddress: from,
    });
    expect(api.statusCode).toBe(200);
  });
});

/** What is still referred to, in and outside of the heap; what only waits to be collected depends on the moment. */
function heldBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe("fault-34: a body of 10 MB", () => {
  const headers = { "content-type": "application/json", "x-telegram-bot-api-secret-token": SECRET };
  const send = (): Promise<Response> => fetch(`${url}${PATH}`, { method: "POST", headers, body: TEN_MB });
  const sendChunked = (): Promise<Response> =>
    fetch(`${url}${PATH}`, {
      method: "POST",
      headers,
      duplex: "half",
      body: new ReadableStream({
        start(controller) {
          for (let n = 0; n < 100; n++) controller.enqueue(TEN_MB.subarray(0, 100_000));
          controller.close();
        },
      }),
    });

  it("is refused before it is parsed, with and without a length", async () => {
    expect((await send()).status).toBe(413);
    expect((await sendChunked()).status).toBe(413);
    expect(read).toEqual([]);
  });

  it("is refused as soon as it is too large, and the rest of it spoils nothing", async () => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    let received = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => (received += chunk));
    const chunk = `186a0\r\n${"x".repeat(100_000)}\r\n`;
    const names = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`POST ${PATH} HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n${names.join("")}\r\n`);
    for (let n = 0; n < 11; n++) socket.write(chunk);
    await until("the refusal", () => received.includes("\r\n\r\n"));
    expect(received).toMatch(/^HTTP\/1\.1 413 /);
    for (let n = 0; n < 100; n++) socket.write(chunk);
    socket.write("0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: test\r\n\r\n");
    await until("the next answer", () => received.includes('{"status":"ok"}'));
    socket.destroy();
  });

  it("leaves the memory where it was, however often it comes", async () => {
    for (let n = 0; n < 3; n++) await sendChunked();
    const before = heldBytes();
    for (let n = 0; n < 20; n++) expect((await (n % 2 === 0 ? send() : sendChunked())).status).toBe(413);
    await expect.poll(() => heldBytes() - before, { timeout: 10_000 }).toBeLessThan(10_000_000);
  });
});
