import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { memoryStores, nullStores, openStores } from "../../packages/store-client/src/index.ts";
import { storesContract } from "../contract/stores.ts";
import { startHttp } from "../http/start-http.ts";

const nothing = async () => undefined;
storesContract("memory", async () => ({ stores: memoryStores(), close: nothing }));
storesContract("null", async () => ({ stores: nullStores(), close: nothing }), false);
for (const engine of ["Postgres", "PGlite"] as const)
  storesContract(`http, on ${engine},`, async () => {
    const http = await startHttp({ engine });
    const key = await http.key({ kind: "agent", agent: "helpdesk" });
    return { stores: await openStores({ url: await http.listen(), key }), close: () => http.stop() };
  });

describe("a client", () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });

  async function serve(answer: unknown, status = 200): Promise<string> {
    const server = createServer((_request, response) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closers.push(() => void server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it.each([
    ["speaks another API", { service: "parley", api: "2.0.0", min_client: "2.0.0" }, /speaks API 2\.0\.0/],
    ["needs a newer client", { service: "parley", api: "1.4.0", min_client: "1.2.0" }, /needs client 1\.2\.0/],
    ["is something else", { hello: "world" }, /is no Parley gateway/],
  ])("refuses a server that %s", async (_name, answer, message) => {
    const opening = openStores({ url: await serve(answer), key: "k" });
    await expect(opening).rejects.toMatchObject({ code: "incompatible", message: expect.stringMatching(message) });
  });

  it("says so when nobody answers, and names no key", async () => {
    const opening = openStores({ url: "http://127.0.0.1:1", key: "secret" });
    await expect(opening).rejects.toMatchObject({
      code: "unavailable",
      message: "http://127.0.0.1:1 does not answer.",
    });
  });
});
