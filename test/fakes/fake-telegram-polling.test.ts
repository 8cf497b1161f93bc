import { Api } from "grammy";
import { describe, expect, test } from "vitest";
import { startFakeTelegram, type FakeTelegram } from "./telegram/fake-telegram.ts";

/** Telegram slows repeated polls down by seconds; a hundredth of that is enough here. */
const QUICK = { timeScale: 0.01 };

function client(fake: FakeTelegram): Api {
  return new Api(fake.token, { apiRoot: fake.url });
}

/** Ann says each text in her private chat. */
function talk(fake: FakeTelegram, ...lines: string[]): number[] {
  const ann = fake.user(1, "ann");
  const chat = fake.privateChat(ann);
  return lines.map((text) => fake.say({ chat, from: ann, text }).updateId);
}

async function texts(api: Api, options: { offset?: number; timeout?: number }): Promise<(string | undefined)[]> {
  return (await api.getUpdates(options)).map((update) => update.message?.text);
}

describe("getUpdates", () => {
  test("repeats updates until a later offset confirms them", async () => {
    await using fake = await startFakeTelegram(QUICK);
    const ids = talk(fake, "a", "b", "c");
    const [a = 0, b = 0, c = 0] = ids;
    expect(ids).toEqual([a, a + 1, a + 2]);
    const api = client(fake);

    expect(await texts(api, {})).toEqual(["a", "b", "c"]);
    expect(await texts(api, { offset: b })).toEqual(["b", "c"]);
    expect(fake.pendingUpdates()).toBe(2);
    expect(await texts(api, { offset: c + 1 })).toEqual([]);
    expect(fake.pendingUpdates()).toBe(0);
  });

  test("gives at most as many as asked for, and 100 at once", async () => {
    await using fake = await startFakeTelegram(QUICK);
    talk(fake, ...Array.from({ length: 120 }, (_, n) => `m${n}`));
    const api = client(fake);
    const first = await api.getUpdates({ limit: 3 });
    expect(first).toHaveLength(3);
    const last = first.at(-1)?.update_id ?? 0;
    expect(await api.getUpdates({ offset: last + 1, limit: 1000 })).toHaveLength(100);
  });

  test("keeps only the last ones for a negative offset", async () => {
    await using fake = await startFakeTelegram(QUICK);
    talk(fake, "a", "b", "c");
    expect(await texts(client(fake), { offset: -2 })).toEqual(["b", "c"]);
    expect(fake.pendingUpdates()).toBe(2);
  });

  test("starts from the beginning for an offset far in the future", async () => {
    await using fake = await startFakeTelegram(QUICK);
    talk(fake, "a");
    expect(await texts(client(fake), { offset: 999_999 })).toEqual(["a"]);
  });

  test("waits for something to happen", async () => {
    await using fake = await startFakeTelegram();
    const poll = texts(client(fake), { timeout: 50 });
    await fake.until(() => fake.polling());
    talk(fake, "late");
    expect(await poll).toEqual(["late"]);
  });

  test("answers with nothing when the time is over, and slows down who asks the same again", async () => {
    // At full length: a hundredth of three seconds may pass between two calls on a busy machine.
    await using fake = await startFakeTelegram();
    const api = client(fake);
    expect(await api.getUpdates({ timeout: 0 })).toEqual([]);
    const again = api.getUpdates({ timeout: 0 });
    await fake.until(() => fake.polling());
    expect(await again).toEqual([]);
  });

  test("gives one update at a time to who asks the same again at once", async () => {
    // Half a second is "at once", here 5 s.
    await using fake = await startFakeTelegram({ timeScale: 10 });
    const api = client(fake);
    talk(fake, "a", "b");
    expect(await texts(api, {})).toEqual(["a", "b"]);
    expect(await texts(api, {})).toEqual(["a"]);
  });

  test("ends the older poll with 409 when a second one arrives", async () => {
    await using fake = await startFakeTelegram();
    const first = client(fake).getUpdates({ timeout: 50 });
    const ended = first.catch((error: unknown) => error);
    await fake.until(() => fake.polling());
    const second = texts(client(fake), { timeout: 50 });
    expect(await ended).toMatchObject({
      error_code: 409,
      description: "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
    });
    talk(fake, "for the second");
    expect(await second).toEqual(["for the second"]);
  });

  test("leaves no poll behind when the caller hangs up", async () => {
    await using fake = await startFakeTelegram();
    const controller = new AbortController();
    const poll = client(fake)
      .getUpdates({ timeout: 50 }, controller.signal as never)
      .catch((error: unknown) => error);
    await fake.until(() => fake.polling());
    controller.abort();
    expect(await poll).toBeInstanceOf(Error);
    await fake.until(() => !fake.polling());
    talk(fake, "kept");
    expect(await texts(client(fake), {})).toEqual(["kept"]);
  });

  test("remembers allowed_updates until they are given again", async () => {
    await using fake = await startFakeTelegram(QUICK);
    const api = client(fake);
    await api.getUpdates({ allowed_updates: ["my_chat_member"] });
    talk(fake, "unwanted");
    fake.blockBot(1);
    fake.unblockBot(1);
    const got = await api.getUpdates({ offset: 1 });
    expect(got.map((update) => Object.keys(update)[1])).toEqual(["my_chat_member", "my_chat_member"]);
    await api.getUpdates({ allowed_updates: [] });
    expect(talk(fake, "wanted")).not.toEqual([0]);
  });

  test("drops what is older than a day, and taps older than 150 seconds", async () => {
    let at = Date.UTC(2026, 0, 2);
    await using fake = await startFakeTelegram({ ...QUICK, now: () => at });
    const ann = fake.user(1, "ann");
    const chat = fake.privateChat(ann);
    const api = client(fake);
    const { message_id: messageId } = await api.sendMessage(1, "choose", {
      reply_markup: { inline_keyboard: [[{ text: "Yes", callback_data: "y" }]] },
    });
    fake.say({ chat, from: ann, text: "25 hours old", at: at - 25 * 3600 * 1000 });
    fake.say({ chat, from: ann, text: "23 hours old", at: at - 23 * 3600 * 1000 });
    fake.pressButton({ chat, from: ann, messageId, data: "y" });

    const seen = await api.getUpdates({});
    expect(seen.map((update) => update.message?.text ?? update.callback_query?.data)).toEqual(["23 hours old", "y"]);
    at += 151_000;
    expect(await texts(api, { offset: seen[0]?.update_id ?? 0 })).toEqual(["23 hours old"]);
    at += 3600 * 1000;
    expect(await api.getUpdates({ limit: 5 })).toEqual([]);
  });

  test("hands over anything that is queued raw, with or without an id of its own", async () => {
    await using fake = await startFakeTelegram(QUICK);
    fake.sendRaw({ update_id: 7, message: { text: 42 } });
    const next = fake.sendRaw({ something_new: {} });
    const response = await fetch(`${fake.url}/bot${fake.token}/getUpdates`);
    expect(await response.json()).toEqual({
      ok: true,
      result: [
        { update_id: 7, message: { text: 42 } },
        { update_id: next, something_new: {} },
      ],
    });
  });

  test("keeps the bots of several tokens apart", async () => {
    const tokens = ["1001:first_token", "1002:second_token"];
    await using fake = await startFakeTelegram({ ...QUICK, tokens });
    const ann = fake.user(1, "ann");
    fake.say({ chat: fake.privateChat(ann, 0), from: ann, text: "to the first" });
    fake.say({ chat: fake.privateChat(ann, 1), from: ann, text: "to the second" });
    const second = new Api("1002:second_token", { apiRoot: fake.url });
    expect((await second.getMe()).id).toBe(1002);
    expect(await texts(second, {})).toEqual(["to the second"]);
    expect(fake.pendingUpdates(0)).toBe(1);
  });
});
