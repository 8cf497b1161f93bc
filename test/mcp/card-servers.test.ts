import { afterEach, expect, test } from "vitest";
import { createMcpServers } from "../../adapters/mcp/mcp-servers.ts";
import { noServers, type ToolServers } from "../../src/agent/tool-servers.ts";
import { startHttpMcpServer } from "../fakes/mcp/http-mcp-server.ts";
import { callOf, namesOf } from "./start-mcp.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function start() {
  const server = await startHttpMcpServer();
  closing.push(() => server.close());
  const troubles: string[] = [];
  let opened = 0;
  const pool = createMcpServers(
    { servers: [], leftOut: new Map() },
    {
      onTrouble: (name, reason) => troubles.push(`${name}: ${reason}`),
      lookup: (name) => (name === "URL" ? server.url : undefined),
    },
  );
  const late: ToolServers = noServers(new Map(), async () => {
    opened += 1;
    return pool;
  });
  closing.push(() => late.close());
  return { late, pool, troubles, opened: () => opened };
}

test("an agent uses servers that its card brings, all cards one connection, opened with the first run", async () => {
  const { late, pool, opened } = await start();
  expect(await namesOf(late.view({ servers: ["other"] }, "s"))).toEqual([]);
  expect(opened()).toBe(0);
  const views = ["a", "b"].map((session) => late.view({ connects: [{ name: "mine", url: "${URL}" }] }, session));
  for (const view of views) {
    expect(await namesOf(view)).toContain("mine__echo");
    expect(await callOf(view, "mine__echo", { text: "hello" })).toMatchObject({ ok: true, text: "hello" });
  }
  expect([opened(), pool.connections]).toEqual([1, 1]);
});

test("one that names what is not set costs its tools, and the operator is told once", async () => {
  const { late, pool, troubles } = await start();
  for (let run = 0; run < 2; run++) {
    expect(await namesOf(late.view({ connects: [{ name: "mine", url: "${NOBODY}" }] }, "s"))).toEqual([]);
  }
  expect(troubles).toEqual(["mine: mcp_connect names what is not set, or no http address"]);
  expect(pool.connections).toBe(0);
});
