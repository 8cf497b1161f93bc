import { Api } from "grammy";
import { expect, test } from "vitest";
import { telegramPlace } from "./places.ts";
import { startFakeTelegram } from "./telegram/fake-telegram.ts";

test("a button is pressed by what is written on it, because what it holds is not shown", async () => {
  await using fake = await startFakeTelegram();
  const ann = fake.user(1, "ann");
  const place = telegramPlace(fake, fake.privateChat(ann), ann);
  const api = new Api(fake.token, { apiRoot: fake.url });
  await api.sendMessage(1, "Good?", {
    reply_markup: { inline_keyboard: [[{ text: "👍", callback_data: "v1:u:7Zk" }]] },
  });
  await api.getUpdates();

  place.press("👍");
  expect((await api.getUpdates()).at(-1)?.callback_query).toMatchObject({ data: "v1:u:7Zk" });
  expect(() => place.press("👎")).toThrow('no button "👎"');
});
