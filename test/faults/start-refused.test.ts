import { expect, it, onTestFinished } from "vitest";
import { Stage } from "../support/chaos/stage.ts";
import { GatewayProcess } from "../support/gateway-process.ts";

it("refuses to start a second process on the same data directory, and says what to do", async () => {
  const stage = await Stage.open({ engine: "embedded" });
  const { process: first, dataDir } = await stage.start("only");
  const second = await GatewayProcess.start({ dataDir, waitReady: false });
  onTestFinished(() => second.kill());
  expect(await second.exited).toEqual({ code: 1, signal: null });
  expect(second.output).toContain(`The data directory is in use by process ${first.pid}`);
  expect(second.output).toContain("DATABASE_URL");
  expect(second.output, "an explanation, not a stack").not.toMatch(/^\s+at /m);
  expect((await first.api("GET", "/readyz")).status).toBe(200);
});

it("ends with 1 and lists every fault of its configuration at once, without any value", async () => {
  const refused = await GatewayProcess.start({
    waitReady: false,
    env: {
      PORT: "seventy",
      DATABASE_URL: "mysql://parley:hunter2@db/parley",
      TELEGRAM_BOT_TOKEN: "no-token-of-any-kind",
      TELEGRAM_MODE: "webhook",
      ACCESS: "everybody",
      ADMIN_API_KEY: "short",
      ON_BUSY: "panic",
    },
  });
  onTestFinished(async () => {
    await refused.kill();
    await refused.removeData();
  });
  expect(await refused.exited).toEqual({ code: 1, signal: null });
  const names = ["PORT", "DATABASE_URL", "TELEGRAM_BOT_TOKEN", "TELEGRAM_WEBHOOK_SECRET", "PUBLIC_URL", "ACCESS"];
  for (const name of [...names, "ADMIN_API_KEY", "ON_BUSY"]) expect(refused.output).toContain(name);
  for (const value of ["seventy", "hunter2", "no-token-of-any-kind", "everybody", "panic"]) {
    expect(refused.output).not.toContain(value);
  }
});
