import { once } from "node:events";
import { createServer, get, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { type SentEvent, writeEvents } from "../../src/http/write-events.ts";
import { until } from "../support/test-gateway.ts";

let server: Server;
let pulled = 0;
let over = false;

/** Events of 20 kB, for ever, at once. */
async function* endless(signal: AbortSignal): AsyncIterable<SentEvent> {
  for (let n = 0; !signal.aborted; n++) {
    pulled++;
    yield { id: String(n), event: "text.delta", data: { text: "x".repeat(20_000) } };
  }
}

async function serve(limits: {
  heartbeatMs: number;
  readerMs: number;
}): Promise<{ response: IncomingMessage; end: () => void }> {
  pulled = 0;
  over = false;
  const end = new AbortController();
  server = createServer((_request, response) => {
    response.once("close", () => end.abort());
    void writeEvents(response, endless(end.signal), limits, end.signal).finally(() => (over = true));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const request = get({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.on("error", () => undefined);
  return { response, end: () => end.abort() };
}

/** Resolves once nothing was taken for 100 ms. */
async function settled(): Promise<number> {
  for (;;) {
    const before = pulled;
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (pulled === before) return pulled;
  }
}

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
});

it("takes nothing more for a reader that does not read, and goes on when it does", async () => {
  const { response } = await serve({ heartbeatMs: 10, readerMs: 60_000 });
  response.pause();
  const taken = await settled();
  // What two sockets and their streams hold: a few MB.
  expect(taken).toBeLessThan(1_000);
  expect(over).toBe(false);
  response.resume();
  await until("more", () => pulled > taken + 100);
  response.destroy();
  await until("the end", () => over);
});

it("ends for a reader that takes nothing in for too long", async () => {
  const { response } = await serve({ heartbeatMs: 60_000, readerMs: 50 });
  response.pause();
  await until("the end", () => over);
  response.resume();
  await until("the broken connection", () => response.destroyed);
  expect(response.complete).toBe(false);
});

it("ends at once when it is told to, whether or not the reader reads", async () => {
  const { response, end } = await serve({ heartbeatMs: 60_000, readerMs: 60_000 });
  response.pause();
  await settled();
  end();
  await until("the end", () => over);
});
