import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createSlackAdapter, type SlackOptions } from "../../adapters/slack/slack-adapter.ts";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import type { PlatformAdapter } from "../../src/platform/platform-adapter.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import { type FakeSlack, startFakeSlack } from "../fakes/slack/fake-slack.ts";
import { type KeptLog, keepLog } from "../telegram/start-telegram.ts";
import { slackAt } from "./start-slack.ts";

const NEVER = new AbortController().signal;

let slack: FakeSlack;
let log: KeptLog;
let adapter: PlatformAdapter;
let intake: AbortController;
let running: Promise<unknown>[];
let seen: IncomingUpdate[];

beforeEach(async () => {
  slack = await startFakeSlack({ limits: "off", strict: true });
  log = keepLog();
  intake = new AbortController();
  running = [];
  seen = [];
  adapter = slackAt(slack, { log });
  await adapter.connect(NEVER);
});

afterEach(async () => {
  intake.abort();
  await Promise.allSettled(running);
  await adapter.close();
  await slack.close();
});

async function listen(): Promise<void> {
  running.push(
    adapter.start((update) => {
      if (update.kind !== "ignored") seen.push(update);
      return Promise.resolve();
    }, intake.signal),
  );
  await slack.until(() => slack.connections.length === 2);
}

/** A thread in a channel, begun by somebody. */
function thread(channel = slack.channelNamed("general")): ReplyTarget {
  const { ts } = slack.say({ channel, user: slack.user("ann"), text: "question", mention: true });
  return { account: adapter.account, chat: channel.id, thread: ts, replyTo: null };
}

async function firstUpdate(): Promise<IncomingUpdate> {
  await expect.poll(() => seen.length).toBe(1);
  return seen[0]!;
}

describe("who we are", () => {
  test("the account is the workspace of the bot", () => {
    expect(adapter.account).toBe(`slack:${slack.team.id}`);
  });

  test("a token that does not work is fatal, Slack out of reach is not", async () => {
    const refused = slackAt(slack, { botToken: "xoxb-wrong" });
    await expect(refused.connect(NEVER)).rejects.toMatchObject({ code: "unauthorized" });
    slack.fault({ kind: "reset-before", method: "auth.test" });
    const away = slackAt(slack);
    await expect(away.connect(NEVER)).rejects.toMatchObject({ code: "unavailable" });
    await Promise.all([refused.close(), away.close()]);
  });

  test.each<[string, Partial<SlackOptions>]>([
    ["Socket Mode without an app token", { appToken: null }],
    ["Socket Mode with a bot's token for it", { appToken: "xoxb-1" }],
    ["HTTP without a signing secret", { mode: "http", signingSecret: null }],
    ["HTTP with an empty one", { mode: "http", signingSecret: "" }],
    ["HTTP with a short one", { mode: "http", signingSecret: "secret" }],
  ])("security-02: %s is refused at the start", (_what, options) => {
    const all: SlackOptions = {
      botToken: "xoxb-1",
      appToken: "xapp-1",
      signingSecret: "0123456789abcdef",
      apiUrl: null,
      mode: "socket",
      dm: "thread",
      stream: false,
      log,
      ...options,
    };
    expect(() => createSlackAdapter(all)).toThrow(expect.objectContaining({ code: "invalid" }) as Error);
  });

  test("there is a way in over HTTP only where it is wanted", () => {
    expect(adapter.webhook).toBe(undefined);
    expect(slackAt(slack, { mode: "http" }).webhook).toMatchObject({ path: "/slack/events", maxBytes: 1024 * 1024 });
  });

  test("fault-20: a token that is revoked ends the intake at once", async () => {
    await listen();
    slack.revokeToken();
    await expect(running[0]).rejects.toMatchObject({ code: "unauthorized" });
    await slack.until(() => slack.connections.length === 0);
  });
});

test("fault-25: it says whether it gets through to Slack: over one connection it does, over none it does not", async () => {
  const said: boolean[] = [];
  running.push(
    adapter.start(
      () => Promise.resolve(),
      intake.signal,
      (works) => said.push(works),
    ),
  );
  await slack.until(() => slack.connections.length === 2);
  await expect.poll(() => said).toEqual([true, true]);
  const away = slack.fault({ kind: "html", status: 503, method: "apps.connections.open", times: Infinity });
  slack.sockets.drop(1);
  await expect.poll(() => away.hits).toBeGreaterThan(1);
  expect(said).not.toContain(false);
  slack.sockets.drop();
  await expect.poll(() => said.at(-1)).toBe(false);
  away.clear();
  await expect.poll(() => said.at(-1)).toBe(true);
});

describe("what is posted", () => {
  test("stands in its thread, inert: nothing parsed, nothing unfurled, with our mark", async () => {
    const to = thread();
    const [page] = adapter.render("Hello <!channel>, see https://example.org/?q=secret and <@U1>");
    await adapter.send(to, page!, "out_1");
    const [call] = slack.calls("chat.postMessage");
    expect(call?.args).toMatchObject({
      channel: to.chat,
      thread_ts: to.thread,
      parse: "none",
      unfurl_links: "false",
      unfurl_media: "false",
      link_names: "false",
    });
    expect(slack.botMessages(to.chat, to.thread)[0]?.metadata).toEqual({
      event_type: "parley_post",
      event_payload: { id: "out_1" },
    });
  });

  test("keeps its mark and its blocks when it is edited", async () => {
    const to = thread();
    const at = await adapter.send(to, adapter.render("**half")[0]!, "out_1");
    await adapter.editing!.edit(at, adapter.render("**half** and more")[0]!);
    const [message] = slack.botMessages(to.chat, to.thread);
    expect(message).toMatchObject({ edited: null, metadata: { event_payload: { id: "out_1" } } });
    expect(slack.calls("chat.update")[0]?.args).toMatchObject({ parse: "none" });
  });

  test.each<[string, string, object]>([
    ["a channel that is gone", "channel_not_found", { code: "not_found", place: { kind: "gone" } }],
    ["an archived channel", "is_archived", { place: { kind: "gone" } }],
    ["a thread that is gone", "thread_not_found", { code: "not_found", place: undefined }],
    ["a channel without threads", "restricted_action_non_threadable_channel", { place: { kind: "thread_gone" } }],
    ["a revoked token", "token_revoked", { code: "unauthorized" }],
  ])("fault-19: %s is told as what it is", async (_what, error, expected) => {
    slack.fault({ kind: "error", error, method: "chat.postMessage" });
    await expect(adapter.send(thread(), { text: "hi" })).rejects.toMatchObject({ ...expected, delivered: "no" });
  });

  test("an id that is none of Slack's goes nowhere", async () => {
    const to = thread();
    for (const wrong of [{ chat: "x" }, { thread: "7" }, { chat: "https://evil.example/" }]) {
      await expect(adapter.send({ ...to, ...wrong }, { text: "hi" })).rejects.toMatchObject({ code: "invalid" });
    }
    expect(slack.calls("chat.postMessage")).toEqual([]);
  });
});

describe("the answer to a command", () => {
  test("is seen by the one who gave it alone, and sent without our token", async () => {
    const ann = slack.user("ann");
    const channel = slack.channelNamed("general");
    await listen();
    slack.slash({ channel, user: ann, command: "/parley status" });
    const command = await firstUpdate();
    if (command.kind !== "command") throw new Error("no command");
    const { chat, thread: inThread } = command.place;
    await adapter.send(
      { account: adapter.account, chat, thread: inThread, replyTo: command.messageId },
      { text: "Nothing runs <here>." },
    );
    expect(slack.ephemerals(channel).map((it) => [it.user.name, it.shown])).toEqual([["ann", "Nothing runs <here>."]]);
    expect(slack.botMessages(channel)).toEqual([]);
  });

  test("goes to Slack's own addresses and to no other", async () => {
    const to = thread();
    for (const replyTo of [
      "https://evil.example/commands/T1/2/x",
      "http://127.0.0.1:1/commands/x",
      "https://hooks.slack.com.evil.example/commands/x",
    ]) {
      await adapter.send({ ...to, replyTo }, { text: "posted" });
    }
    expect(slack.botMessages(to.chat).map((it) => it.shown)).toEqual(["posted", "posted", "posted"]);
  });

  test("is refused for good when the address is used up", async () => {
    const { responseUrl: replyTo } = slack.slash({
      channel: slack.channelNamed("general"),
      user: slack.user("ann"),
      command: "/parley help",
    });
    const to = { ...thread(), replyTo };
    for (let use = 0; use < 5; use++) await adapter.send(to, { text: "hi" });
    await expect(adapter.send(to, { text: "hi" })).rejects.toMatchObject({ code: "forbidden", delivered: "no" });
  });
});

describe("a post whose answer was lost", () => {
  test("is found among many, and not taken for another app's with the same mark", async () => {
    const to = thread();
    const other = slack.user("otherbot", { kind: "bot" });
    const metadata = { event_type: "parley_post", event_payload: { id: "out_1" } };
    slack.say({ channel: to.chat, thread: to.thread, user: other, text: "forged", fields: { metadata } });
    expect(await adapter.marks!.find(to, "out_1")).toBe(null);
    const sent = await adapter.send(to, { text: "ours" }, "out_1");
    for (let i = 0; i < 250; i++)
      slack.say({ channel: to.chat, thread: to.thread, user: slack.user("ann"), text: "x" });
    expect(await adapter.marks!.find(to, "out_1")).toEqual(sent);
    const outside = { ...to, thread: "" };
    expect(await adapter.marks!.find(outside, "out_1")).toBe(null);
    const top = await adapter.send(outside, { text: "at the top" }, "out_2");
    expect(await adapter.marks!.find(outside, "out_2")).toEqual(top);
  });

  test("is found where the bot has another id, as in each team of an organisation", async () => {
    const to = thread();
    const metadata = { event_type: "parley_post", event_payload: { id: "out_1" } };
    const fields = { metadata, bot_id: "B0ELSEWHERE" };
    const ours = slack.say({ channel: to.chat, thread: to.thread, user: slack.app.bot, text: "ours", fields });
    expect(await adapter.marks!.find(to, "out_1")).toMatchObject({ messageId: ours.ts });
  });

  test("stays in doubt when it cannot be told", async () => {
    const to = thread();
    const { responseUrl: replyTo } = slack.slash({
      channel: slack.channelNamed("general"),
      user: slack.user("ann"),
      command: "/parley help",
    });
    await adapter.send({ ...to, replyTo }, { text: "seen by one" }, "out_1");
    await expect(adapter.marks!.find({ ...to, replyTo }, "out_1")).rejects.toMatchObject({ code: "unavailable" });
    slack.fault({ kind: "html", method: "conversations.replies" });
    await expect(adapter.marks!.find(to, "out_1")).rejects.toMatchObject({ code: "unavailable" });
    for (let i = 0; i < 1_100; i++)
      slack.say({ channel: to.chat, thread: to.thread, user: slack.user("ann"), text: "x" });
    await expect(adapter.marks!.find(to, "out_1")).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("the status of a thread", () => {
  test("comes and goes, and is nobody's matter outside of threads", async () => {
    const to = thread();
    await adapter.typing!.show(to);
    expect(slack.status(to.chat, to.thread)?.status).not.toBe("");
    await adapter.typing!.hide!(to);
    expect(slack.status(to.chat, to.thread)).toBe(null);
    await adapter.typing!.show({ ...to, thread: "" });
    expect(slack.calls("assistant.threads.setStatus").length).toBe(2);
  });

  test("hurts nothing where it is not taken, and is left out in that channel", async () => {
    const to = thread();
    slack.fault({
      kind: "error",
      error: "method_not_supported_for_channel_type",
      method: "assistant.threads.setStatus",
    });
    await adapter.typing!.show(to);
    await adapter.typing!.show(to);
    await adapter.typing!.hide!(to);
    expect(slack.calls("assistant.threads.setStatus").length).toBe(1);
    const elsewhere = thread(slack.channelNamed("elsewhere"));
    await adapter.typing!.show(elsewhere);
    expect(slack.calls("assistant.threads.setStatus").length).toBe(2);
    expect(log.lines.filter(({ level }) => level === "warn").length).toBe(1);
  });

  test("goes on in a channel where one thread was taken back", async () => {
    slack.fault({ kind: "error", error: "thread_not_found", method: "assistant.threads.setStatus" });
    await adapter.typing!.show(thread());
    await adapter.typing!.show(thread());
    expect(slack.calls("assistant.threads.setStatus").map(({ outcome }) => outcome)).toEqual([
      "thread_not_found",
      "ok",
    ]);
  });

  test("a 429 for it stops no post", async () => {
    const to = thread();
    slack.fault({ kind: "429", retryAfter: 30, method: "assistant.threads.setStatus" });
    await adapter.typing!.show(to);
    await adapter.typing!.show(to);
    await adapter.send(to, { text: "hi" });
    expect(slack.calls("assistant.threads.setStatus").length).toBe(1);
  });
});

describe("guests and strangers", () => {
  test.each([
    ["a member", {}, undefined],
    ["a guest", { kind: "guest" as const }, true],
    ["a guest of one channel", { kind: "single_channel_guest" as const }, true],
  ])("%s in a channel", async (name, options, outsider) => {
    await listen();
    slack.say({ channel: slack.channelNamed("general"), user: slack.user(name, options), text: "hi", mention: true });
    await expect.poll(() => seen.length).toBeGreaterThan(0);
    expect(seen[0]).toMatchObject({ kind: "message", sender: { name } });
    expect((seen[0] as { sender: { outsider?: true } }).sender.outsider).toBe(outsider);
  });

  test("somebody of another organisation in a shared channel is an outsider", async () => {
    await listen();
    const team = slack.otherTeam("Other");
    const channel = slack.channelNamed("shared", { sharedWith: [team] });
    slack.say({ channel, user: slack.user("eve", { team }), text: "hi", mention: true });
    await expect.poll(() => seen.length).toBeGreaterThan(0);
    expect(seen[0]).toMatchObject({ sender: { outsider: true } });
  });

  test("whom Slack does not name in time is heard in a DM at once, and in a channel when it has told of it again", async () => {
    await listen();
    const ann = slack.user("ann");
    slack.fault({ kind: "late", ms: 2_500, method: "users.info", times: 2 });
    slack.say({ channel: slack.channelNamed("general"), user: ann, text: "hi", mention: true });
    slack.say({ channel: slack.dm(slack.user("bob")), user: slack.user("bob"), text: "hi" });
    await expect.poll(() => seen.length, { timeout: 5_000 }).toBeGreaterThan(0);
    expect(seen[0]).toMatchObject({ place: { kind: "private" } });
    await slack.until(() => slack.pendingEvents === 0, 15_000);
    expect(new Set(seen.map(({ key }) => key)).size).toBe(2);
    for (const it of seen) expect((it as { sender: object }).sender).not.toHaveProperty("outsider");
    expect(slack.deliveries.some(({ outcome }) => outcome === "failed")).toBe(true);
  });

  test("whom Slack refuses to name is an outsider in a channel", async () => {
    await listen();
    slack.fault({ kind: "error", error: "missing_scope", method: "users.info", times: Number.POSITIVE_INFINITY });
    slack.say({ channel: slack.channelNamed("general"), user: slack.user("ann"), text: "hi", mention: true });
    await slack.until(() => slack.pendingEvents === 0, 15_000);
    expect(seen[0]).toMatchObject({ sender: { outsider: true } });
  });

  test("nobody is asked about for what is not addressed to the bot", async () => {
    await listen();
    slack.say({ channel: slack.channelNamed("general"), user: slack.user("ann"), text: "among ourselves" });
    await slack.until(() => slack.pendingEvents === 0);
    expect(slack.calls("users.info")).toEqual([]);
  });
});

describe("what comes in", () => {
  test("a mention and its message have one key; edits, moves and presses are what they are", async () => {
    await listen();
    const channel = slack.channelNamed("general");
    const ann = slack.user("ann");
    const { ts } = slack.say({ channel, user: ann, text: "question", mention: true });
    await slack.until(() => slack.pendingEvents === 0);
    expect(new Set(seen.map(({ key }) => key))).toEqual(new Set([`m:${channel.id}:${ts}`]));
    slack.edit({ channel, ts, text: `<@${slack.bot.id}> better question`, wire: `<@${slack.bot.id}> better question` });
    const { oldId, newId } = slack.changeChannelId(channel);
    await slack.until(() => slack.pendingEvents === 0);
    expect(seen.at(-2)).toMatchObject({ kind: "edited", text: "better question" });
    expect(seen.at(-1)).toMatchObject({ kind: "place_moved", chat: oldId, newChat: newId });
  });

  test("security-14: our own posts and edits, other bots and hidden changes are not taken in", async () => {
    await listen();
    const to = thread();
    await expect.poll(() => seen.length).toBeGreaterThan(0);
    await slack.until(() => slack.pendingEvents === 0);
    seen.length = 0;
    const at = await adapter.send(to, { text: `hello <@${slack.bot.id}>` });
    await adapter.editing!.edit(at, { text: "hello you" });
    slack.say({ channel: to.chat, user: slack.user("otherbot", { kind: "bot" }), text: "hi", mention: true });
    slack.unfurl(to.chat, to.thread);
    await adapter.editing!.remove(at);
    await slack.until(() => slack.pendingEvents === 0);
    await sleep(50);
    expect(seen).toEqual([]);
  });
});
