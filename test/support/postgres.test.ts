import { Client } from "pg";
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, startPostgres } from "./postgres.ts";
import type { PostgresServer } from "./postgres-server.ts";
import { childrenOf, isAlive, waitUntilGone } from "./processes.ts";

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres({ fsync: true });
});

afterAll(() => server.stop());

async function ask(url: string, statement: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on("error", () => {}); // the server is killed under it
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows.flatMap((row) => Object.values(row));
  } finally {
    await client.end();
  }
}

test("a test database has all migrations", async () => {
  const database = await createTestDatabase();
  expect(await ask(database.url, "select to_regclass('messages')::text")).toEqual(["messages"]);
  await database.drop();
});

test("two test databases share nothing, and a dropped one is gone", async () => {
  const [first, second] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  await ask(first.url, "create table only_here (n int)");
  expect(await ask(second.url, "select to_regclass('only_here')")).toEqual([null]);
  const bystander = new Client({ connectionString: first.url });
  bystander.on("error", () => {});
  await bystander.connect();
  await first.drop();
  await expect(ask(first.url, "select 1")).rejects.toThrow(/does not exist/);
  await second.drop();
});

test("committed rows survive kill -9 of the postmaster and all its children", async () => {
  await ask(server.url, "create table survivors (n int)");
  await ask(server.url, "insert into survivors values (7)");
  const before = [server.pid, ...childrenOf(server.pid)];
  expect(before.length).toBeGreaterThan(3);
  await server.kill();
  expect(before.filter((pid) => isAlive(pid))).toEqual([]);
  expect(server.pid).toBe(0);
  await expect(ask(server.url, "select 1")).rejects.toThrow(/ECONNREFUSED/);
  await server.restart();
  expect(await ask(server.url, "select n from survivors")).toEqual([7]);
});

test("an immediate restart keeps the address and what was committed", async () => {
  const { url, pid } = server;
  await ask(url, "create table kept as select 1 as n");
  await server.restart();
  expect(server.url).toBe(url);
  expect(server.pid).not.toBe(pid);
  expect(await ask(url, "select n from kept")).toEqual([1]);
});

test("a frozen server takes connections and answers only when thawed", async () => {
  server.freeze();
  let answered = false;
  const answer = ask(server.url, "select 1").finally(() => (answered = true));
  const refused = new Client({ connectionString: server.url, connectionTimeoutMillis: 200 });
  await expect(refused.connect()).rejects.toThrow(/timeout/);
  expect(answered).toBe(false);
  server.thaw();
  expect(await answer).toEqual([1]);
});

test("no server outlives the one who started it, whatever ended that one", async () => {
  const script = `
    import { startPostgres } from ${JSON.stringify(path.join(import.meta.dirname, "postgres.ts"))};
    const server = await startPostgres({ fsync: false });
    console.log(server.pid);
  `;
  const starter = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(starter.stdout, "data")) as [Buffer];
  const postmaster = Number(line.toString());
  expect(isAlive(postmaster)).toBe(true);
  starter.kill("SIGKILL");
  expect(await waitUntilGone([postmaster], 15_000)).toBe(true);
});
