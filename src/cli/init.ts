import type { ConfigName } from "../config-names.ts";
import type { Environment } from "../config-reader.ts";
import { errorCode, GatewayError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { readEnvFile, writeEnvFile } from "./env-file.ts";
import type { Prompt } from "./prompt.ts";
import { showFinding } from "./show-finding.ts";

/** What is set up together, and looked at together. */
export type InitPart = "telegram" | "slack" | "model" | "database" | "access";

export interface InitOptions {
  env: Environment;
  /** The file of settings. */
  file: string;
  /** Null = nobody is asked: what the environment and the file say is checked and written. */
  prompt: Prompt | null;
  print: (text: string) => void;
  /** Looks at what these settings say of a part, and changes nothing. */
  look: (part: InitPart, env: Environment) => Promise<Finding[]>;
  /** The number of the person who opens the link and presses Start; null = nobody did in time. */
  findOperator: (env: Environment, onLink: (link: string) => void) => Promise<number | null>;
}

type Settings = Partial<Record<ConfigName, string>>;

interface Question {
  name: ConfigName;
  asks: string;
  secret?: true;
  /** Absent = always. */
  when?: (settings: Settings) => boolean;
}

interface Step {
  part: InitPart;
  title: string;
  questions: readonly Question[];
}

const STEPS: readonly Step[] = [
  {
    part: "telegram",
    title: "Telegram: a bot from @BotFather (docs/telegram.md).",
    questions: [{ name: "TELEGRAM_BOT_TOKEN", asks: "Token", secret: true }],
  },
  {
    part: "slack",
    title: 'Slack: an app made with "npm run parley -- manifest" (docs/slack.md).',
    questions: [
      { name: "SLACK_BOT_TOKEN", asks: "Bot token, xoxb-…", secret: true },
      {
        name: "SLACK_APP_TOKEN",
        asks: "App-level token, xapp-…, for Socket Mode",
        secret: true,
        when: ({ SLACK_BOT_TOKEN: bot }) => bot !== undefined,
      },
      {
        name: "SLACK_SIGNING_SECRET",
        asks: "Signing secret, for HTTP",
        secret: true,
        when: ({ SLACK_BOT_TOKEN: bot, SLACK_APP_TOKEN: app }) => bot !== undefined && app === undefined,
      },
    ],
  },
  {
    part: "model",
    title: "Model: any server that speaks chat completions; without one the demo agent answers from a script.",
    questions: [
      { name: "OPENAI_API_KEY", asks: "Key", secret: true },
      { name: "OPENAI_BASE_URL", asks: "Its address, if it is not https://api.openai.com/v1" },
      {
        name: "OPENAI_MODEL",
        asks: "Model, by the server's name for it",
        when: ({ OPENAI_API_KEY: key, OPENAI_BASE_URL: url }) => key !== undefined || url !== undefined,
      },
    ],
  },
  {
    part: "database",
    title: "Database: postgres://user:password@host:5432/parley; without one an embedded database, for one process.",
    questions: [
      { name: "DATABASE_URL", asks: "Address", secret: true },
      {
        name: "MIGRATE_DATABASE_URL",
        asks: "The same with a role that may change the schema, if this one may not",
        secret: true,
        when: ({ DATABASE_URL: url }) => url !== undefined,
      },
    ],
  },
];

/** Asks for what the gateway needs, looks at each at once, and writes the file of settings. False = not written. */
export async function init(options: InitOptions): Promise<boolean> {
  const { env, file, prompt, print } = options;
  const stored = await readEnvFile(file);
  const known: Environment = { ...stored, ...env };
  if (prompt) print("Enter alone leaves a setting as it is. Nothing is written before the end.\n");
  let found: Settings = {};
  for (const step of STEPS) {
    const settings = await take(step, options, { ...known, ...found });
    if (settings === null) {
      print(`Nothing was written to ${file}.\n`);
      return false;
    }
    found = { ...found, ...settings };
  }
  const users = await operator(options, { ...known, ...found });
  if (users !== "") found.ALLOWED_USERS = users;
  const changes = Object.fromEntries(Object.entries(found).filter(([name, value]) => stored[name] !== value));
  if (Object.keys(changes).length === 0) print(`\n${file} needs no change.\n`);
  else {
    const old = await writeEnvFile(file, changes);
    const kept = old === null ? "" : `; the old one is ${old}`;
    print(`\n${file} has ${Object.keys(changes).join(", ")} now, for your eyes only${kept}.\n`);
  }
  print(whatNext({ ...known, ...found }));
  return true;
}

/** What a step comes to; null = a setting is refused, and there is nobody to mend it. */
async function take(step: Step, options: InitOptions, known: Environment): Promise<Settings | null> {
  const { part, title, questions } = step;
  const { prompt, print, look } = options;
  const before = settingsOf(questions, known);
  // What stands in a file of its own stays there.
  const open = questions.filter(({ name }) => !isSet(known[`${name}_FILE`]));
  if (prompt) print(`\n${title}\n`);
  let now = before;
  for (let again = false; ; again = true) {
    const answered = prompt && !prompt.over ? await ask(open, now, prompt) : now;
    // Enter alone after a refusal: without it, then, or as it was.
    if (again && answered === now) return prompt?.over === true ? null : before;
    now = answered;
    if (!questions.some(({ name }) => isSet(now[name]) || isSet(known[`${name}_FILE`]))) return now;
    const findings = await look(part, { ...known, ...now });
    for (const finding of findings) print(showFinding(finding));
    if (!findings.some(({ verdict }) => verdict === "fault")) return now;
    if (!prompt || prompt.over) return null;
    print(`Once more, or Enter to leave it ${Object.keys(before).length > 0 ? "as it was" : "out"}.\n`);
  }
}

/** The same object if nothing was answered. */
async function ask(questions: readonly Question[], before: Settings, prompt: Prompt): Promise<Settings> {
  let now = before;
  for (const { name, asks, secret = false, when } of questions) {
    if (when && !when(now)) continue;
    const has = now[name];
    const shown = has === undefined ? "" : secret ? " [is set]" : ` [${has}]`;
    const answer = await prompt.ask(`  ${asks}${shown}: `, secret);
    if (answer !== "") now = { ...now, [name]: answer };
  }
  return now;
}

function settingsOf(questions: readonly Question[], known: Environment): Settings {
  const set = questions.map(({ name }) => [name, known[name]?.trim()]).filter(([, value]) => isSet(value));
  return Object.fromEntries(set) as Settings;
}

/** Who may always talk: as before, or with the operator; "" = nobody is named. */
async function operator(options: InitOptions, known: Environment): Promise<string> {
  const { prompt, print, look } = options;
  const before = known["ALLOWED_USERS"]?.trim() ?? "";
  const bot = isSet(known["TELEGRAM_BOT_TOKEN"]) && (known["TELEGRAM_MODE"] ?? "polling") === "polling";
  if (!hasPlatform(known) || before !== "" || !prompt || prompt.over) return before;
  print("\nYou: whom the bot shall hear at once, as telegram:<number> or slack:<team>:<user>.\n");
  if (bot) print('  "?" finds out who you are at Telegram: you open a link and press Start.\n');
  while (!prompt.over) {
    const answer = await prompt.ask("  Your id: ", false);
    if (answer === "") return "";
    const users = answer === "?" && bot ? await findAtTelegram(options, known) : answer;
    const findings = users === "" ? [] : await look("access", { ALLOWED_USERS: users });
    for (const finding of findings) print(showFinding(finding));
    if (users !== "" && findings.every(({ verdict }) => verdict !== "fault")) return users;
  }
  return "";
}

async function findAtTelegram({ print, findOperator }: InitOptions, known: Environment): Promise<string> {
  try {
    const id = await findOperator(known, (link) => print(`  Open ${link} and press Start.\n`));
    if (id !== null) return `telegram:${id}`;
    print("  Nobody came. Once more, or Enter to do without.\n");
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    const why = errorCode(error) === "conflict" ? "another program takes the bot's messages" : error.message;
    print(`  You could not be found: ${why}. Write your id, or Enter to do without.\n`);
  }
  return "";
}

function whatNext(known: Environment): string {
  const start = 'Start it with "npm start"; "npm run parley -- doctor" looks at everything together.\n';
  if (!hasPlatform(known)) return `${start}Then talk to it: npm run talk\n`;
  if (isSet(known["ALLOWED_USERS"]) || known["ACCESS"] === "open") return `${start}Then write to your bot.\n`;
  return `${start}Then write to your bot: it tells you a code, and "npm run parley -- approve CODE" lets you in.\n`;
}

function hasPlatform(known: Environment): boolean {
  return ["TELEGRAM_BOT_TOKEN", "SLACK_BOT_TOKEN"].some((name) => isSet(known[name]) || isSet(known[`${name}_FILE`]));
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value.trim() !== "";
}
