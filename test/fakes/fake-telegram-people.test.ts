import { Api } from "grammy";
import type { Update } from "grammy/types";
import { describe, expect, test } from "vitest";
import { startFakeTelegram, type FakeTelegram } from "./telegram/fake-telegram.ts";

const FORUM = -1_000_000_000_001;

async function updates(fake: FakeTelegram): Promise<Update[]> {
  return new Api(fake.token, { apiRoot: fake.url }).getUpdates();
}

function client(fake: FakeTelegram): Api {
  return new Api(fake.token, { apiRoot: fake.url });
}

/** The marked pieces of a text: "bot_command:/start". */
async function marks(text: string): Promise<string[]> {
  await using fake = await startFakeTelegram();
  const ann = fake.user(1, "ann");
  fake.say({ chat: fake.privateChat(ann), from: ann, text });
  const [update] = await updates(fake);
  const entities = update?.message?.entities ?? [];
  return entities.map(({ type, offset, length }) => `${type}:${text.slice(offset, offset + length)}`);
}

describe("people", () => {
  test.each([
    ["/start", ["bot_command:/start"]],
    ["/start@parley_test_bot now", ["bot_command:/start@parley_test_bot"]],
    ["please /stop!", ["bot_command:/stop"]],
    ["a/b //x <//y", []],
    ["https://example.org/path", []],
    ["in /usr/bin, /start@x, /naïve", []],
    ["hi @parley_test_bot, hi", ["mention:@parley_test_bot"]],
    ["mail me@example.org", []],
    ["😀 @ann_smith /help", ["mention:@ann_smith", "bot_command:/help"]],
  ])("write %s and Telegram marks it", async (text, expected) => {
    expect(await marks(text)).toEqual(expected);
  });

  test("change and remove what they wrote; bots hear of changes only", async () => {
    await using fake = await startFakeTelegram();
    const ann = fake.user(1, "ann");
    const chat = fake.privateChat(ann);
    const { messageId } = fake.say({ chat, from: ann, text: "helo" });
    fake.editUserMessage({ chat, messageId, text: "hello" });
    fake.removeUserMessage(chat, messageId);
    const [, edited, ...rest] = await updates(fake);
    expect(edited?.edited_message).toMatchObject({
      message_id: messageId,
      text: "hello",
      edit_date: expect.any(Number),
    });
    expect(rest).toEqual([]);
    expect(fake.transcript(chat)).toEqual(["ann: helo", "ann~ hello", "ann removed"]);
  });

  test("answer, forward, send albums and anything else a Message can hold", async () => {
    await using fake = await startFakeTelegram();
    const ann = fake.user(1, "ann", "ann_smith");
    const chat = fake.privateChat(ann);
    const sent = await client(fake).sendMessage(1, "ask me");
    fake.say({ chat, from: ann, text: "why?", replyTo: sent.message_id });
    fake.say({ chat, from: ann, text: "seen elsewhere", forwarded: true });
    fake.say({ chat, from: ann, text: "two cats", mediaGroupId: "g1" });
    fake.say({ chat, from: ann, text: "", mediaGroupId: "g1" });
    fake.say({ chat, from: ann, text: "x", fields: { via_bot: { id: 5, is_bot: true, first_name: "via" } } });
    const messages = (await updates(fake)).map((update) => update.message);
    expect(messages).toMatchObject([
      { text: "why?", reply_to_message: { message_id: sent.message_id, from: { id: fake.botId }, text: "ask me" } },
      { text: "seen elsewhere", forward_origin: { type: "user", sender_user: { username: "ann_smith" } } },
      { caption: "two cats", media_group_id: "g1", photo: [{ file_id: expect.any(String) }] },
      { media_group_id: "g1" },
      { via_bot: { id: 5 } },
    ]);
    expect(messages[3]).not.toHaveProperty("caption");
    expect(fake.transcript(chat).slice(-3)).toEqual(["ann: [photo] two cats", "ann: [photo]", "ann: x"]);
  });

  test("talk in topics, of which General has no number", async () => {
    await using fake = await startFakeTelegram();
    const ann = fake.user(1, "ann");
    const forum = fake.group(FORUM, "forum", { forum: true });
    const topic = fake.topic(forum, "plans", "bot").id;
    fake.say({ chat: forum, from: ann, text: "in plans", thread: topic });
    fake.say({ chat: forum, from: ann, text: "in general" });
    fake.say({ chat: forum, from: ann, text: "in a new one", thread: 77 });
    const messages = (await updates(fake)).map((update) => update.message);
    expect(messages).toMatchObject([
      // Not a word to the bot, but its topic: the message that made it looks like the one that is answered.
      { message_thread_id: topic, is_topic_message: true, reply_to_message: { from: { id: fake.botId } } },
      { text: "in general", chat: { is_forum: true } },
      { forum_topic_created: { name: "topic 77" } },
      { message_thread_id: 77, is_topic_message: true },
    ]);
    expect(messages[1]).not.toHaveProperty("message_thread_id");

    const answer = await client(fake).sendMessage(FORUM, "answer", { message_thread_id: topic });
    expect(answer).toMatchObject({ message_thread_id: topic, is_topic_message: true });
    expect(fake.transcript(forum, topic).slice(1)).toEqual(["ann: in plans", "bot#2: answer"]);
    expect(fake.messages(forum, null)).toMatchObject([{ text: "in general" }]);
    expect(await client(fake).sendChatAction(FORUM, "typing", { message_thread_id: 1 })).toBe(true);
  });

  test("in a supergroup without topics have threads that are chains of replies only", async () => {
    await using fake = await startFakeTelegram();
    const group = fake.group(-1_000_000_000_009, "chains");
    fake.say({ chat: group, from: fake.user(1), text: "x", thread: 12 });
    const [update] = await updates(fake);
    expect(update?.message?.message_thread_id).toBe(12);
    expect(update?.message).not.toHaveProperty("is_topic_message");
    await client(fake).sendMessage(group.id, "y", { message_thread_id: 12 });
    expect(fake.botMessages(group)).toMatchObject([{ thread: null }]);
  });

  test("may have topics in private chats, if the bot has them", async () => {
    await using fake = await startFakeTelegram({ topics: true });
    const ann = fake.user(1, "ann");
    const chat = fake.privateChat(ann);
    fake.say({ chat, from: ann, text: "x", thread: 40 });
    expect((await updates(fake)).at(-1)?.message).toMatchObject({ message_thread_id: 40, is_topic_message: true });
    await client(fake).sendMessage(1, "y", { message_thread_id: 40 });
    expect((await client(fake).getMe()).has_topics_enabled).toBe(true);
    expect(fake.botMessages(chat, 40)).toHaveLength(1);
  });

  test("number messages per supergroup, and together in private chats and basic groups", async () => {
    await using fake = await startFakeTelegram();
    const ann = fake.user(1, "ann");
    const say = (chat: number): number => fake.say({ chat, from: ann, text: "x" }).messageId;
    fake.privateChat(ann);
    fake.group(-5);
    fake.group(FORUM, "forum");
    fake.group(FORUM - 1, "other");
    expect([say(1), say(-5), say(1)]).toEqual([1, 2, 3]);
    expect([say(FORUM), say(FORUM - 1), say(FORUM)]).toEqual([2, 2, 3]);
  });

  test("upgrade a group: both sides say so, and the old address names the new one", async () => {
    await using fake = await startFakeTelegram();
    const group = fake.group(-5, "group");
    const moved = fake.migrate(group, FORUM);
    expect((await updates(fake)).map((update) => update.message)).toMatchObject([
      { chat: { id: -5 }, migrate_to_chat_id: FORUM },
      { chat: { id: FORUM, title: "group", type: "supergroup" }, migrate_from_chat_id: -5 },
    ]);
    await expect(client(fake).sendMessage(-5, "x")).rejects.toMatchObject({
      parameters: { migrate_to_chat_id: FORUM },
    });
    await client(fake).sendMessage(FORUM, "x");
    expect(fake.transcript(moved)).toEqual(["Group: (migrate_from_chat_id)", "bot#1: x"]);
  });

  test("block the bot and let it in again", async () => {
    await using fake = await startFakeTelegram();
    const ann = fake.user(1, "ann");
    const chat = fake.privateChat(ann);
    const group = fake.group(-5);
    fake.blockBot(chat);
    expect(fake.say({ chat, from: ann, text: "unheard" }).updateId).toBe(0);
    fake.unblockBot(chat);
    fake.kick(group);
    fake.invite(group);
    const status = (await updates(fake)).map(({ my_chat_member: change }) => [
      change?.chat.id,
      change?.old_chat_member.status,
      change?.new_chat_member.status,
    ]);
    expect(status).toEqual([
      [1, "member", "kicked"],
      [1, "kicked", "member"],
      [-5, "member", "kicked"],
      [-5, "kicked", "member"],
    ]);
    await client(fake).sendMessage(1, "back");
    expect(fake.transcript(chat)).toEqual(["(bot blocked)", "ann: unheard", "(bot let in)", "bot#1: back"]);
  });

  test("press buttons, once there are any", async () => {
    await using fake = await startFakeTelegram();
    const ann = fake.user(1, "ann");
    const chat = fake.privateChat(ann);
    const api = client(fake);
    const { message_id: messageId } = await api.sendMessage(1, "Stop?", {
      reply_markup: { inline_keyboard: [[{ text: "Stop", callback_data: "v1:x" }]] },
    });
    const { queryId } = fake.pressButton({ chat, from: ann, messageId, data: "v1:x" });
    const [update] = await updates(fake);
    expect(update?.callback_query).toMatchObject({
      id: queryId,
      data: "v1:x",
      from: { id: 1 },
      message: { message_id: messageId, reply_markup: { inline_keyboard: [[{ text: "Stop" }]] } },
    });
    expect(fake.answered(queryId)).toBe(false);
    await expect(api.answerCallbackQuery(queryId, { text: "x".repeat(201) })).rejects.toMatchObject({
      description: "Bad Request: MESSAGE_TOO_LONG",
    });
    await api.answerCallbackQuery(queryId);
    expect(fake.answered(queryId)).toBe(true);

    await api.editMessageText(1, messageId, "Stop?", {
      reply_markup: { inline_keyboard: [[{ text: "Really", callback_data: "v1:x" }]] },
    });
    await api.editMessageText(1, messageId, "Stopped");
    expect(() => fake.pressButton({ chat, from: ann, messageId, data: "v1:x" })).toThrow("has no button");
  });
});

describe("a bot", () => {
  test("keeps its commands per scope and language", async () => {
    await using fake = await startFakeTelegram();
    const api = client(fake);
    const commands = [{ command: "start", description: "Begin" }];
    await api.setMyCommands(commands, { scope: { type: "all_private_chats" } });
    expect(await api.getMyCommands({ scope: { type: "all_private_chats" } })).toEqual(commands);
    expect(await api.getMyCommands()).toEqual([]);
  });

  test("learns about a chat", async () => {
    await using fake = await startFakeTelegram();
    fake.group(FORUM, "forum", { forum: true });
    expect(await client(fake).getChat(FORUM)).toMatchObject({ type: "supergroup", title: "forum", is_forum: true });
  });

  test("answers a message that is gone only if it says that this is all right", async () => {
    await using fake = await startFakeTelegram();
    const ann = fake.user(1, "ann");
    const chat = fake.privateChat(ann);
    const { messageId } = fake.say({ chat, from: ann, text: "hi" });
    const api = client(fake);
    await api.sendMessage(1, "a", { reply_parameters: { message_id: messageId } });
    await api.sendMessage(1, "b", { reply_parameters: { message_id: 99, allow_sending_without_reply: true } });
    expect(fake.botMessages(chat)).toMatchObject([{ replyTo: messageId }, { replyTo: null }]);
  });

  test("may use forms, query strings and any case of letters", async () => {
    await using fake = await startFakeTelegram();
    fake.privateChat(fake.user(1));
    const entities = JSON.stringify([{ type: "italic", offset: 0, length: 1 }]);
    const url = `${fake.url}/bot${fake.token}/SENDmessage?chat_id=1`;
    const response = await fetch(url, { method: "POST", body: new URLSearchParams({ text: "x", entities }) });
    expect(response.status).toBe(200);
    expect(fake.botMessages(1)).toMatchObject([{ text: "x", entities: [{ type: "italic" }] }]);
    expect(fake.calls("sendMessage")).toHaveLength(1);
  });
});

test("waits tell what was called when they end in vain", async () => {
  await using fake = await startFakeTelegram();
  await client(fake).getMe();
  await expect(fake.until(() => false, 10)).rejects.toThrow(/not within 10 ms[^]*getMe/);
  await expect(
    fake.until(() => {
      throw new Error("broken condition");
    }),
  ).rejects.toThrow(/^broken condition$/);
});
