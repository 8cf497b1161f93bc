import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { startHttpMcpServer } from "../fakes/mcp/http-mcp-server.ts";
import { createTestDatabase } from "../support/postgres.ts";

const MAIN = path.join(import.meta.dirname, "idle-sessions-main.ts");

it("holds 10,000 idle sessions in the memory of 100: of each of them only rows are left", async () => {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const server = await startHttpMcpServer();
  onTestFinished(() => server.close());
  const args = ["--expose-gc", "--max-semi-space-size=4", MAIN, database.url, server.url];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 170_000 });
  const { afterFirst, afterRuns, afterAll, sessions, states } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  expect([sessions, states]).toEqual([10_000, [{ state: "completed", count: 1_500 }]]);
  expect(server.calls).toHaveLength(100);
  const inMb = [afterFirst, afterRuns, afterAll].map((bytes: number) => (bytes / 2 ** 20).toFixed(1));
  process.stdout.write(`      MB after 100 sessions, after 1,000 that ran, after 10,000: ${inMb.join(", ")}\n`);
  expect(afterAll / afterFirst).toBeLessThan(1.05);
});
