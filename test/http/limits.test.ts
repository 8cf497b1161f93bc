import { connect, type Socket } from "node:net";
import nock from "nock";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/test-gateway.ts";
import { KEY, startHttp, type TestHttp } from "./start-http.ts";

let http: TestHttp;
let port: number;
/** Waits for nobody for long; only for those who are to be cut off, since a busy machine is slow as well. */
let impatient: TestHttp;
let impatientPort: number;

beforeAll(async () => {
  // It would wait for whole requests, and here none are whole.
  nock.restore();
  http = await startHttp({ limits: { bodyBytes: 100_000 } });
  port = Number(new URL(await http.listen()).port);
  impatient = await startHttp({ limits: { headersMs: 200, requestMs: 400, checkEveryMs: 50 } });
  impatientPort = Number(new URL(await impatient.listen()).port);
});
afterAll(() => Promise.all([http.stop(), impatient.stop()]));

interface Exchange {
  socket: Socket;
  received: () => string;
  /** True once the server has closed the connection. */
  closed: () => boolean;
}

function dial(to = port): Exchange {
  const socket = connect(to, "127.0.0.1");
  let text = "";
  let isClosed = false;
  socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  socket.on("error", () => undefined).on("close", () => (isClosed = true));
  socket.on("end", () => (isClosed = true));
  return { socket, received: () => text, closed: () => isClosed };
}

const head = (path: string, ...headers: string[]): string =>
  [`POST ${path} HTTP/1.1`, "host: test", "content-type: application/json", ...headers, "", ""].join("\r\n");
const withKey = `authorization: Bearer ${KEY}`;

describe("security-07: a body", () => {
  it("that says it is too large is refused before a byte of it came", async () => {
    const { socket, received } = dial();
    socket.write(head("/v1/sessions", withKey, "content-length: 10000000"));
    await until("the refusal", () => received().includes("\r\n\r\n{"));
    expect(received()).toMatch(/^HTTP\/1\.1 413 /);
    expect(received()).toContain('"detail":"The body is too large."');
    socket.destroy();
  });

  it("that turns out to be too large is refused in the middle, and the client can read that", async () => {
    const response = await fetch(`http://127.0.0.1:${port}/v1/sessions`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      body: new ReadableStream({
        start(controller) {
          for (let n = 0; n < 100; n++) controller.enqueue(new Uint8Array(100_000));
          controller.close();
        },
      }),
      duplex: "half",
    });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ code: "too_large", status: 413 });
  });

  it("that was too large does not spoil its connection for the next request", async () => {
    const { socket, received } = dial();
    socket.write(head("/v1/sessions", withKey, "content-length: 150000"));
    await until("the refusal", () => received().includes("\r\n\r\n{"));
    socket.write(`${"x".repeat(150_000)}GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n`);
    await until("the next answer", () => received().includes('{"status":"ok"}'));
    socket.destroy();
  });

  it("of 10 MB without a key is refused before it is read", async () => {
    const { socket, received } = dial();
    socket.write(head("/v1/sessions", "content-length: 10000000"));
    await until("the refusal", () => received().includes("\r\n\r\n{"));
    expect(received()).toMatch(/^HTTP\/1\.1 401 /);
    socket.destroy();
  });

  it("of a path that is not there is not read either", async () => {
    const { socket, received } = dial();
    socket.write(head("/v2/sessions", "content-length: 10000000"));
    await until("the refusal", () => received().includes("\r\n\r\n{"));
    expect(received()).toMatch(/^HTTP\/1\.1 404 /);
    socket.destroy();
  });
});

describe("security-07: whoever trickles", () => {
  it("the headers is cut off", async () => {
    const { socket, received, closed } = dial(impatientPort);
    const trickle = setInterval(() => socket.write("x"), 20);
    socket.write("GET /healthz HTTP/1.1\r\nhost: test\r\nx-slow: ");
    await until("the end", closed);
    clearInterval(trickle);
    expect(received()).toMatch(/^HTTP\/1\.1 408 /);
    expect(received()).toContain("application/problem+json");
  });

  it("the body is cut off", async () => {
    const { socket, received, closed } = dial(impatientPort);
    socket.write(head("/v1/sessions", withKey, "content-length: 1000"));
    const trickle = setInterval(() => socket.write(" "), 20);
    await until("the end", closed);
    clearInterval(trickle);
    expect(received()).toMatch(/^HTTP\/1\.1 408 /);
  });

  it("the body of what was refused already is cut off as well", async () => {
    const { socket, received, closed } = dial(impatientPort);
    socket.write(head("/v1/sessions", "content-length: 1000"));
    const trickle = setInterval(() => socket.write(" "), 20);
    await until("the end", closed);
    clearInterval(trickle);
    expect(received()).toMatch(/^HTTP\/1\.1 401 /);
  });
});

describe("what is no request", () => {
  it.each([
    ["noise", "\u0016\u0003\u0001\u0002\u0000\u0001\r\n\r\n", 400],
    ["two lengths", head("/v1/sessions", "content-length: 5", "content-length: 6"), 400],
    ["a length and chunks", head("/v1/sessions", "content-length: 5", "transfer-encoding: chunked"), 400],
    ["headers without end", `GET / HTTP/1.1\r\nhost: test\r\nx: ${"x".repeat(20_000)}`, 431],
    ["no host", "GET /healthz HTTP/1.1\r\n\r\n", 400],
  ])("is answered and closed: %s", async (_name, bytes, status) => {
    const { socket, received, closed } = dial();
    socket.write(bytes);
    await until("the end", closed);
    expect(received()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(received()).not.toMatch(/node:|\.ts|HPE_|at [A-Z]/);
  });
});

describe("closing", () => {
  it("lets a request under way end, and keeps its connection for no other", async () => {
    const pause = Promise.withResolvers<null>();
    const asked = Promise.withResolvers<void>();
    const approvePairing = (): Promise<null> => {
      asked.resolve();
      return pause.promise;
    };
    const other = await startHttp({ approvePairing, limits: { closeMs: 600_000 } });
    const url = new URL(await other.listen());
    const { socket, received, closed } = dial(Number(url.port));
    socket.write(head("/v1/pairings/x/approve", withKey, "content-length: 0"));
    await asked.promise;
    const stopped = other.stop();
    await until("the end of listening", () => !other.app.server.listening);
    pause.resolve(null);
    await stopped;
    await until("the end", closed);
    expect(received()).toMatch(/^HTTP\/1\.1 404 [^]*There is no such code/);
  });

  it("does not wait for requests that never end", async () => {
    const other = await startHttp({ limits: { closeMs: 200 } });
    const url = new URL(await other.listen());
    const socket = connect(Number(url.port), "127.0.0.1");
    let isClosed = false;
    socket.on("error", () => undefined).on("close", () => (isClosed = true));
    socket.resume().write(head("/v1/sessions", withKey, "content-length: 1000"));
    await until("the connection", async () => {
      return new Promise<boolean>((resolve) => other.app.server.getConnections((_error, n) => resolve(n === 1)));
    });
    await other.stop();
    await until("the cut", () => isClosed);
  });
});
