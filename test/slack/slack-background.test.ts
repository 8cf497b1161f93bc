import { afterEach, beforeEach, expect, test } from "vitest";
import type { PlatformAdapter } from "../../src/platform/platform-adapter.ts";
import type { FakeSlack } from "../fakes/slack/fake-slack.ts";
import { type ConnectedSlack, connectSlack } from "./start-slack.ts";

let slack: FakeSlack;
let adapter: PlatformAdapter;
let close: ConnectedSlack["close"];
const never = new AbortController().signal;

beforeEach(async () => {
  ({ slack, adapter, close } = await connectSlack());
});
afterEach(() => close());

test("what people said in a thread before the bot was asked, with who is a guest, and nothing of programs", async () => {
  const channel = slack.channelNamed("general");
  const ann = slack.user("ann");
  const guest = slack.user("gus", { kind: "guest" });
  const thread = slack.say({ channel, user: ann, text: "Where do we eat?" }).ts;
  const say = (user: typeof ann, text: string) => slack.say({ channel, user, text, thread }).ts;
  say(slack.user("robot", { kind: "bot" }), "beep");
  say(guest, "At <Luigi's>, @ann");
  const asked = slack.say({ channel, user: ann, text: "which one?", mention: true, thread }).ts;
  say(ann, "later");
  const to = { account: adapter.account, chat: channel.id, thread, replyTo: null };
  const said = await adapter.background!.before(to, asked, 50, never);
  expect(said.map(({ sender, text }) => [sender.name, sender.outsider === true, text])).toEqual([
    ["ann", false, "Where do we eat?"],
    ["gus", true, "At <Luigi's>, @ann"],
  ]);
  const newest = await adapter.background!.before(to, asked, 1, never);
  expect(newest.map(({ sender }) => sender.name)).toEqual(["gus"]);
});

test("nothing where the bot has spoken before: a new talk begins without the old one", async () => {
  const channel = slack.channelNamed("general");
  const ann = slack.user("ann");
  const thread = slack.say({ channel, user: ann, text: "a secret", mention: true }).ts;
  const to = { account: adapter.account, chat: channel.id, thread, replyTo: null };
  await adapter.send(to, { text: "I keep it." });
  const asked = slack.say({ channel, user: ann, text: "so?", mention: true, thread }).ts;
  expect(await adapter.background!.before(to, asked, 50, never)).toEqual([]);
});

test("of a long thread the newest words before the message", async () => {
  const channel = slack.channelNamed("general");
  const ann = slack.user("ann");
  const thread = slack.say({ channel, user: ann, text: "0" }).ts;
  for (let at = 1; at <= 450; at++) slack.say({ channel, user: ann, text: String(at), thread });
  const asked = slack.say({ channel, user: ann, text: "so?", thread }).ts;
  const to = { account: adapter.account, chat: channel.id, thread, replyTo: null };
  const said = await adapter.background!.before(to, asked, 2, never);
  expect(said.map(({ text }) => text)).toEqual(["449", "450"]);
});

test("whom Slack does not name is an outsider", async () => {
  const channel = slack.channelNamed("general");
  const ann = slack.user("ann");
  const thread = slack.say({ channel, user: ann, text: "hello" }).ts;
  const asked = slack.say({ channel, user: ann, text: "so?", thread }).ts;
  slack.fault({ kind: "error", error: "internal_error", method: "users.info", times: Infinity });
  const to = { account: adapter.account, chat: channel.id, thread, replyTo: null };
  expect(await adapter.background!.before(to, asked, 5, never)).toMatchObject([{ sender: { outsider: true } }]);
});
