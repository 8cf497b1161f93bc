import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TransportFailure } from "../../adapters/slack/slack-errors.ts";
import { callWhile } from "../../src/platform/right-to-call.ts";
import { SlackTransport, type TransportOptions } from "../../adapters/slack/slack-transport.ts";

let server: Server;
let url: string;
let answer: RequestListener;
let requests: number;
let transport: SlackTransport;

beforeEach(async () => {
  requests = 0;
  answer = (_request, response) => void response.end('{"ok":true}');
  server = createServer((request, response) => {
    requests += 1;
    answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/chat.postMessage?x=1`;
  transport = open();
});

afterEach(async () => {
  await transport.close();
  server.closeAllConnections();
  server.close();
});

function open(options: Partial<TransportOptions> = {}): SlackTransport {
  return new SlackTransport({ connections: 2, maxQueued: 2, deadlineMs: 5_000, ...options });
}

function post(signal?: AbortSignal): Promise<{ status: number; text: string }> {
  return transport.post(url, { "content-type": "text/plain" }, "body", signal);
}

function failure(call: Promise<unknown>): Promise<TransportFailure> {
  return call.then(
    () => expect.unreachable("the call succeeded"),
    (error: unknown) => error as TransportFailure,
  );
}

test("posts, and gives back whatever is answered", async () => {
  answer = (request, response) =>
    void response.writeHead(418, { "X-Odd": "1" }).end(`${request.method} ${request.url}`);
  expect(await post()).toMatchObject({
    status: 418,
    text: "POST /api/chat.postMessage?x=1",
    headers: { "x-odd": "1" },
  });
});

test("follows no redirect", async () => {
  answer = (_request, response) => void response.writeHead(307, { location: "http://127.0.0.1:1/" }).end();
  expect(await post()).toMatchObject({ status: 307 });
  expect(requests).toBe(1);
});

test("bounds what is on the way and what waits, and gives up waiting without a trace", async () => {
  await transport.close();
  transport = open({ deadlineMs: 500 });
  answer = () => undefined;
  const abort = new AbortController();
  const written = [failure(post()), failure(post())];
  const waiting = [failure(post(abort.signal)), failure(post(abort.signal))];
  expect(await failure(post())).toMatchObject({ reason: "busy", sent: false });
  abort.abort();
  for (const call of waiting) expect(await call).toMatchObject({ reason: "cancelled", sent: false });
  for (const call of written) expect(await call).toMatchObject({ reason: "deadline", sent: true });
  expect(requests).toBe(2);
  answer = (_request, response) => void response.end("fine");
  expect(await post()).toMatchObject({ text: "fine" });
});

test("an aborted call says whether it was written", async () => {
  answer = () => undefined;
  const abort = new AbortController();
  const calling = failure(post(abort.signal));
  await expect.poll(() => requests).toBe(1);
  abort.abort();
  expect(await calling).toMatchObject({ reason: "cancelled", sent: true });
  expect(await failure(post(abort.signal))).toMatchObject({ reason: "cancelled", sent: false });
});

test("fault-05: a call whose time is over while it waits, for its turn or for its socket, is not written", async () => {
  await transport.close();
  transport = open({ connections: 1 });
  answer = () => undefined;
  const first = new AbortController();
  const onTheWay = failure(post(first.signal));
  await expect.poll(() => requests).toBe(1);
  let mine = true;
  const inLine = failure(callWhile(() => mine, post));
  mine = false;
  first.abort();
  await onTheWay;
  expect(await inLine).toMatchObject({ reason: "cancelled", sent: false });
  mine = true;
  // The socket of the aborted call is gone, so this one waits for another to be opened.
  const atTheDoor = failure(callWhile(() => mine, post));
  mine = false;
  expect(await atTheDoor).toMatchObject({ reason: "cancelled", sent: false });
  expect(requests).toBe(1);
  answer = (_request, response) => void response.end("fine");
  expect(await callWhile(() => true, post)).toMatchObject({ text: "fine" });
});

test("an answer that ends in the middle is doubt", async () => {
  answer = (_request, response) => {
    response.writeHead(200, { "content-length": "100" }).write("{");
    setTimeout(() => response.destroy(), 20);
  };
  expect(await failure(post())).toMatchObject({ reason: "network", sent: true });
});

test("for Slack's client: a 429 always says how long, and what is none of Slack's answers is no answer", async () => {
  const call = () => transport.fetch()(url, { body: "" });
  answer = (_request, response) => void response.writeHead(429).end();
  expect((await call()).headers.get("Retry-After")).toBe("5");
  answer = (_request, response) => void response.writeHead(429, { "retry-after": "30" }).end();
  expect((await call()).headers.get("retry-after")).toBe("30");
  answer = (_request, response) => void response.end("<html>");
  expect(await failure(call())).toMatchObject({ reason: "unreadable", sent: true });
});
