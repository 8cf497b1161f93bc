import { parseArgs } from "node:util";
import { ApiClient } from "./cli/api-client.ts";
import { explain } from "./cli/explain.ts";
import { findGateway } from "./cli/find-gateway.ts";
import type { Session } from "./cli/talk.ts";
import type { Environment } from "./config-reader.ts";

const HELP = `The operator's commands for a running gateway.

npm run parley -- approve CODE    lets in the stranger who was told this code
npm run parley -- sessions        lists the sessions of a user (--user name), last used first
npm run parley -- help

--url http://127.0.0.1:3000       another gateway than that of the settings
`;

/** Exit codes: 0 = done, 1 = it could not be done, 2 = the command cannot be understood. */
const FAILED = 1;
const MISUSED = 2;

class Misuse extends Error {}

async function main(argv: string[], env: Environment, print: (text: string) => void): Promise<void> {
  const { values, positionals } = readArguments(argv);
  const [command = "help", ...rest] = positionals;
  if (values.help || command === "help") return print(HELP);
  if (command !== "approve" && command !== "sessions") throw new Misuse(`There is no command "${command}".`);
  const wanted = command === "approve" ? 1 : 0;
  if (rest.length !== wanted) throw new Misuse(wanted === 1 ? "Say which code." : "That is one word too many.");
  const client = new ApiClient({ ...(await findGateway(env, values.url ?? null)), user: values.user });
  print(command === "approve" ? await approve(client, rest[0]!) : await list(client));
}

function readArguments(argv: string[]) {
  try {
    return parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        url: { type: "string" },
        user: { type: "string", default: "admin" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new Misuse(error instanceof Error ? error.message : String(error));
  }
}

async function approve(client: ApiClient, code: string): Promise<string> {
  const path = `/v1/pairings/${encodeURIComponent(code)}/approve`;
  const { platform, external_id: id, name } = await client.post<Record<string, string>>(path);
  return `${printable(name ?? "")} (${platform}:${id}) may talk now.\n`;
}

async function list(client: ApiClient): Promise<string> {
  const { sessions } = await client.get<{ sessions: Session[] }>("/v1/sessions?limit=50");
  if (sessions.length === 0) return "There are no sessions yet.\n";
  const lines = sessions.map((session) => {
    const { session_id: id, updated_at: at, head_seq: messages, agent, title } = session;
    return `${id}  ${at.slice(0, 16).replace("T", " ")}  ${String(messages).padStart(5)}  ${agent}  ${printable(title)}`;
  });
  return `${lines.join("\n")}\n`;
}

/** Names and titles are somebody's words: they must not steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, " ");
}

if (import.meta.main) {
  main(process.argv.slice(2), process.env, (text) => void process.stdout.write(text)).catch((error: unknown) => {
    const isMisuse = error instanceof Misuse;
    process.stderr.write(isMisuse ? `${error.message}\n\n${HELP}` : `${explain(error)}\n`);
    process.exitCode = isMisuse ? MISUSED : FAILED;
  });
}
