import { Api, GrammyError } from "grammy";
import { afterEach, describe, expect, test } from "vitest";
import { startFakeTelegram, type FakeTelegram, type FakeTelegramOptions } from "./telegram/fake-telegram.ts";

const started: FakeTelegram[] = [];

async function start(options: FakeTelegramOptions = {}): Promise<{ fake: FakeTelegram; api: Api }> {
  const fake = await startFakeTelegram(options);
  started.push(fake);
  return { fake, api: new Api(fake.token, { apiRoot: fake.url }) };
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((fake) => fake.close()));
});

describe("a bot made with grammY's client", () => {
  test("learns who it is", async () => {
    const { fake, api } = await start();
    const me = await api.getMe();
    expect(me).toMatchObject({ id: fake.botId, is_bot: true, username: fake.botUsername, has_topics_enabled: false });
  });

  test("polls what people write and answers by one message that grows", async () => {
    const { fake, api } = await start();
    const ann = fake.user(1, "ann");
    const chat = fake.privateChat(ann);
    const said = fake.say({ chat, from: ann, text: "hi" });

    const [update] = await api.getUpdates({ timeout: 5 });
    expect(update).toMatchObject({
      update_id: said.updateId,
      message: {
        message_id: said.messageId,
        text: "hi",
        chat: { id: 1, type: "private" },
        from: { first_name: "ann" },
      },
    });
    const sent = await api.sendMessage(1, "Hel");
    await api.editMessageText(1, sent.message_id, "Hello", { entities: [{ type: "bold", offset: 0, length: 5 }] });

    expect(fake.transcript(chat)).toEqual(["ann: hi", "bot#1: Hel", "bot#1~ Hello"]);
    expect(fake.botMessages(chat)).toMatchObject([
      { text: "Hello", entities: [{ type: "bold" }], versions: [{ text: "Hel" }, { text: "Hello" }] },
    ]);
    await api.deleteMessage(1, sent.message_id);
    expect(fake.transcript(chat).at(-1)).toBe("bot#1 removed");
    expect(fake.botMessages(chat)).toEqual([]);
    expect(fake.unknownFields.size).toBe(0);
  });

  test("is one of many callers: two hundred chats at once, in a journal without payloads", async () => {
    const { fake } = await start({ limits: "off", journal: "light" });
    const api = new Api(fake.token, { apiRoot: fake.url });
    const users = Array.from({ length: 200 }, (_, n) => fake.user(n + 1));
    users.forEach((user) => fake.privateChat(user));
    const ids = await Promise.all(users.map(async ({ id }) => (await api.sendMessage(id, "x")).message_id));
    await Promise.all(users.map(({ id }, n) => api.editMessageText(id, ids[n] ?? 0, `x ${n}`)));

    expect(new Set(ids).size).toBe(200);
    expect(users.every(({ id }, n) => fake.botMessages(id)[0]?.text === `x ${n}`)).toBe(true);
    expect(fake.journal).toHaveLength(400);
    expect(fake.journal[0]).toEqual(expect.objectContaining({ outcome: "ok", payload: {} }));
    fake.forget();
    expect(fake.journal).toEqual([]);
    expect(fake.botMessages(1)).toHaveLength(1);
  });

  test("gets Telegram's own words when it is refused", async () => {
    const { fake, api } = await start();
    fake.privateChat(fake.user(1, "ann"));
    const error = await api.sendMessage(2, "hi").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(GrammyError);
    expect(error).toMatchObject({ error_code: 400, description: "Bad Request: chat not found" });
    expect(fake.calls("sendMessage")).toMatchObject([{ chat: 2, outcome: 400, status: 400, payload: { text: "hi" } }]);
  });
});
