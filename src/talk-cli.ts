import { createInterface, type Interface } from "node:readline";
import { parseArgs } from "node:util";
import { ApiClient } from "./cli/api-client.ts";
import { explain } from "./cli/explain.ts";
import { findGateway } from "./cli/find-gateway.ts";
import { plainScreen, terminalScreen } from "./cli/screen.ts";
import { Talk } from "./cli/talk.ts";
import type { Environment } from "./config-reader.ts";

const HELP = `Talk to the agents of a running gateway.

npm run talk -- [--url http://127.0.0.1:3000] [--user name] [--session id]

Without --session it goes on with the session used last. Lines that are piped in are answered one after the other:
  echo "What time is it?" | npm run --silent talk
`;
const COMMANDS =
  "/new starts a new talk, /sessions lists them, /sessions 2 opens one, /stop ends the answer, /approve and /deny decide, /quit";

interface Terminal {
  argv: string[];
  env: Environment;
  input: NodeJS.ReadStream;
  output: NodeJS.WriteStream;
  errors: NodeJS.WriteStream;
}

async function main({ argv, env, input, output, errors }: Terminal): Promise<void> {
  const { values } = parseArgs({
    args: argv,
    options: {
      url: { type: "string" },
      user: { type: "string", default: "admin" },
      session: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return void output.write(HELP);
  const client = new ApiClient({ ...(await findGateway(env, values.url ?? null)), user: values.user });
  const session = values.session ?? null;
  if (input.isTTY && output.isTTY) await talkAtTerminal(client, session, input, output);
  else await talkByLines(client, session, { input, output, errors });
}

/** Each line is said when the one before is answered; the end of the input is the end. */
async function talkByLines(
  client: ApiClient,
  session: string | null,
  { input, output, errors }: Pick<Terminal, "input" | "output" | "errors">,
): Promise<void> {
  const screen = plainScreen(
    (text) => void output.write(text),
    (text) => void errors.write(text),
  );
  const lost = Promise.withResolvers<never>();
  lost.promise.catch(() => undefined);
  const talk = new Talk(client, screen, lost.reject);
  try {
    await talk.open(session, false);
    for await (const line of createInterface({ input })) {
      if (line.trim() === "") continue;
      const messageId = await talk.say(line);
      await Promise.race([talk.answered(messageId), lost.promise]);
    }
  } finally {
    await talk.close();
  }
}

async function talkAtTerminal(
  client: ApiClient,
  session: string | null,
  input: NodeJS.ReadStream,
  output: NodeJS.WriteStream,
): Promise<void> {
  const lines = createInterface({ input, output, prompt: "> " });
  const screen = terminalScreen(
    (text) => void output.write(text),
    () => lines.prompt(true),
  );
  const over = Promise.withResolvers<void>();
  const talk = new Talk(client, screen, over.reject);
  const tell = (error: unknown): void => screen.note(explain(error));
  lines.on("close", over.resolve);
  lines.on("SIGINT", () => (talk.busy ? void talk.stop().catch(tell) : lines.close()));
  try {
    const { agent, session_id: id } = await talk.open(session, true);
    screen.note(`You talk to ${agent} at ${client.url} in ${id}.\n${COMMANDS}`);
    const note = (text: string): void => screen.note(text);
    let obeyed = Promise.resolve();
    lines.on("line", (line) => {
      const words = line.trim();
      if (words === "/quit" || words === "/exit") return lines.close();
      // One after the other, as they were typed.
      obeyed = obeyed.then(() => obey(words, talk, note, lines)).catch(tell);
    });
    await over.promise;
  } finally {
    lines.close();
    await talk.close();
  }
}

async function obey(line: string, talk: Talk, note: (text: string) => void, lines: Interface): Promise<void> {
  const [word, argument] = line.split(/\s+/);
  if (line === "") return lines.prompt();
  if (word === "/help") return note(COMMANDS);
  if (word === "/stop") return talk.stop();
  if (word === "/approve" || word === "/deny") return talk.decide(word === "/deny" ? "denied" : "approved");
  if (word === "/new") return note(`A new talk with ${(await talk.openNew()).agent}.`);
  if (word === "/sessions") return openListed(argument, talk, note);
  if (word?.startsWith("/")) return note(`${word} is no command. ${COMMANDS}`);
  await talk.say(line);
}

async function openListed(argument: string | undefined, talk: Talk, note: (text: string) => void): Promise<void> {
  const sessions = await talk.sessions();
  if (argument !== undefined) {
    const chosen = sessions[Number(argument) - 1];
    if (chosen === undefined) return note("There is no talk of that number.");
    return note(`You talk to ${(await talk.open(chosen.session_id, true)).agent} again.`);
  }
  const list = sessions.map(({ title, agent, updated_at: at }, index) => {
    return `${index + 1}. ${title === "" ? "New talk" : title} (${agent}, ${at.slice(0, 16).replace("T", " ")} UTC)`;
  });
  note(list.join("\n"));
}

if (import.meta.main) {
  const { stdin: input, stdout: output, stderr: errors } = process;
  // Whoever read what it writes has had enough.
  output.on("error", () => process.exit(0));
  main({ argv: process.argv.slice(2), env: process.env, input, output, errors }).then(
    () => process.exit(0),
    (error: unknown) => {
      errors.write(`${explain(error)}\n`);
      process.exit(1);
    },
  );
}
