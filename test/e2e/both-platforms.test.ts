import { afterEach, beforeEach, expect, test } from "vitest";
import { type FakeSlack, startFakeSlack } from "../fakes/slack/fake-slack.ts";
import { Scene } from "../support/e2e.ts";
import { freePort } from "../support/free-port.ts";

let scene: Scene;
let slack: FakeSlack;

beforeEach(async () => {
  scene = await Scene.open();
  slack = await startFakeSlack({ strict: true });
});

afterEach(async () => {
  await scene.close();
  await slack[Symbol.asyncDispose]();
});

test.each(["socket", "http"] as const)("one gateway answers on Telegram and on Slack (%s)", async (mode) => {
  const port = await freePort();
  const running = await scene.start({
    env: {
      PORT: String(port),
      SLACK_BOT_TOKEN: slack.app.botToken,
      SLACK_API_URL: slack.apiUrl,
      ...(mode === "socket"
        ? { SLACK_APP_TOKEN: slack.app.appToken }
        : { SLACK_SIGNING_SECRET: slack.app.signingSecret }),
    },
  });
  if (mode === "http") slack.http.sendTo([`${running.url}/slack/events`]);
  expect(await (await fetch(`${running.url}/readyz`)).json()).toMatchObject({
    checks: { telegram: expect.any(String), slack: expect.any(String) },
  });

  const { chat, user } = scene.person("Ann");
  await scene.converse(chat, user, "hello from Telegram");
  const ann = slack.user("ann");
  const channel = slack.channelNamed("general");
  const { ts } = slack.say({ channel, user: ann, text: "hello from Slack", mention: true });
  await slack.until(() => slack.botMessages(channel, ts).length === 1);
  slack.say({ channel, user: ann, text: "and without a name", thread: ts });
  await slack.until(() => slack.botMessages(channel, ts).length === 2, 15_000);
  const asked = scene.model.requests.map(({ messages }) => JSON.stringify(messages.at(-1)?.content));
  expect(asked).toHaveLength(3);
  expect(asked.at(-1)).toContain("and without a name");
  expect(scene.leaks()).toEqual([]);
});

test("in Slack an answer is stopped by its button, by who asked for it, and with a command for the whole channel", async () => {
  scene.model.script(() => ({ text: "word ".repeat(2_000), chunkChars: 5, chunkEveryMs: 50 }));
  await scene.start({
    env: {
      SLACK_BOT_TOKEN: slack.app.botToken,
      SLACK_APP_TOKEN: slack.app.appToken,
      SLACK_API_URL: slack.apiUrl,
    },
  });
  const [ann, bob] = [slack.user("ann"), slack.user("bob")];
  const channel = slack.channelNamed("general");
  const { ts } = slack.say({ channel, user: ann, text: "tell me", mention: true });
  await slack.until(() => slack.botMessages(channel, ts).some(({ shown }) => shown.includes("[Stop]")));
  const [answer] = slack.botMessages(channel, ts);
  slack.press({ channel, user: bob, ts: answer!.ts });
  slack.press({ channel, user: ann, ts: answer!.ts });
  await slack.until(() => answer!.shown.endsWith("⏹ Stopped."), 15_000);
  const { ts: second } = slack.say({ channel, user: ann, text: "again", mention: true });
  await slack.until(() => slack.botMessages(channel, second).length === 1);
  slack.slash({ channel, user: ann, command: "/parley stop" });
  await slack.until(() => slack.botMessages(channel, second)[0]!.shown.endsWith("⏹ Stopped."), 15_000);
  await slack.until(() => slack.ephemerals(channel).some(({ shown }) => shown === "⏹ Stopped."));
});

test("without it nothing answers at Slack's path", async () => {
  const running = await scene.start();
  const response = await fetch(`${running.url}/slack/events`, { method: "POST", body: "{}" });
  expect(response.status).toBe(404);
});
