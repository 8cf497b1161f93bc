import { WebClient } from "@slack/web-api";
import { afterEach, describe, expect, test } from "vitest";
import { startFakeSlack, type FakeSlack, type FakeSlackOptions } from "./slack/fake-slack.ts";

const started: FakeSlack[] = [];

async function start(options: FakeSlackOptions = {}): Promise<{ fake: FakeSlack; web: WebClient }> {
  const fake = await startFakeSlack(options);
  started.push(fake);
  return { fake, web: client(fake) };
}

function client(fake: FakeSlack, token = fake.app.botToken): WebClient {
  return new WebClient(token, {
    slackApiUrl: fake.apiUrl,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    timeout: 5000,
  });
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((fake) => fake.close()));
});

describe("an app with Slack's own client", () => {
  test("learns who it is, where, and what it may do", async () => {
    const { fake, web } = await start();
    const me = await web.auth.test();
    expect(me).toMatchObject({ team_id: fake.team.id, user_id: fake.bot.id, bot_id: fake.bot.botId, user: "parley" });
    expect(me.response_metadata?.scopes).toContain("chat:write");
    expect((await web.team.info()).team).toMatchObject({ id: fake.team.id, name: "Acme", domain: "acme" });
  });

  test("answers by one message that grows, in the thread of the question", async () => {
    const { fake, web } = await start();
    const ann = fake.user("ann");
    const dm = fake.dm(ann);
    const { ts } = fake.say({ channel: dm, user: ann, text: "hi" });
    const markdown = (text: string): { type: "markdown"; text: string }[] => [{ type: "markdown", text }];
    const sent = await web.chat.postMessage({
      channel: dm.id,
      thread_ts: ts,
      text: "Hel",
      blocks: markdown("**Hel**"),
      parse: "none",
      unfurl_links: false,
      unfurl_media: false,
    });
    await web.chat.update({
      channel: dm.id,
      ts: sent.ts ?? "",
      text: "Hello",
      blocks: markdown("**Hello** &lt;b&gt;"),
      parse: "none",
    });
    expect(fake.transcript(dm)).toEqual(["ann: hi", "[1] bot#1: **Hel**", "[1] bot#1~ **Hello** <b>"]);
    expect(fake.transcript(dm, ts)).toEqual(["ann: hi", "bot#1: **Hel**", "bot#1~ **Hello** <b>"]);
    expect(fake.botMessages(dm, ts)).toMatchObject([
      { ts: sent.ts, shown: "**Hello** <b>", edited: null, versions: [{ text: "Hel" }, { text: "Hello" }] },
    ]);
    expect(fake.unknownFields.size).toBe(0);

    await web.chat.delete({ channel: dm.id, ts: sent.ts ?? "" });
    expect(fake.transcript(dm).at(-1)).toBe("[1] bot#1 removed");
    expect(fake.botMessages(dm)).toEqual([]);
  });

  test("loses its blocks by an edit with text alone, which then counts as edited", async () => {
    const { fake, web } = await start();
    const channel = fake.channelNamed("general");
    const blocks = [{ type: "section", text: { type: "mrkdwn", text: "rich" } }];
    const { ts = "" } = await web.chat.postMessage({ channel: channel.id, text: "poor", blocks });
    expect(fake.transcript(channel)).toEqual(["bot#1: rich"]);
    const { message } = await web.chat.update({ channel: channel.id, ts, text: "only text" });
    expect(message).toMatchObject({ text: "only text", edited: { user: fake.bot.id } });
    expect(message).not.toHaveProperty("blocks");
    expect(fake.transcript(channel).at(-1)).toBe("bot#1~ only text");
  });

  test("is read like a chat, with several threads and long texts", async () => {
    const { fake, web } = await start();
    const ann = fake.user("ann");
    const channel = fake.channelNamed("general", { members: [ann] });
    const [first = "", second = ""] = ["one", "two"].map((text) => fake.say({ channel, user: ann, text }).ts);
    const post = (thread: string, text: string): Promise<{ ts?: string }> =>
      web.chat.postMessage({ channel: channel.id, thread_ts: thread, text });
    await post(second, "to two\nand on");
    const { ts = "" } = await post(first, "to one");
    await web.chat.update({ channel: channel.id, ts, text: "to one!" });
    await web.chat.delete({ channel: channel.id, ts });
    expect(fake.transcript(channel)).toEqual([
      "ann: one",
      "ann: two",
      "[1] bot#1: to two\n    and on",
      "[2] bot#2: to one",
      "[2] bot#2~ to one!",
      "[2] bot#2 removed",
    ]);
    expect(fake.botMessages(channel, second).map(({ botNumber }) => botNumber)).toEqual([1]);
  });

  test("finds a message again by its metadata", async () => {
    const { fake, web } = await start();
    const ann = fake.user("ann");
    const channel = fake.channelNamed("general", { members: [ann] });
    const { ts } = fake.say({ channel, user: ann, text: "question", mention: true });
    const metadata = { event_type: "parley_post", event_payload: { id: "p-1" } };
    const { ts: reply = "" } = await web.chat.postMessage({ channel: channel.id, thread_ts: ts, text: "a", metadata });
    await web.chat.update({ channel: channel.id, ts: reply, text: "answer" });

    const { messages = [] } = await web.conversations.replies({ channel: channel.id, ts, include_all_metadata: true });
    expect(messages.map((message) => [message.ts, message.metadata])).toEqual([
      [ts, undefined],
      [reply, metadata],
    ]);
    const plain = await web.conversations.replies({ channel: channel.id, ts });
    expect(plain.messages?.[1]).not.toHaveProperty("metadata");
    expect(plain.messages?.[0]).toMatchObject({ reply_count: 1, reply_users: [fake.bot.id], thread_ts: ts });
  });

  test("pages through a thread, and through the channel without its replies", async () => {
    const { fake, web } = await start({ limits: "off" });
    const ann = fake.user("ann");
    const channel = fake.channelNamed("general", { members: [ann] });
    const root = fake.say({ channel, user: ann, text: "root" }).ts;
    const replies = ["a", "b", "c"].map((text) => fake.say({ channel, user: ann, text, thread: root }).ts);
    fake.say({ channel, user: ann, text: "seen by all", thread: root, broadcast: true });

    const first = await web.conversations.replies({ channel: channel.id, ts: root, limit: 2 });
    expect(first.messages?.map(({ text }) => text)).toEqual(["root", "a", "b"]);
    expect(first.has_more).toBe(true);
    const cursor = first.response_metadata?.next_cursor ?? "";
    const second = await web.conversations.replies({ channel: channel.id, ts: root, limit: 2, cursor });
    expect(second.messages?.map(({ text }) => text)).toEqual(["root", "c", "seen by all"]);
    expect(second.has_more).toBe(false);

    const later = await web.conversations.replies({ channel: channel.id, ts: root, oldest: replies[1] ?? "" });
    expect(later.messages?.map(({ text }) => text)).toEqual(["root", "c", "seen by all"]);
    const history = await web.conversations.history({ channel: channel.id });
    expect(history.messages?.map(({ text }) => text)).toEqual(["seen by all", "root"]);
  });

  test("sees who is a guest and who a stranger, and what is shared", async () => {
    const { fake, web } = await start();
    const other = fake.otherTeam("Other");
    const info = async (user: string): Promise<unknown> => (await web.users.info({ user })).user;
    expect(await info(fake.user("ann").id)).toMatchObject({ is_restricted: false, is_ultra_restricted: false });
    expect(await info(fake.user("gus", { kind: "guest" }).id)).toMatchObject({ is_restricted: true });
    const single = fake.user("sue", { kind: "single_channel_guest" });
    expect(await info(single.id)).toMatchObject({ is_restricted: true, is_ultra_restricted: true });
    const sam = fake.user("sam", { team: other });
    expect(await info(sam.id)).toMatchObject({ is_stranger: true, team_id: other.id });
    expect(await info(fake.bot.id)).toMatchObject({ is_bot: true });

    const shared = fake.channelNamed("shared", { sharedWith: [other] });
    expect((await web.conversations.info({ channel: shared.id })).channel).toMatchObject({
      name: "shared",
      is_channel: true,
      is_ext_shared: true,
      is_member: true,
    });
    const dm = fake.dm(sam);
    expect((await web.conversations.info({ channel: dm.id })).channel).toMatchObject({ is_im: true, user: sam.id });
    expect((await web.conversations.open({ users: sam.id })).channel).toEqual({ id: dm.id });
    const group = await web.conversations.open({ users: `${sam.id},${single.id}`, return_im: true });
    expect(group.channel).toMatchObject({ is_mpim: true });
  });

  test("shows one person alone, and everybody a status until it answers", async () => {
    let at = Date.UTC(2026, 0, 1);
    const { fake, web } = await start({ now: () => at });
    const ann = fake.user("ann");
    const channel = fake.channelNamed("general", { members: [ann] });
    const { ts } = fake.say({ channel, user: ann, text: "question", mention: true });
    await web.chat.postEphemeral({ channel: channel.id, user: ann.id, text: "psst", thread_ts: ts });
    expect(fake.transcript(channel).at(-1)).toBe("[1] bot (only ann): psst");

    const thread = { channel_id: channel.id, thread_ts: ts };
    await web.assistant.threads.setStatus({ ...thread, status: "is thinking…", loading_messages: ["…"] });
    expect(fake.status(channel, ts)).toMatchObject({ status: "is thinking…", loadingMessages: ["…"] });
    await web.chat.postMessage({ channel: channel.id, thread_ts: ts, text: "answer" });
    expect(fake.status(channel, ts)).toBeNull();

    await web.assistant.threads.setStatus({ ...thread, status: "again" });
    at += 119_999;
    expect(fake.status(channel, ts)).not.toBeNull();
    at += 1;
    expect(fake.status(channel, ts)).toBeNull();
    await web.assistant.threads.setStatus({ ...thread, status: "more" });
    await web.assistant.threads.setStatus({ ...thread, status: "" });
    expect(fake.status(channel, ts)).toBeNull();
    expect(fake.statuses.map(({ status }) => status)).toEqual(["is thinking…", "again", "more", ""]);

    await web.agents.sessions.setStatus({ ...thread, status: "processing", title: "Question" });
    expect(fake.session(channel, ts)).toEqual({ status: "processing", title: "Question" });
  });

  test("is one of many callers, in a journal without arguments", async () => {
    const { fake, web } = await start({ limits: "off", journal: "light" });
    const channels = Array.from({ length: 100 }, (_, n) => fake.channelNamed(`c${n}`));
    const sent = await Promise.all(channels.map(({ id }) => web.chat.postMessage({ channel: id, text: "x" })));
    await Promise.all(
      channels.map(({ id }, n) => web.chat.update({ channel: id, ts: sent[n]?.ts ?? "", text: `x ${n}` })),
    );
    expect(new Set(sent.map(({ ts }) => ts)).size).toBe(100);
    expect(channels.map((channel) => fake.botMessages(channel)[0]?.text)).toEqual(channels.map((_, n) => `x ${n}`));
    expect(fake.journal).toHaveLength(200);
    expect(fake.journal[0]).toMatchObject({ outcome: "ok", status: 200, args: {} });
    fake.forget();
    expect(fake.journal).toEqual([]);
    expect(fake.botMessages(channels[0]?.id ?? "")).toHaveLength(1);
  });

  test("may speak JSON as well as forms", async () => {
    const { fake } = await start();
    const channel = fake.channelNamed("general");
    const response = await fetch(`${fake.apiUrl}chat.postMessage`, {
      method: "POST",
      headers: { authorization: `Bearer ${fake.app.botToken}`, "content-type": "application/json; charset=utf-8" },
      body: JSON.stringify({ channel: channel.id, text: "x", blocks: [{ type: "markdown", text: "json" }] }),
    });
    expect(await response.json()).toMatchObject({ ok: true, channel: channel.id });
    expect(fake.transcript(channel)).toEqual(["bot#1: json"]);
    expect(fake.calls("chat.postMessage", channel)).toMatchObject([
      { outcome: "ok", applied: true, args: { text: "x" } },
    ]);
  });
});
