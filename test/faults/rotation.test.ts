import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { CANARIES, Scene } from "../support/e2e.ts";

test("fault-39, security-31: secrets change while people talk, and nothing is lost or restarted", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "parley-secrets-"));
  const scene = await Scene.open({ slack: {} });
  try {
    await rotate(scene, folder);
  } catch (error) {
    scene.explain();
    throw error;
  } finally {
    await scene.close();
    await rm(folder, { recursive: true, force: true });
  }
});

async function rotate(scene: Scene, folder: string): Promise<void> {
  const { telegram, slack, model } = scene;
  // As secrets are replaced: whole, never half written.
  const write = async (name: string, secret: string) => {
    await writeFile(path.join(folder, `${name}.new`), secret, { mode: 0o600 });
    await rename(path.join(folder, `${name}.new`), path.join(folder, name));
  };
  const first = {
    ADMIN_API_KEY: CANARIES.adminKey,
    TELEGRAM_BOT_TOKEN: telegram.token,
    TELEGRAM_WEBHOOK_SECRET: CANARIES.webhookSecret,
    SLACK_SIGNING_SECRET: slack.app.signingSecret,
    OPENAI_API_KEY: CANARIES.modelKey,
  };
  const next = {
    ADMIN_API_KEY: "next-canary-of-the-admin-key-00",
    TELEGRAM_BOT_TOKEN: `${telegram.botId}:NEXT-canary-of-the-token-0000000000`,
    TELEGRAM_WEBHOOK_SECRET: "next_canary_of_the_webhook_secret_0",
    SLACK_SIGNING_SECRET: "next0signing0secret0for0tests000",
    OPENAI_API_KEY: "sk-next-canary-of-the-model-key-0",
  };
  const last = "last-canary-of-the-admin-key-00";
  for (const [name, secret] of Object.entries(first)) await write(name, secret);
  const env = Object.fromEntries(
    Object.keys(first).flatMap((name) => [
      [name, ""],
      [`${name}_FILE`, path.join(folder, name)],
    ]),
  );
  const { url } = await scene.start({ mode: "webhook", slack: "http", env });
  const ann = scene.person("Ann");
  const channel = slack.channelNamed("general");
  const bob = slack.user("bob");
  const statusOf = async (key: string) =>
    (await fetch(`${url}/v1/sessions`, { headers: { authorization: `Bearer ${key}` } })).status;
  await scene.converse(ann.chat, ann.user, "before");

  // Longer than the rotation takes.
  const slowly = { text: `So${", and so".repeat(40)}.`, chunkChars: 14, chunkEveryMs: 250 };
  model.script(({ messages }) => (JSON.stringify(messages.at(-1)).includes("a long one") ? slowly : undefined));
  const long = await scene.ask(ann.chat, ann.user, "a long one");
  for (const [name, secret] of Object.entries(next)) await write(name, secret);
  await expect.poll(() => statusOf(next.ADMIN_API_KEY)).toBe(200);
  // A look may fall between two files: one that begins now has seen all of them.
  await write("ADMIN_API_KEY", last);
  await expect.poll(() => statusOf(last)).toBe(200);
  for (const key of [first.ADMIN_API_KEY, next.ADMIN_API_KEY]) expect(await statusOf(key)).toBe(401);
  expect(scene.log.join("")).toContain("secrets have changed");
  telegram.changeToken(next.TELEGRAM_BOT_TOKEN);
  slack.http.changeSecret(next.SLACK_SIGNING_SECRET);
  model.changeKey(next.OPENAI_API_KEY);
  expect(long.closedAt, "the answer is whole before its secrets have changed").toBeNull();

  // Begun with the old ones, finished with the new ones.
  await model.until(() => long.closedAt !== null);
  await scene.shows(ann.chat, long.sentText);
  await expect.poll(() => model.requests.at(-1)?.apiKeyOk).toBe(true);
  await scene.converse(ann.chat, ann.user, "after");
  await scene.requestFor("by Slack", () => void slack.say({ channel, user: bob, text: "by Slack", mention: true }));
  expect(scene.log.join("")).not.toMatch(/canary|next0signing/i);
}
