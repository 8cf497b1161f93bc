import { afterEach, beforeEach, expect, test } from "vitest";
import { Scene } from "../support/e2e.ts";

let scene: Scene;

beforeEach(async () => {
  scene = await Scene.open({ slack: {} });
});

afterEach(() => scene.close());

test.each(["socket", "http"] as const)("a gateway on Telegram and on Slack (%s) says how both are", async (slack) => {
  const running = await scene.start({ slack });
  expect(await (await fetch(`${running.url}/readyz`)).json()).toMatchObject({
    checks: { telegram: expect.any(String), slack: expect.any(String) },
  });
});

test.each(["without Slack", "with Slack by socket"])("%s nothing answers at Slack's path", async (how) => {
  const running = await scene.start(how === "without Slack" ? {} : { slack: "socket" });
  const response = await fetch(`${running.url}/slack/events`, { method: "POST", body: "{}" });
  expect(response.status).toBe(404);
});
