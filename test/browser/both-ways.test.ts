import { expect, test } from "vitest";
import { startFakeTelegram } from "../fakes/telegram/fake-telegram.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { eventually, log, say, shown, talkId } from "./support/chat.ts";
import { FrontDoor } from "./support/front-door.ts";
import { atDesk, openSuite, startGateway } from "./support/suite.ts";

test("a talk begun in Telegram goes on in the browser by /web, and back, with one history", async () => {
  const { model } = await openSuite();
  await using telegram = await startFakeTelegram();
  const ann = telegram.user(4711, "Ann");
  const chat = telegram.privateChat(ann);
  const database = await createTestDatabase();
  const env = { TELEGRAM_BOT_TOKEN: telegram.token, TELEGRAM_API_ROOT: telegram.url };
  const gateway = await startGateway(model, { databaseUrl: database.url, env });
  const door = await FrontDoor.open(gateway.url);
  const heard = (text: string) =>
    telegram.until(() => telegram.botMessages(chat).some((message) => message.text.includes(text)), 20_000);
  try {
    telegram.say({ chat, from: ann, text: "from the chat" });
    await heard("You said: from the chat");
    telegram.say({ chat, from: ann, text: "/web" });
    await heard("/sign-in#");
    const link = /\/sign-in#\S+/.exec(telegram.botMessages(chat).at(-1)!.text)![0];
    await atDesk(
      async ({ page }) => {
        await page.goto(`${door.url}${link}`);
        await page.getByRole("button", { name: "Sign in" }).click();
        await page.getByRole("button", { name: "from the chat Telegram" }).click();
        await log(page).getByText("You said: from the chat").waitFor();
        await say(page, "from the browser");
        await log(page).getByText("You said: from the browser").waitFor();
        telegram.say({ chat, from: ann, text: "from the chat again" });
        await log(page).getByText("You said: from the chat again").waitFor();
        await talkId(page);
        const asked = async () => (await shown(page)).filter((text) => text.startsWith("from"));
        await eventually(asked, ["from the chat", "from the browser", "from the chat again"]);
        // The model was told all of it.
        const last = model.requests.findLast(({ messages }) =>
          JSON.stringify(messages).includes("from the chat again"),
        );
        expect(JSON.stringify(last?.messages)).toMatch(/from the chat.*from the browser.*from the chat again/);
      },
      { door, role: "nobody" },
    );
  } finally {
    await door.close();
    await gateway.kill();
  }
}, 60_000);
