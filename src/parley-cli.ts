import { parseArgs } from "node:util";
import { ApiClient } from "./cli/api-client.ts";
import { readDeliveryChange } from "./cli/delivery-changes.ts";
import { explain } from "./cli/explain.ts";
import { findGateway } from "./cli/find-gateway.ts";
import { eraseUser, exportUser, listUsers, setBlocked } from "./cli/user-commands.ts";
import { runKeys, showAudit } from "./cli/key-commands.ts";
import { Misuse } from "./cli/misuse.ts";
import { makeSignInLink } from "./cli/web-command.ts";
import { showFinding } from "./cli/show-finding.ts";
import { minuteOf, printable, table } from "./cli/table.ts";
import type { Session } from "./cli/talk.ts";
import type { Environment } from "./config-reader.ts";

const HELP = `The operator's commands.

npm run parley -- init            asks for tokens, model and database, tries each at once and writes .env; with --yes asks nothing
npm run parley -- migrate         brings the database up to date, and lists what it applied
npm run parley -- doctor          looks at settings, tokens, webhook, clock, database, model and cards, and says what to do
npm run parley -- manifest        the Slack app to make, for Socket Mode; with --http for HTTP events at PUBLIC_URL

Of a running gateway:

npm run parley -- approve CODE    lets in the stranger who was told this code
npm run parley -- sessions        lists the sessions of a user (--user name), last used first
npm run parley -- deliveries      lists posts that may or may not be there, those that failed, and those a platform makes wait, newest first
npm run parley -- web             makes a link that signs a browser in as an operator, once and within 10 minutes; with --role operator|viewer for less, with --person NAME as that person
npm run parley -- users [NAME]    lists people and group places, newest first; with a part of a name those of that name
npm run parley -- block ID        ends what a person (usr_…) has under way, and hears them no more; unblock undoes it
npm run parley -- export ID       writes everything that is theirs into ID.jsonl
npm run parley -- erase ID        says what would be erased; with --yes erases it, for good
npm run parley -- keys            lists the keys of the API
npm run parley -- keys create NAME --role owner|operator|viewer, --agent NAME or --person NAME
                                  makes a key; with --scopes a,b for less, with --days 90 for a time
npm run parley -- keys rotate ID  gives a key another secret; the old one counts for --overlap 24 hours more
npm run parley -- keys revoke ID  takes a key back for good
npm run parley -- audit           lists what operators did, with --since 30d further back than a week
npm run parley -- deliveries retry POST            posts again what failed; with --even-if-shown also what may be there
npm run parley -- deliveries resolve POST OUTCOME  takes a post off the list: it was seen (shown), or is not needed (dropped)
npm run parley -- help

--url http://127.0.0.1:3000       another gateway than that of the settings
`;

const SEE = "npm run parley -- help lists the commands.\n";

/** Those fields of a delivery that are shown. */
interface Delivery {
  id: string;
  state: string;
  account: string;
  chat: string;
  thread: string;
  run_id: string | null;
  page: number;
  error: string | null;
  created_at: string;
  parked_until: string | null;
}

/** Exit codes: 0 = done, 1 = it could not be done, 2 = the command cannot be understood. */
const FAILED = 1;
const MISUSED = 2;
const INTERRUPTED = 130;
/** How long somebody may take to open a link in Telegram. */
const FIND_MS = 120_000;

type Command = (client: ApiClient, word: string, yes: boolean) => Promise<string>;
const COMMANDS = new Map<string, Command>([
  ["approve", approve],
  ["sessions", listSessions],
  ["deliveries", listDeliveries],
  ["users", showUsers],
  ["block", (client, id) => setBlocked(client, id, true).then(oneLine)],
  ["unblock", (client, id) => setBlocked(client, id, false).then(oneLine)],
  ["export", exportUser],
  ["erase", eraseUser],
]);
/** What has to be said with a command; of the others only `users` may have a word. */
const NEEDS: Readonly<Record<string, string>> = {
  approve: "Say which code.",
  block: "Say whom: usr_….",
  unblock: "Say whom: usr_….",
  export: "Say whom: usr_….",
  erase: "Say whom: usr_….",
};

async function main(argv: string[], env: Environment, print: (text: string) => void): Promise<void> {
  const { values, positionals } = readArguments(argv);
  const [command = "help", ...rest] = positionals;
  if (values.help || command === "help") return print(HELP);
  const local = LOCAL.get(command);
  if (local) {
    if (rest.length > 0) throw new Misuse("That is one word too many.");
    return local(env, values, print);
  }
  if (command === "keys" || command === "audit") {
    if (command === "audit" && rest.length > 0) throw new Misuse("That is one word too many.");
    const client = new ApiClient({ ...(await findGateway(env, values.url ?? null)), user: values.user });
    return print(await (command === "keys" ? runKeys(client, rest, values) : showAudit(client, values.since)));
  }
  if (command === "deliveries" && rest.length > 0) {
    const change = readDeliveryChange(rest, values["even-if-shown"] === true);
    if (change === null) throw new Misuse("Say: deliveries retry POST, or: deliveries resolve POST shown|dropped.");
    const gateway = new ApiClient({ ...(await findGateway(env, values.url ?? null)), user: values.user });
    return print(await change(gateway));
  }
  if (command === "web") {
    if (rest.length > 0) throw new Misuse("That is one word too many.");
    const client = new ApiClient({ ...(await findGateway(env, values.url ?? null)), user: values.user });
    return print(await makeSignInLink(client, values));
  }
  const run = COMMANDS.get(command);
  if (!run) throw new Misuse(`There is no command "${command}".`);
  const need = NEEDS[command];
  if (need !== undefined && rest.length !== 1) throw new Misuse(need);
  if (rest.length > (command === "users" || need !== undefined ? 1 : 0)) throw new Misuse("That is one word too many.");
  const client = new ApiClient({ ...(await findGateway(env, values.url ?? null)), user: values.user });
  print(await run(client, rest[0] ?? "", values.yes === true));
}

function readArguments(argv: string[]) {
  try {
    return parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        url: { type: "string" },
        user: { type: "string", default: "admin" },
        http: { type: "boolean" },
        yes: { type: "boolean" },
        role: { type: "string" },
        agent: { type: "string" },
        person: { type: "string" },
        scopes: { type: "string" },
        days: { type: "string" },
        overlap: { type: "string" },
        since: { type: "string", default: "7d" },
        "even-if-shown": { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new Misuse(error instanceof Error ? error.message : String(error));
  }
}

/** They need no gateway, and are loaded only when they are asked for. */
const LOCAL = new Map<string, (env: Environment, flags: Flags, print: (text: string) => void) => Promise<void>>([
  ["init", setUp],
  ["migrate", async (env, _flags, print) => print(await (await import("./cli/run-migrations.ts")).runMigrations(env))],
  ["doctor", async (env, _flags, print) => print(await examine(env))],
  ["manifest", async (env, { http }, print) => print(await manifest(env, http === true))],
]);

interface Flags {
  http?: boolean | undefined;
  yes?: boolean | undefined;
}

async function setUp(env: Environment, { yes }: Flags, print: (text: string) => void): Promise<void> {
  const [{ diagnosePart: look }, { init }, { Prompt }, { findOperator }] = await Promise.all([
    import("./doctor.ts"),
    import("./cli/init.ts"),
    import("./cli/prompt.ts"),
    import("../adapters/telegram/find-operator.ts"),
  ]);
  using prompt = yes === true ? null : new Prompt(process.stdin, process.stdout, giveUp);
  const find = async (known: Environment, onLink: (link: string) => void) => {
    const { TELEGRAM_BOT_TOKEN: token = "", TELEGRAM_API_ROOT: root = "" } = known;
    const options = { token: token.trim(), apiRoot: root.trim().replace(/\/+$/, "") || null, onLink };
    return findOperator(options, AbortSignal.timeout(FIND_MS));
  };
  const written = await init({ env, file: ".env", prompt, print, look, findOperator: find });
  if (!written) process.exitCode = FAILED;
}

/** Nothing is written before the end. */
function giveUp(): never {
  process.exit(INTERRUPTED);
}

async function examine(env: Environment): Promise<string> {
  const { diagnose } = await import("./doctor.ts");
  const findings = await diagnose(env);
  if (findings.some(({ verdict }) => verdict === "fault")) process.exitCode = FAILED;
  return findings.map(showFinding).join("");
}

async function manifest(env: Environment, http: boolean): Promise<string> {
  const { slackManifest } = await import("../adapters/slack/slack-manifest.ts");
  const publicUrl = http ? (env["PUBLIC_URL"] ?? "").trim().replace(/\/+$/, "") : null;
  if (publicUrl !== null && !/^https:\/\/[^/]/.test(publicUrl)) {
    throw new Misuse("Slack calls https only: set PUBLIC_URL to the address it shall call.");
  }
  return `${JSON.stringify(slackManifest({ name: "Parley", publicUrl }), null, 2)}\n`;
}

async function approve(client: ApiClient, code: string): Promise<string> {
  const path = `/v1/pairings/${encodeURIComponent(code)}/approve`;
  const { platform, external_id: id, name } = await client.post<Record<string, string>>(path);
  return `${printable(name ?? "")} (${platform}:${id}) may talk now.\n`;
}

async function showUsers(client: ApiClient, word: string): Promise<string> {
  const rows = await listUsers(client, word);
  if (rows.length === 0) return "There is nobody of that name.\n";
  return table([["user", "kind", "since", "state", "name", "accounts"], ...rows.map((row) => row.map(printable))]);
}

/** A name may be in it. */
function oneLine(text: string): string {
  return `${printable(text.trimEnd())}\n`;
}

async function listSessions(client: ApiClient): Promise<string> {
  const { sessions } = await client.get<{ sessions: Session[] }>("/v1/sessions?limit=50");
  if (sessions.length === 0) return "There are no sessions yet.\n";
  const lines = sessions.map((session) => {
    const { session_id: id, updated_at: at, head_seq: messages, agent, title } = session;
    return `${id}  ${minuteOf(at)}  ${String(messages).padStart(5)}  ${agent}  ${printable(title)}`;
  });
  return `${lines.join("\n")}\n`;
}

async function listDeliveries(client: ApiClient): Promise<string> {
  const { deliveries } = await client.get<{ deliveries: Delivery[] }>("/v1/deliveries?limit=200");
  if (deliveries.length === 0) return "No post is uncertain, failed or parked.\n";
  const rows = deliveries.map(({ id, state, account, chat, thread, run_id: run, page, created_at: at, ...why }) => [
    state,
    minuteOf(at),
    account,
    thread === "" ? chat : `${chat}/${thread}`,
    id,
    run ?? "-",
    String(page + 1),
    why.parked_until === null ? (why.error ?? "") : `until ${minuteOf(why.parked_until)}`,
  ]);
  return table([["state", "since", "account", "chat", "post", "run", "page", "error"], ...rows]);
}

if (import.meta.main) {
  main(process.argv.slice(2), process.env, (text) => void process.stdout.write(text)).catch((error: unknown) => {
    const isMisuse = error instanceof Misuse;
    process.stderr.write(isMisuse ? `${error.message}\n${SEE}` : `${explain(error)}\n`);
    process.exitCode = isMisuse ? MISUSED : FAILED;
  });
}
