import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** Ports that one worker of Vitest gives out, each of them once before one is given again. */
const SHARE = 500;
const FIRST = 20_000;
const SHARES = 24;

let next = randomInt(SHARE);

/**
 * A loopback port that is free now, from below the ranges systems take outgoing ports from (32768+ on Linux): a server
 * that is down for a while must find its port again, not a client that happened to get it. Nor another server: seconds
 * pass between asking here and listening, so workers that run side by side have ports of their own.
 */
export async function freePort(): Promise<number> {
  const first = FIRST + (Number(process.env["VITEST_POOL_ID"] ?? 0) % SHARES) * SHARE;
  for (let tries = 0; tries < SHARE; tries += 1) {
    const port = first + next;
    next = (next + 1) % SHARE;
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${first} and ${first + SHARE}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
