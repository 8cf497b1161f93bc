import { afterEach, beforeEach, expect, test } from "vitest";
import { SlackApi } from "../../adapters/slack/slack-api.ts";
import { ThreadStatus } from "../../adapters/slack/slack-status.ts";
import type { AccountId } from "../../src/ids.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import { type FakeSlack, startFakeSlack } from "../fakes/slack/fake-slack.ts";
import { type KeptLog, keepLog } from "../telegram/start-telegram.ts";

const SESSIONS = "agents.sessions.setStatus";

let slack: FakeSlack;
let api: SlackApi;
let status: ThreadStatus;
let to: ReplyTarget;
let log: KeptLog;

beforeEach(async () => {
  slack = await startFakeSlack({ strict: true });
  api = new SlackApi({ botToken: slack.app.botToken, apiUrl: slack.apiUrl, secrets: [] });
  log = keepLog();
  status = new ThreadStatus(api, log, [1, 1]);
  const user = slack.user("ann");
  const { ts } = slack.say({ channel: slack.dm(user), user, text: "hello" });
  to = {
    account: "slack:T1" as AccountId,
    chat: slack.dm(user).id,
    thread: ts,
    replyTo: null,
    placeKind: "private",
  } as ReplyTarget;
});
afterEach(async () => {
  await api.close();
  await slack.close();
});

const session = () => slack.session(to.chat, to.thread)?.status;
const calls = () => slack.calls(SESSIONS).map(({ args, outcome }) => [args["status"], outcome]);

test("a thread of a direct message is at work until its run is over, which another process may have begun", async () => {
  await status.show(to);
  expect(session()).toBe("processing");
  expect(slack.calls("assistant.threads.setStatus")).toEqual([]);
  await new ThreadStatus(api, keepLog()).over(to, true);
  expect(session()).toBe("active");
});

test("what is not released is tried again, unless the next run is at work there already", async () => {
  await status.show(to);
  slack.fault({ kind: "error", error: "internal_error", method: SESSIONS });
  await status.over(to, false);
  expect(session()).toBe("active");
  await status.show(to);
  slack.fault({ kind: "error", error: "internal_error", method: SESSIONS });
  const over = status.over(to, false);
  await slack.until(() => slack.calls(SESSIONS).length === 5);
  await status.show(to);
  await over;
  expect(session()).toBe("processing");
  expect(calls()).toHaveLength(6);
});

test("what comes for a thread one after the other gets to Slack so", async () => {
  slack.latency(20);
  await Promise.all([status.show(to), status.over(to, false), status.show(to)]);
  expect(calls().map(([word]) => word)).toEqual(["processing", "active", "processing"]);
  expect(session()).toBe("processing");
});

test("where Slack has no agent sessions the line is shown, and they are never asked for again", async () => {
  slack.fault({ kind: "error", error: "unknown_method", method: SESSIONS, times: Infinity });
  await status.show(to);
  expect(slack.status(to.chat, to.thread)?.status).toBe("is thinking…");
  await status.over(to, false);
  await status.hide(to);
  await status.show(to);
  expect(calls()).toEqual([["processing", "unknown_method"]]);
});

test("where one thread is no session the line is shown, and nothing is said of it in the log", async () => {
  slack.fault({ kind: "error", error: "channel_type_not_supported", method: SESSIONS });
  await status.show(to);
  expect(slack.status(to.chat, to.thread)?.status).toBe("is thinking…");
  await status.over(to, false);
  expect(log.lines).toEqual([]);
  await status.show(to);
  expect(session()).toBe("processing");
});

test("of many that begin at once the last get the line, so that all can be released", async () => {
  const user = slack.user("ann");
  for (let at = 0; at < 20; at++) {
    await status.show({ ...to, thread: slack.say({ channel: slack.dm(user), user, text: "hello" }).ts });
  }
  expect(calls()).toHaveLength(15);
  expect(slack.calls("assistant.threads.setStatus")).toHaveLength(5);
});

test("what cannot be shown once more stays, and is released", async () => {
  await status.show(to);
  slack.fault({ kind: "429", retryAfter: 0.01, method: SESSIONS });
  await status.show(to);
  expect(slack.calls("assistant.threads.setStatus")).toEqual([]);
  await status.over(to, false);
  expect(session()).toBe("active");
});

test("a thread that was not said to be at work is not released", async () => {
  await status.over(to, false);
  expect(calls()).toEqual([]);
});

test("channels and direct messages that are one talk have none", async () => {
  const user = slack.user("ann");
  const channel = slack.channelNamed("general");
  const { ts } = slack.say({ channel, user, text: "hello", mention: true });
  for (const place of [
    { ...to, thread: "" },
    { ...to, chat: channel.id, thread: ts, placeKind: "group" as const },
  ]) {
    await status.show(place);
    await status.over(place, true);
    await status.hide(place);
  }
  expect(calls()).toEqual([]);
});
