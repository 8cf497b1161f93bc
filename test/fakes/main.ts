import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { startFakeModel } from "./model-server.ts";
import { startFakeTelegram, type FakeTelegram } from "./telegram/fake-telegram.ts";
import type { FakeChat, FakeUser } from "./telegram/chats.ts";
import { TerminalChat, type Screen } from "./telegram/terminal-chat.ts";

const HELP = `
Type to write to the bot in a private chat; what it shows appears here.
  !group           go to a group (write to the bot there by its name, or answer it)
  !private         go back
  !press <data>    press the button with this data under the bot's last message
  !quit            end, as Ctrl-C does
`;
/** Slow enough to see an answer grow. */
const PACE = { ttftMs: 400, chunkEveryMs: 40, words: 60 };

/** Some terminals say that they have no columns at all. */
const UNKNOWN_WIDTH = 80;

const { values } = parseArgs({
  options: {
    "telegram-port": { type: "string", default: "0" },
    "model-port": { type: "string", default: "0" },
  },
});
const telegram = await startFakeTelegram({ port: Number(values["telegram-port"]) });
const model = await startFakeModel({ port: Number(values["model-port"]), ...PACE });
const you = telegram.user(1001, "you");
const places = { private: telegram.privateChat(you), group: telegram.group(-1002, "a group") };
let here: FakeChat = places.private;
/** False once nobody can type any more. */
let typing = true;

process.stdout.write(`A fake Telegram (@${telegram.botUsername}) and a fake model are running.
Start the gateway against them in another terminal:

${environment(telegram, model.url)
  .map((setting) => `  ${setting} \\\n`)
  .join("")}  npm start
${HELP}
`);

const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: "> " });
const screen: Screen = {
  columns: process.stdout.isTTY ? process.stdout.columns || UNKNOWN_WIDTH : null,
  write: (text) => void process.stdout.write(text),
};
process.stdout.on("resize", () => {
  screen.columns = process.stdout.columns || UNKNOWN_WIDTH;
});
const views = new Map(Object.values(places).map((place) => [place, new TerminalChat(place, screen, ask)]));
const stopWatching = telegram.watch(() => views.get(here)?.draw());

terminal.on("line", (typed) => {
  const text = typed.trim();
  if (text.startsWith("!")) {
    obey(text.slice(1));
  } else if (text !== "") {
    views.get(here)?.typed(terminal.getPrompt() + typed);
    telegram.say({ chat: here, from: you, text });
    return;
  }
  views.get(here)?.disturbed();
  ask();
});
terminal.on("SIGINT", end);
process.on("SIGINT", end);
process.on("SIGTERM", end);
// Without a terminal the end of the input is no wish to end: the fakes go on for the gateway.
terminal.on("close", () => {
  typing = false;
  if (process.stdin.isTTY) {
    end();
  }
});
ask();

function ask(): void {
  if (typing) {
    terminal.prompt(true);
  }
}

function obey(command: string): void {
  const [word = "", data = ""] = command.split(/\s+(.*)/s);
  switch (word) {
    case "group":
    case "private":
      here = places[word];
      terminal.setPrompt(word === "group" ? "group> " : "> ");
      views.get(here)?.draw();
      return;
    case "press":
      press(here, you, data);
      return;
    case "quit":
      end();
      return;
    default:
      process.stdout.write(HELP);
  }
}

function press(chat: FakeChat, from: FakeUser, data: string): void {
  const message = telegram.botMessages(chat).at(-1);
  try {
    telegram.pressButton({ chat, from, messageId: message?.messageId ?? 0, data });
  } catch (error) {
    process.stdout.write(`${(error as Error).message}\n`);
  }
}

function environment(fake: FakeTelegram, modelUrl: string): string[] {
  return [
    `TELEGRAM_BOT_TOKEN=${fake.token}`,
    `TELEGRAM_API_ROOT=${fake.url}`,
    "ACCESS=open",
    `OPENAI_BASE_URL=${modelUrl}`,
    "OPENAI_API_KEY=fake-key",
  ];
}

/** Closes everything; the process then ends by itself. */
function end(): void {
  process.off("SIGINT", end);
  process.off("SIGTERM", end);
  stopWatching();
  terminal.close();
  process.stdin.destroy();
  void Promise.all([telegram.close(), model.close()]);
}
