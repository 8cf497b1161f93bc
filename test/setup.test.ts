import { once } from "node:events";
import { createServer, get, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import nock from "nock";
import { afterEach, beforeEach, expect, test } from "vitest";

let server: Server;
let port: number;

beforeEach(async () => {
  server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as AddressInfo).port;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function nextResponse(): Promise<ServerResponse> {
  const [, response] = (await once(server, "request")) as [unknown, ServerResponse];
  return response;
}

test("no test reaches beyond this machine", async () => {
  await expect(fetch("http://192.0.2.1/")).rejects.toMatchObject({ cause: { code: "ENETUNREACH" } });
  const [error] = (await once(get("http://127.0.0.1.example.com/"), "error")) as [NodeJS.ErrnoException];
  expect(error.code).toBe("ENETUNREACH");
});

test("loopback is reached by address and by name", async () => {
  server.on("request", (_request, response: ServerResponse) => response.end("here"));
  const texts = ["127.0.0.1", "localhost"].map(async (host) => (await fetch(`http://${host}:${port}/`)).text());
  expect(await Promise.all(texts)).toEqual(["here", "here"]);
});

test("a fake is answered for, once", async () => {
  nock("https://api.example.com").get("/me").reply(200, "faked");
  expect(await (await fetch("https://api.example.com/me")).text()).toBe("faked");
  expect((await fetch("https://api.example.com/me")).status).toBe(501);
});

test("a streamed answer arrives as it is written, and the server sees the reader leave", async () => {
  const leaving = new AbortController();
  const asked = fetch(`http://127.0.0.1:${port}/`, { signal: leaving.signal });
  const response = await nextResponse();
  response.write("first");
  const reader = (await asked).body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value as Uint8Array)).toBe("first");
  leaving.abort();
  await once(response, "close");
});
