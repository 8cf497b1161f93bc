import { expect, it, onTestFinished } from "vitest";
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
