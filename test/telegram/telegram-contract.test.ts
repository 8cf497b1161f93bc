import { platformAdapterContract, type PlatformUnderTest } from "../contract/platform-adapter.ts";
import { startFakeTelegram } from "../fakes/telegram/fake-telegram.ts";
import { SECRET, serveWebhook, telegramAt } from "./start-telegram.ts";

platformAdapterContract("Telegram by polling", () => make("polling"));
platformAdapterContract("Telegram by webhook", () => make("webhook"));

async function make(mode: "polling" | "webhook"): Promise<PlatformUnderTest> {
  const telegram = await startFakeTelegram({ limits: "off", timeScale: 0.01, strict: true });
  const server = await serveWebhook();
  const adapter = telegramAt(
    telegram,
    mode === "polling" ? {} : { mode, publicUrl: server.url, webhookSecret: SECRET },
  );
  server.adapter = adapter;
  const ann = telegram.user(7, "Ann");
  const chat = telegram.privateChat(ann);
  const method = { send: "sendMessage", edit: "editMessageText" };
  return {
    adapter,
    chat: "7",
    textLimit: 4096,
    secrets: [telegram.token, SECRET],
    start: (accept, signal) => {
      server.accept = accept;
      return adapter.start(accept, signal);
    },
    say: (text) => void telegram.say({ chat, from: ann, text }),
    unacknowledged: () => telegram.pendingUpdates(),
    shown: () =>
      telegram
        .botMessages(chat)
        .map(({ text, keyboard }) =>
          [text, ...(keyboard?.inline_keyboard.flat() ?? []).map((it) => it.text)].join(" "),
        ),
    refuse: (call, retryAfterMs) =>
      void telegram.fault({ kind: "429", method: method[call], retryAfter: retryAfterMs / 1000 }),
    press: ({ messageId }) => {
      const shown = telegram.messages(chat).find((it) => it.messageId === Number(messageId));
      const button = shown?.keyboard?.inline_keyboard[0]?.[0];
      if (!button || !("callback_data" in button)) throw new Error("there is no button to press");
      telegram.pressButton({ chat, from: ann, messageId: shown.messageId, data: button.callback_data });
    },
    loseAnswer: (call) => void telegram.fault({ kind: "reset-after-applying", method: method[call] }),
    close: async () => {
      await server.close();
      await telegram.close();
    },
  };
}
