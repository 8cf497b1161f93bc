import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import nock from "nock";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { TransportFailure } from "../../adapters/telegram/telegram-errors.ts";
import { TelegramTransport } from "../../adapters/telegram/telegram-transport.ts";
import { callWhile } from "../../src/platform/right-to-call.ts";

const TOKEN = "4711:token";
const LONG_MS = 10_000;

let server: Server;
let apiRoot: string;
let transport: TelegramTransport;
let sockets: Set<Socket>;
let requests: { request: IncomingMessage; body: string; response: ServerResponse }[];
let reply: (response: ServerResponse) => void;

// nock stands between a program and its sockets: a connection seems to succeed before the real one has failed. Here the
// real ones count, all of them on loopback.
beforeAll(() => nock.restore());

beforeEach(async () => {
  requests = [];
  sockets = new Set();
  reply = (response) => response.end(JSON.stringify({ ok: true, result: true }));
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      requests.push({ request, response, body: Buffer.concat(chunks).toString() });
      reply(response);
    });
  });
  server.on("connection", (socket) => sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  apiRoot = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  transport = open();
});

afterEach(async () => {
  await transport.close();
  server.closeAllConnections();
  server.close();
});

function open(options: { connections?: number; maxQueued?: number; apiRoot?: string } = {}): TelegramTransport {
  return new TelegramTransport({ apiRoot, token: TOKEN, connections: 4, maxQueued: 100, ...options });
}

function failure(call: Promise<unknown>): Promise<TransportFailure> {
  return call.then(
    () => expect.unreachable("the call succeeded"),
    (error: unknown) => error as TransportFailure,
  );
}

test("posts JSON to the method's address and gives back the parsed answer", async () => {
  expect(await transport.call("sendMessage", { chat_id: 7, text: "häh?" }, LONG_MS)).toEqual({
    ok: true,
    result: true,
  });
  const { request, body } = requests[0]!;
  expect([request.method, request.url]).toEqual(["POST", `/bot${TOKEN}/sendMessage`]);
  expect(request.headers["content-type"]).toBe("application/json");
  expect(JSON.parse(body)).toEqual({ chat_id: 7, text: "häh?" });
});

test("an address with a path before the token is kept", async () => {
  const behindProxy = open({ apiRoot: `${apiRoot}/telegram/` });
  await behindProxy.call("getMe", {}, LONG_MS);
  expect(requests[0]!.request.url).toBe(`/telegram/bot${TOKEN}/getMe`);
  await behindProxy.close();
});

test("calls one after the other keep to their sockets", async () => {
  for (let i = 0; i < 20; i++) await transport.call("getMe", {}, LONG_MS);
  // Two, as a call that follows at once finds the first one not quite done.
  expect(sockets.size).toBeLessThanOrEqual(2);
});

test("never has more calls on the way than sockets; the others wait in order", async () => {
  reply = () => undefined;
  const calls = Array.from({ length: 10 }, (_, i) => transport.call("send", { i }, LONG_MS));
  await expect.poll(() => requests.length).toBe(4);
  for (let i = 0; i < 10; i++) {
    await expect.poll(() => requests.length).toBeGreaterThan(i);
    requests[i]!.response.end(`{"i":${i}}`);
  }
  await Promise.all(calls);
  expect(sockets.size).toBe(4);
  expect(requests.map(({ body }) => JSON.parse(body) as unknown).slice(4)).toEqual(
    [4, 5, 6, 7, 8, 9].map((i) => ({ i })),
  );
});

test("refuses calls when too many wait", async () => {
  const small = open({ connections: 1, maxQueued: 2 });
  reply = () => undefined;
  const calls = [1, 2, 3].map((i) => failure(small.call("send", { i }, LONG_MS)));
  expect(await failure(small.call("send", {}, LONG_MS))).toMatchObject({ reason: "busy", sent: false });
  await small.close();
  server.closeAllConnections();
  expect((await Promise.all(calls)).map((it) => it.reason)).toEqual(["network", "network", "network"]);
});

test("a call that gives up while it waits was not sent, and never will be", async () => {
  const small = open({ connections: 1 });
  reply = () => undefined;
  const first = small.call("first", {}, LONG_MS);
  await expect.poll(() => requests.length).toBe(1);
  const leaving = new AbortController();
  const second = failure(small.call("second", {}, LONG_MS, leaving.signal));
  const third = small.call("third", {}, LONG_MS);
  leaving.abort();
  expect(await second).toMatchObject({ reason: "cancelled", sent: false });
  requests[0]!.response.end("{}");
  await first;
  await expect.poll(() => requests.length).toBe(2);
  requests[1]!.response.end("{}");
  await third;
  expect(requests.map(({ request }) => request.url)).toEqual([`/bot${TOKEN}/first`, `/bot${TOKEN}/third`]);
  expect(sockets.size).toBe(1);
  await small.close();
});

test("fault-05: a call whose time is over while it waits for a socket is not written, and the next one goes on", async () => {
  const narrow = open({ connections: 1 });
  reply = () => undefined;
  const first = narrow.call("editMessageText", { text: "first" }, LONG_MS);
  let mine = true;
  const late = failure(
    callWhile(
      () => mine,
      () => narrow.call("editMessageText", { text: "late" }, LONG_MS),
    ),
  );
  const next = narrow.call("editMessageText", { text: "next" }, LONG_MS);
  await expect.poll(() => requests.length).toBe(1);
  mine = false;
  reply = (response) => response.end(JSON.stringify({ ok: true, result: true }));
  reply(requests[0]!.response);
  await first;
  expect(await late).toMatchObject({ reason: "cancelled", sent: false });
  await next;
  expect(requests.map(({ body }) => (JSON.parse(body) as { text: string }).text)).toEqual(["first", "next"]);
  await narrow.close();
});

test("fault-05: a call whose time is over while its socket is opened is not written", async () => {
  let mine = true;
  const late = failure(
    callWhile(
      () => mine,
      () => transport.call("editMessageText", { text: "late" }, LONG_MS),
    ),
  );
  mine = false;
  expect(await late).toMatchObject({ reason: "cancelled", sent: false });
  await transport.call("getMe", {}, LONG_MS);
  expect(requests.map(({ request }) => request.url)).toEqual([`/bot${TOKEN}/getMe`]);
});

test("fault-15: without an answer the call ends at its deadline, and may have been applied", async () => {
  reply = () => undefined;
  // Long enough for a busy machine to send it.
  expect(await failure(transport.call("send", {}, 2_500))).toMatchObject({
    reason: "deadline",
    sent: true,
    status: null,
  });
});

test("an abort ends a call at once, and closes its socket", async () => {
  reply = () => undefined;
  const leaving = new AbortController();
  const call = failure(transport.call("getUpdates", {}, LONG_MS, leaving.signal));
  await expect.poll(() => requests.length).toBe(1);
  const closed = once(requests[0]!.request.socket, "close");
  leaving.abort();
  expect(await call).toMatchObject({ reason: "cancelled", sent: true });
  await closed;
  expect(await failure(transport.call("getMe", {}, LONG_MS, leaving.signal))).toMatchObject({ sent: false });
});

test("a server that cannot be reached got nothing", async () => {
  server.close();
  server.closeAllConnections();
  expect(await failure(transport.call("send", {}, LONG_MS))).toMatchObject({ reason: "network", sent: false });
});

test("a connection cut before the answer leaves it open whether the call was applied", async () => {
  reply = (response) => response.socket?.destroy();
  expect(await failure(transport.call("send", {}, LONG_MS))).toMatchObject({ reason: "network", sent: true });
});

test("fault-18: pages of HTML, half answers and endless ones are failures with their status", async () => {
  reply = (response) => response.writeHead(502).end("<html>Bad Gateway</html>");
  expect(await failure(transport.call("send", {}, LONG_MS))).toMatchObject({
    reason: "unreadable",
    sent: true,
    status: 502,
  });
  reply = (response) => response.writeHead(200).end('{"ok":tr');
  expect(await failure(transport.call("send", {}, LONG_MS))).toMatchObject({ reason: "unreadable", status: 200 });
  reply = (response) => {
    response.writeHead(200);
    const flood = () => {
      if (response.destroyed) return;
      if (response.write("x".repeat(1024 * 1024))) setImmediate(flood);
      else response.once("drain", flood);
    };
    flood();
  };
  expect(await failure(transport.call("send", {}, LONG_MS))).toMatchObject({ reason: "unreadable", sent: true });
});

test("follows no redirect, which would show the token to another host", async () => {
  reply = (response) => response.writeHead(302, { location: `${apiRoot}/elsewhere` }).end();
  expect(await failure(transport.call("send", {}, LONG_MS))).toMatchObject({ reason: "unreadable", status: 302 });
  expect(requests.length).toBe(1);
});

test("closing ends what is on the way", async () => {
  reply = () => undefined;
  const call = failure(transport.call("send", {}, LONG_MS));
  await expect.poll(() => requests.length).toBe(1);
  await transport.close();
  expect(await call).toMatchObject({ reason: "network", sent: true });
});
