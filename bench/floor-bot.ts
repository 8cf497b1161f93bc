import { Bot } from "grammy";
import { OpenAI } from "openai";

/**
 * The floor: what a bot costs that keeps nothing. It polls, streams by editing its message every 1.1 s, and loses what
 * it was doing whenever it ends.
 */
const EDIT_EVERY_MS = 1100;
const { TELEGRAM_BOT_TOKEN = "", TELEGRAM_API_ROOT = "", OPENAI_BASE_URL = "" } = process.env;

const bot = new Bot(TELEGRAM_BOT_TOKEN, { client: { apiRoot: TELEGRAM_API_ROOT } });
const openai = new OpenAI({ apiKey: "sk-bench", baseURL: OPENAI_BASE_URL });

async function answer(chat: number, question: string): Promise<void> {
  const stream = await openai.chat.completions.create({
    model: "floor",
    stream: true,
    messages: [
      { role: "system", content: "You are a bot." },
      { role: "user", content: question },
    ],
  });
  let text = "";
  let shown = "";
  let shownAt = 0;
  let message: Promise<number> | null = null;
  let editing: Promise<unknown> = Promise.resolve();
  const edit = (id: number) => {
    [shown, shownAt] = [text, performance.now()];
    return bot.api.editMessageText(chat, id, text);
  };
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    if (text.trim() === "") continue;
    if (message === null) {
      [shown, shownAt] = [text, performance.now()];
      message = bot.api.sendMessage(chat, text).then((sent) => sent.message_id);
    } else if (performance.now() - shownAt >= EDIT_EVERY_MS) {
      const id = await message;
      await editing;
      editing = edit(id).catch(() => undefined);
    }
  }
  await editing;
  if (message !== null && shown !== text) await edit(await message);
}

bot.on("message:text", (context) => {
  // Not awaited: grammY would handle one chat after the other.
  answer(context.chat.id, context.message.text).catch((error: unknown) => console.error(error));
});
process.on("SIGTERM", () => process.exit(0));
await bot.start({ allowed_updates: ["message"] });
