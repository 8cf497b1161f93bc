import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { startFakeModel } from "./model-server.ts";
import { slackPlace, telegramPlace, type Place } from "./places.ts";
import { startFakeSlack } from "./slack/fake-slack.ts";
import { startFakeTelegram } from "./telegram/fake-telegram.ts";
import { TerminalChat, type Screen } from "./terminal-chat.ts";

const HELP = `
Type to write to the bot in a private chat of Telegram; what it shows appears here.
  !group           go to a group of Telegram (write to the bot there by its name, or answer it)
  !slack           go to a direct message of Slack (all you write stays in one thread)
  !channel         go to a channel of Slack (write @parley there first)
  !private         go back to Telegram's private chat
  !top             Slack: what you write next begins a new thread
  !press <label>   press the button with this label under the bot's last message
  !stop            Slack: its own Stop button
  !/parley <word>  Slack: the slash command
  !quit            end, as Ctrl-C does
`;
/** Slow enough to see an answer grow. */
const PACE = { ttftMs: 400, chunkEveryMs: 40, words: 60 };

/** Some terminals say that they have no columns at all. */
const UNKNOWN_WIDTH = 80;

const { values } = parseArgs({
  options: {
    "telegram-port": { type: "string", default: "0" },
    "slack-port": { type: "string", default: "0" },
    "slack-url": { type: "string" },
    "model-port": { type: "string", default: "0" },
  },
});
const telegram = await startFakeTelegram({ port: Number(values["telegram-port"]) });
const slack = await startFakeSlack({ port: Number(values["slack-port"]) });
slack.http.sendTo(values["slack-url"] ?? null);
const model = await startFakeModel({ port: Number(values["model-port"]), ...PACE });

const you = telegram.user(1001, "you");
const youToo = slack.user("you");
const places: Record<string, Place> = {
  private: telegramPlace(telegram, telegram.privateChat(you), you),
  group: telegramPlace(telegram, telegram.group(-1002, "a group"), you),
  slack: slackPlace(slack, slack.dm(youToo), youToo),
  channel: slackPlace(slack, slack.channelNamed("general", { members: [youToo] }), youToo),
};
let here = "private";
/** False once nobody can type any more. */
let typing = true;

process.stdout
  .write(`A fake Telegram (@${telegram.botUsername}), a fake Slack (@${slack.bot.name}) and a fake model are running.
Start the gateway against them in another terminal:

${environment()
  .map((setting) => `  ${setting} \\\n`)
  .join("")}  npm start

Slack's events come by socket. With --slack-url http://127.0.0.1:3000/slack/events they are posted there instead; the
gateway then needs SLACK_MODE=http.
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
const views = new Map(
  Object.entries(places).map(([name, place]) => [name, new TerminalChat(() => place.lines(), screen, ask)]),
);
const stopWatching = [telegram, slack].map((fake) => fake.watch(() => views.get(here)?.draw()));

terminal.on("line", (typed) => {
  const text = typed.trim();
  if (text.startsWith("!")) {
    obey(text.slice(1));
  } else if (text !== "") {
    views.get(here)?.typed(terminal.getPrompt() + typed);
    places[here]?.say(text);
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

function obey(typed: string): void {
  const [word = "", data = ""] = typed.split(/\s+(.*)/s);
  if (word in places) {
    here = word;
    terminal.setPrompt(word === "private" ? "> " : `${word}> `);
    views.get(here)?.draw();
  } else if (word === "quit") {
    end();
  } else {
    act(word, data);
  }
}

/** What one place may know and another not. */
function act(word: string, data: string): void {
  const place = places[here];
  const acts: Record<string, (() => void) | undefined> = {
    press: () => place?.press(data),
    top: place?.top,
    stop: place?.stop,
  };
  const run = word.startsWith("/") ? () => place?.command?.(`${word} ${data}`) : acts[word];
  try {
    if (run === undefined) {
      process.stdout.write(HELP);
    }
    run?.();
  } catch (error) {
    process.stdout.write(`${(error as Error).message}\n`);
  }
}

function environment(): string[] {
  return [
    `TELEGRAM_BOT_TOKEN=${telegram.token}`,
    `TELEGRAM_API_ROOT=${telegram.url}`,
    `SLACK_BOT_TOKEN=${slack.app.botToken}`,
    `SLACK_APP_TOKEN=${slack.app.appToken}`,
    `SLACK_SIGNING_SECRET=${slack.app.signingSecret}`,
    `SLACK_API_URL=${slack.apiUrl}`,
    "ACCESS=open",
    `OPENAI_BASE_URL=${model.url}`,
    "OPENAI_API_KEY=fake-key",
  ];
}

/** Closes everything; the process then ends by itself. */
function end(): void {
  process.off("SIGINT", end);
  process.off("SIGTERM", end);
  for (const stop of stopWatching) {
    stop();
  }
  terminal.close();
  process.stdin.destroy();
  void Promise.all([telegram.close(), slack.close(), model.close()]);
}
