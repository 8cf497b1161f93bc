import { describe, expect, test } from "vitest";
import { startFakeSlack, type FakeSlack, type FakeSlackOptions } from "./slack/fake-slack.ts";

type Event = Record<string, unknown> & { type: string };

async function start(options: FakeSlackOptions = {}): Promise<FakeSlack> {
  return startFakeSlack({ limits: "off", ...options });
}

/** What the app was told, each thing once. */
function told(fake: FakeSlack): Event[] {
  return fake.deliveries
    .filter(({ attempt, kind }) => attempt === 0 && kind === "events_api")
    .map(({ payload }) => payload["event"] as Event);
}

function kinds(fake: FakeSlack): unknown[] {
  return told(fake).map((event) => [event.type, event["subtype"] ?? event["channel_type"]]);
}

async function call(fake: FakeSlack, method: string, args: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${fake.apiUrl}${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${fake.app.botToken}` },
    body: JSON.stringify(args),
  });
  return (await response.json()) as Record<string, unknown>;
}

async function answerAt(url: string, body: object): Promise<[number, string]> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  return [response.status, await response.text()];
}

describe("people who write", () => {
  test("in a direct message are told of once, mention or not", async () => {
    await using fake = await start();
    const ann = fake.user("ann");
    const { eventIds } = fake.say({ channel: fake.dm(ann), user: ann, text: "hi", mention: true });
    expect(eventIds).toHaveLength(1);
    expect(kinds(fake)).toEqual([["message", "im"]]);
  });

  test.each(["channel", "group", "mpim"] as const)(
    "in a %s mention the bot by two events of one message",
    async (type) => {
      await using fake = await start();
      const ann = fake.user("ann");
      const channel =
        type === "mpim"
          ? fake.groupDm([ann, fake.user("bob")])
          : fake.channelNamed("place", { private: type === "group", members: [ann] });
      const { ts, eventIds } = fake.say({ channel, user: ann, text: "help", mention: true });
      const text = `<@${fake.bot.id}> help`;
      expect(told(fake)).toMatchObject([
        { type: "message", channel_type: type, channel: channel.id, user: ann.id, ts, event_ts: ts, text },
        { type: "app_mention", channel: channel.id, user: ann.id, ts, event_ts: ts, text },
      ]);
      expect(told(fake)[1]).not.toHaveProperty("channel_type");
      expect(new Set(eventIds).size).toBe(2);
      fake.say({ channel, user: ann, text: "@parley and @bob, not @nobody" });
      expect(
        told(fake)
          .slice(2)
          .map((event) => event.type),
      ).toEqual(["message", "app_mention"]);
      fake.say({ channel, user: ann, text: "no mention" });
      expect(
        told(fake)
          .slice(4)
          .map((event) => event.type),
      ).toEqual(["message"]);
    },
  );

  test("are heard by their mentions alone without the scope to read along", async () => {
    await using fake = await start({ scopes: ["chat:write", "app_mentions:read", "im:history"] });
    const ann = fake.user("ann");
    const channel = fake.channelNamed("general", { members: [ann] });
    expect(fake.say({ channel, user: ann, text: "nobody hears" }).eventIds).toEqual([]);
    fake.say({ channel, user: ann, text: "help", mention: true });
    expect(kinds(fake)).toEqual([["app_mention", undefined]]);
  });

  test("are not heard where the bot is not, until it is let in: then by their mentions", async () => {
    await using fake = await start();
    const ann = fake.user("ann");
    const channel = fake.channelNamed("general", { members: [ann], bot: false });
    fake.say({ channel, user: ann, text: "idle" });
    const { ts } = fake.say({ channel, user: ann, text: "come", mention: true });
    expect(told(fake)).toEqual([]);
    fake.join(channel, fake.bot, ann);
    expect(told(fake)).toMatchObject([
      { type: "member_joined_channel", user: fake.bot.id, channel: channel.id, channel_type: "C", inviter: ann.id },
      { type: "app_mention", ts },
    ]);
    fake.leave(channel, fake.bot);
    expect(
      told(fake)
        .slice(2)
        .map((event) => event.type),
    ).toEqual(["member_left_channel", "channel_left"]);
    expect(fake.say({ channel, user: ann, text: "gone?" }).eventIds).toEqual([]);
    expect(fake.transcript(channel)).toEqual([
      "ann: idle",
      "ann: @parley come",
      "(bot joined)",
      "(bot left)",
      "ann: gone?",
    ]);
  });

  test("answer in threads, to the channel too, and with files", async () => {
    await using fake = await start();
    const ann = fake.user("ann");
    const channel = fake.channelNamed("general", { members: [ann] });
    const root = fake.say({ channel, user: ann, text: "root" }).ts;
    fake.say({ channel, user: fake.user("bob"), text: "reply", thread: root });
    fake.say({ channel, user: ann, text: "for all", thread: root, broadcast: true });
    fake.say({ channel, user: ann, text: "", files: [{ name: "a.png", mimetype: "image/png", size: 9 }] });
    expect(told(fake).slice(1)).toMatchObject([
      { type: "message", text: "reply", thread_ts: root, parent_user_id: ann.id },
      { subtype: "thread_broadcast", thread_ts: root, root: { ts: root, reply_count: 2, text: "root" } },
      { subtype: "file_share", text: "", files: [{ name: "a.png", mimetype: "image/png", size: 9, mode: "hosted" }] },
    ]);
    expect(() => fake.say({ channel, user: ann, text: "x", thread: "1.1" })).toThrow("could begin a thread");
    expect(fake.transcript(channel)).toEqual(["ann: root", "[1] bob: reply", "[1] ann: for all", "ann: [file: a.png]"]);
    expect(fake.transcript(channel, root)).toEqual(["ann: root", "bob: reply", "ann: for all"]);
  });

  test("type what Slack then escapes, links and resolves", async () => {
    await using fake = await start();
    const ann = fake.user("ann");
    const bob = fake.user("bob");
    const channel = fake.dm(ann);
    fake.say({
      channel,
      user: ann,
      text: "a < b && c > d, see https://a.example/?x=1&y=2 and ask @bob (a@bob.example)",
    });
    const at = Date.UTC(2020, 0, 1);
    const sent = [0, 1].map(() => fake.say({ channel, user: ann, text: "", wire: "<#C1|general> <!here>", at }).ts);
    expect(sent).toEqual(["1577836800.000000", "1577836800.000001"]);
    expect(told(fake).map((event) => event["text"])).toEqual([
      `a &lt; b &amp;&amp; c &gt; d, see <https://a.example/?x=1&amp;y=2> and ask <@${bob.id}> (a@bob.example)`,
      "<#C1|general> <!here>",
      "<#C1|general> <!here>",
    ]);
    expect(fake.transcript(channel)[0]).toBe(
      "ann: a < b && c > d, see https://a.example/?x=1&y=2 and ask @bob (a@bob.example)",
    );
  });

  test("change and remove what they wrote; a preview is a change nobody made", async () => {
    await using fake = await start();
    const ann = fake.user("ann");
    const channel = fake.channelNamed("general", { members: [ann] });
    const { ts } = fake.say({ channel, user: ann, text: "helo", mention: true });
    fake.edit({ channel, ts, text: "hello" });
    fake.unfurl(channel, ts);
    fake.remove(channel, ts);
    expect(told(fake).slice(2)).toMatchObject([
      {
        type: "message",
        subtype: "message_changed",
        hidden: true,
        channel: channel.id,
        channel_type: "channel",
        message: { ts, text: "hello", user: ann.id, edited: { user: ann.id } },
        previous_message: { ts, text: `<@${fake.bot.id}> helo` },
      },
      { subtype: "message_changed", message: { ts, attachments: [{ title: "Example" }] } },
      { subtype: "message_deleted", hidden: true, deleted_ts: ts, previous_message: { ts, text: "hello" } },
    ]);
    expect(told(fake)[2]?.["previous_message"]).not.toHaveProperty("edited");
    expect(fake.transcript(channel)).toEqual(["ann: @parley helo", "ann~ hello", "ann removed"]);
    expect(() => fake.edit({ channel, ts, text: "again" })).toThrow("no message");
  });

  test("leave a gravestone where a thread began", async () => {
    await using fake = await start();
    const ann = fake.user("ann");
    const channel = fake.channelNamed("general", { members: [ann] });
    const { ts } = fake.say({ channel, user: ann, text: "root" });
    fake.say({ channel, user: ann, text: "reply", thread: ts });
    fake.remove(channel, ts);
    expect(told(fake).at(-1)).toMatchObject({
      subtype: "message_changed",
      message: { ts, subtype: "tombstone", user: "USLACKBOT", hidden: true },
      previous_message: { text: "root" },
    });
  });

  test("may be strangers in a shared channel, guests, or other bots", async () => {
    await using fake = await start();
    const other = fake.otherTeam("Other");
    const sam = fake.user("sam", { team: other });
    const channel = fake.channelNamed("shared", { members: [sam], sharedWith: [other] });
    fake.say({ channel, user: sam, text: "hello" });
    const { payload } = fake.deliveries[0] ?? { payload: {} };
    expect(payload).toMatchObject({
      team_id: other.id,
      context_team_id: fake.team.id,
      is_ext_shared_channel: true,
      authorizations: [{ team_id: fake.team.id, user_id: fake.bot.id }],
      event: { user: sam.id, team: other.id, user_team: other.id, source_team: other.id },
    });
    fake.say({ channel, user: fake.user("ann"), text: "hi sam" });
    expect(told(fake)[1]).toMatchObject({ user_team: fake.team.id, team: fake.team.id });

    const bot = fake.user("rss", { kind: "bot" });
    fake.say({ channel: fake.channelNamed("general"), user: bot, text: "news", mention: true });
    expect(told(fake)[2]).toMatchObject({
      bot_id: bot.botId,
      app_id: bot.appId,
      user: bot.id,
      bot_profile: { name: "rss" },
    });
    expect(told(fake)[2]).not.toHaveProperty("user_team");
    expect(fake.deliveries.find(({ type }) => type === "app_mention")?.payload).toMatchObject({
      is_ext_shared_channel: false,
    });
  });
});

describe("people who act", () => {
  const blocks = [
    { type: "markdown", text: "working" },
    {
      type: "actions",
      block_id: "controls",
      elements: [
        { type: "button", text: { type: "plain_text", text: "Stop" }, action_id: "stop", value: "n-1" },
        { type: "button", text: { type: "plain_text", text: "More" }, action_id: "more", value: "n-2" },
      ],
    },
  ];

  test("press buttons that are there", async () => {
    await using fake = await start();
    const ann = fake.user("ann");
    const channel = fake.channelNamed("general", { members: [ann] });
    const root = fake.say({ channel, user: ann, text: "go", mention: true }).ts;
    const metadata = { event_type: "a", event_payload: { id: "1" } };
    const sent = await call(fake, "chat.postMessage", {
      channel: channel.id,
      thread_ts: root,
      text: "w",
      blocks,
      metadata,
    });
    const ts = String(sent["ts"]);
    expect(fake.botMessages(channel)[0]?.shown).toBe("working\n[Stop] [More]");

    const { triggerId, responseUrl } = fake.press({ channel, user: ann, ts, button: "More" });
    expect(fake.deliveries.at(-1)).toMatchObject({
      kind: "interactive",
      id: triggerId,
      payload: {
        type: "block_actions",
        trigger_id: triggerId,
        response_url: responseUrl,
        user: { id: ann.id, team_id: fake.team.id },
        team: { id: fake.team.id },
        channel: { id: channel.id, name: "general" },
        container: { type: "message", message_ts: ts, channel_id: channel.id, thread_ts: root, is_ephemeral: false },
        message: { ts, thread_ts: root, metadata, bot_id: fake.bot.botId },
        actions: [{ type: "button", action_id: "more", value: "n-2", block_id: "controls" }],
      },
    });
    expect(fake.press({ channel, user: ann, ts }).triggerId).not.toBe(triggerId);
    expect(() => fake.press({ channel, user: ann, ts, button: "Sing" })).toThrow('a button "Sing"');

    const replaced = { replace_original: true, text: "stopped" };
    expect(await answerAt(responseUrl, replaced)).toEqual([200, '{"ok":true}']);
    expect(fake.transcript(channel).at(-1)).toBe("[1] bot#1~ stopped");
    expect(() => fake.press({ channel, user: ann, ts })).toThrow("at all");
    expect((await answerAt(responseUrl, { delete_original: true }))[0]).toBe(200);
    expect(fake.botMessages(channel)).toEqual([]);
  });

  test("press a button that only they see", async () => {
    await using fake = await start();
    const ann = fake.user("ann");
    const channel = fake.channelNamed("general", { members: [ann] });
    await call(fake, "chat.postEphemeral", { channel: channel.id, user: ann.id, text: "w", blocks });
    const ts = fake.ephemerals(channel)[0]?.ts ?? "";
    fake.press({ channel, user: ann, ts });
    expect(fake.deliveries.at(-1)?.payload).toMatchObject({ container: { is_ephemeral: true, message_ts: ts } });
    expect(fake.deliveries.at(-1)?.payload).not.toHaveProperty("message");
    expect(() => fake.press({ channel, user: fake.user("bob"), ts })).toThrow("no message");
  });

  test("type commands and are answered five times within half an hour", async () => {
    let at = Date.UTC(2026, 0, 1);
    await using fake = await start({ now: () => at });
    const ann = fake.user("ann");
    const channel = fake.channelNamed("general", { members: [ann] });
    const { triggerId, responseUrl } = fake.slash({ channel, user: ann, command: "/parley stop <now>" });
    expect(fake.deliveries[0]).toMatchObject({
      kind: "slash_commands",
      id: triggerId,
      type: "/parley",
      payload: {
        command: "/parley",
        text: "stop &lt;now&gt;",
        user_id: ann.id,
        channel_id: channel.id,
        channel_name: "general",
        team_id: fake.team.id,
        response_url: responseUrl,
        api_app_id: fake.app.appId,
      },
    });
    expect(await answerAt(responseUrl, { text: "one" })).toEqual([200, '{"ok":true}']);
    expect((await answerAt(responseUrl, { text: "two", response_type: "in_channel" }))[0]).toBe(200);
    expect(await answerAt(responseUrl, { markdown_text: "three" })).toEqual([400, '{"ok":false,"error":"no_text"}']);
    expect((await answerAt(responseUrl, { text: "four" }))[0]).toBe(200);
    expect((await answerAt(responseUrl, { text: "five" }))[0]).toBe(200);
    expect(await answerAt(responseUrl, { text: "six" })).toEqual([404, '{"ok":false,"error":"used_url"}']);
    expect(fake.transcript(channel)).toEqual([
      "bot (only ann): one",
      "bot#1: two",
      "bot (only ann): four",
      "bot (only ann): five",
    ]);
    const late = fake.slash({ channel: fake.dm(ann), user: ann, command: "/parley" });
    expect(fake.deliveries.at(-1)?.payload).toMatchObject({ channel_name: "directmessage", text: "" });
    at += 30 * 60_000;
    expect((await answerAt(late.responseUrl, { text: "x" }))[1]).toContain("expired_url");
    expect((await fetch(`${fake.url}/commands/none`, { method: "POST" })).status).toBe(404);
    expect(fake.calls("response_url").map(({ outcome }) => outcome)).toEqual([
      "ok",
      "ok",
      "no_text",
      "ok",
      "ok",
      "used_url",
      "expired_url",
    ]);
  });

  test("stop an agent session while it works", async () => {
    await using fake = await start();
    const ann = fake.user("ann");
    const channel = fake.dm(ann);
    const { ts } = fake.say({ channel, user: ann, text: "go" });
    const stop = { channel, user: ann, thread: ts };
    expect(() => fake.stopSession(stop)).toThrow("no Stop button");
    await call(fake, "agents.sessions.setStatus", { channel_id: channel.id, thread_ts: ts, status: "processing" });
    fake.stopSession(stop);
    expect(told(fake).at(-1)).toMatchObject({
      type: "agent_session_stopped",
      channel: channel.id,
      thread_ts: ts,
      user: ann.id,
      streaming_message_ts: [],
    });
    await call(fake, "agents.sessions.setStatus", { channel_id: channel.id, thread_ts: ts, status: "active" });
    expect(() => fake.stopSession(stop)).toThrow("no Stop button");
    fake.stopSession({ ...stop, force: true });
    expect(told(fake)).toHaveLength(3);
  });

  test("open the app, and change places under it", async () => {
    await using fake = await start();
    const ann = fake.user("ann");
    fake.openHome(ann);
    const channel = fake.channelNamed("general", { members: [ann] });
    const { ts } = fake.say({ channel, user: ann, text: "before" });
    const { oldId, newId } = fake.changeChannelId(channel);
    const sent = await call(fake, "chat.postMessage", { channel: newId, thread_ts: ts, text: "after" });
    expect(sent).toMatchObject({ ok: true, channel: newId });
    expect(await call(fake, "chat.postMessage", { channel: oldId, text: "x" })).toMatchObject({ ok: false });
    fake.shareChannel(channel, fake.otherTeam("Other"));
    fake.archive(channel, ann);
    fake.sendEvent({ type: "app_context_changed", channel: fake.dm(ann).id, user: ann.id, context: {} });
    expect(told(fake)).toMatchObject([
      { type: "app_home_opened", user: ann.id, channel: fake.dm(ann).id, tab: "messages" },
      { type: "message", channel: oldId },
      { type: "channel_id_changed", old_channel_id: oldId, new_channel_id: newId },
      { type: "message", channel: newId, bot_id: fake.bot.botId },
      { type: "channel_shared", channel: newId },
      { type: "channel_archive", channel: newId },
      { type: "app_context_changed" },
    ]);
    fake.rateLimitApp();
    expect(fake.deliveries.findLast(({ attempt }) => attempt === 0)?.payload).toMatchObject({
      type: "app_rate_limited",
      team_id: fake.team.id,
    });
    fake.deactivate(ann);
    expect(await call(fake, "users.info", { user: ann.id })).toMatchObject({ user: { deleted: true } });
  });
});
