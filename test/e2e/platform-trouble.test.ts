import { expect, test } from "vitest";
import { sceneOf } from "../support/e2e.ts";

const scene = sceneOf({});

test("while Telegram cannot be reached, readiness says so, and its verdict stays", { timeout: 60_000 }, async () => {
  const { telegram } = scene();
  const { url } = await scene().start();
  const ready = async () => {
    const answer = await fetch(`${url}/readyz`);
    const { checks } = (await answer.json()) as { checks: Record<string, string> };
    return [answer.status, checks["telegram"]];
  };
  await expect.poll(ready).toEqual([200, "taking in"]);
  const fault = telegram.fault({ kind: "html-502", method: "getUpdates", times: Number.POSITIVE_INFINITY });
  // The poll under way is answered as ever, the next ones are not.
  const { chat, user } = scene().person("Ann");
  telegram.say({ chat, from: user, text: "hello" });
  await expect.poll(ready, { timeout: 10_000 }).toEqual([200, "in trouble"]);
  fault.clear();
  telegram.say({ chat, from: user, text: "and again" });
  await expect.poll(ready, { timeout: 40_000 }).toEqual([200, "taking in"]);
});
