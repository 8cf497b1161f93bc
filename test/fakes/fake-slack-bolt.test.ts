import { App, LogLevel } from "@slack/bolt";
import { expect, test } from "vitest";
import { startFakeSlack, type FakeSlack } from "./slack/fake-slack.ts";

/** An app made with Bolt that writes down what reaches its listeners, and answers. */
async function startApp(fake: FakeSlack): Promise<{ heard: string[]; stop: () => Promise<unknown> }> {
  const app = new App({
    token: fake.app.botToken,
    appToken: fake.app.appToken,
    socketMode: true,
    convoStore: false,
    logLevel: LogLevel.ERROR,
    clientOptions: { slackApiUrl: fake.apiUrl },
  });
  const heard: string[] = [];
  app.message(async ({ message, say }) => {
    // Bolt leaves out the app's own posts, but not its own edits.
    if (message.subtype !== undefined) {
      heard.push(message.subtype);
      return;
    }
    const { text = "", ts } = message;
    heard.push(`message ${message.channel_type}: ${text}`);
    const button = { type: "button" as const, text: { type: "plain_text" as const, text: "Stop" }, action_id: "stop" };
    await say({ thread_ts: ts, text: "yes?", blocks: [{ type: "actions", elements: [button] }] });
  });
  app.event("app_mention", ({ event }) => {
    heard.push(`mention: ${event.text}`);
    return Promise.resolve();
  });
  app.event("agent_session_stopped", ({ event }) => {
    heard.push(`stopped ${event.thread_ts}`);
    return Promise.resolve();
  });
  app.action("stop", async ({ ack, body, respond }) => {
    heard.push(`pressed by ${body.user.id}`);
    await ack();
    await respond({ replace_original: true, text: "stopped" });
  });
  app.command("/parley", async ({ ack, command }) => {
    heard.push(`${command.command} ${command.text}`);
    await ack("done");
  });
  await app.start();
  return { heard, stop: () => app.stop() };
}

test("an app made with Bolt hears people, presses and commands, and is seen to answer", async () => {
  await using fake = await startFakeSlack({ ackWithinMs: 10_000 });
  const { heard, stop } = await startApp(fake);
  const ann = fake.user("ann");
  const channel = fake.channelNamed("general", { members: [ann] });
  const { ts } = fake.say({ channel, user: ann, text: "help", mention: true });
  const answer = await fake.until(() => fake.botMessages(channel)[0]);
  fake.press({ channel, user: ann, ts: answer?.ts ?? "" });
  await fake.until(() => fake.botMessages(channel)[0]?.shown === "stopped");
  fake.slash({ channel, user: ann, command: "/parley stop" });
  await fake.until(() => fake.ephemerals(channel).length === 1);
  fake.stopSession({ channel, user: ann, thread: ts, force: true });
  // Bolt acknowledges before it listens.
  await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(6);
  await stop();
  await fake.until(() => fake.connections.length === 0);

  const mention = `<@${fake.bot.id}> help`;
  expect(heard.toSorted()).toEqual(
    [
      `message channel: ${mention}`,
      `mention: ${mention}`,
      `pressed by ${ann.id}`,
      "message_changed",
      "/parley stop",
      `stopped ${ts}`,
    ].toSorted(),
  );
  expect(fake.transcript(channel)).toEqual([
    "ann: @parley help",
    "[1] bot#1: [Stop]",
    "[1] bot#1~ stopped",
    "bot (only ann): done",
  ]);
  expect(fake.journal.map(({ outcome }) => outcome)).toEqual(fake.journal.map(() => "ok"));
});
