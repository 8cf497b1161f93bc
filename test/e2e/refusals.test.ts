import { once } from "node:events";
import { createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { freePort } from "../support/free-port.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { createTestDatabase } from "../support/postgres.ts";

async function start(options: Parameters<typeof GatewayProcess.start>[0]): Promise<GatewayProcess> {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const gateway = await GatewayProcess.start({ databaseUrl: database.url, ...options });
  onTestFinished(async () => {
    await gateway.kill();
    await gateway.removeData();
  });
  return gateway;
}

it("a port that is taken is said in one line", { timeout: 60_000 }, async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  onTestFinished(() => void other.close());
  const { port } = other.address() as { port: number };
  const gateway = await start({ port, waitReady: false });
  expect(await gateway.exited).toEqual({ code: 1, signal: null });
  expect(gateway.output).toMatch(/^Parley cannot start: listen EADDRINUSE: address already in use 127\.0\.0\.1:\d+$/m);
  expect(gateway.output).not.toMatch(/^\s+at /m);
});

it(
  "a database that cannot be reached is said with the reason, and without its password",
  { timeout: 60_000 },
  async () => {
    const databaseUrl = `postgres://parley:hunter2hunter2@127.0.0.1:${await freePort()}/parley`;
    const gateway = await start({ databaseUrl, waitReady: false });
    expect(await gateway.exited).toEqual({ code: 1, signal: null });
    expect(gateway.output).toMatch(/^Parley cannot start: .*database.*\(.*ECONNREFUSED.*\)$/m);
    expect(gateway.output).not.toMatch(/hunter2|^\s+at /m);
  },
);

it(
  "security-28: a bug that nothing catches ends the process with a line in the log, without the token in it",
  { timeout: 60_000 },
  async () => {
    const bug = "process.on('SIGUSR2',()=>{throw%20new%20Error('GET%20https://h/bot4711:canary-canary-canary/getMe')})";
    const gateway = await start({ env: { NODE_OPTIONS: `--import=data:text/javascript,${bug}` } });
    gateway.signal("SIGUSR2");
    expect(await gateway.exited).toEqual({ code: 1, signal: null });
    expect(gateway.output).toMatch(/^\{"level":"fatal".*GET https:\/\/h\/bot\[redacted\]\/getMe/m);
    expect(gateway.output).not.toMatch(/canary|^\s+at /m);
  },
);
