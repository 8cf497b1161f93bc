import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { Api } from "grammy";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { diagnoseWeb } from "../src/diagnose-web.ts";
import { diagnose } from "../src/doctor.ts";
import type { Finding } from "../src/finding.ts";
import { runCli } from "./cli/run-cli.ts";
import { FakeOidcProvider } from "./fakes/oidc-provider.ts";
import { type FakeModel, startFakeModel } from "./fakes/model-server.ts";
import { type FakeSlack, startFakeSlack } from "./fakes/slack/fake-slack.ts";
import { type FakeTelegram, startFakeTelegram } from "./fakes/telegram/fake-telegram.ts";
import { freePort } from "./support/free-port.ts";
import { createTestDatabase } from "./support/postgres.ts";

let telegram: FakeTelegram;
let slack: FakeSlack;
let model: FakeModel;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let sound: Record<string, string>;
const leftovers = new AsyncDisposableStack();

beforeAll(async () => {
  telegram = leftovers.use(await startFakeTelegram());
  slack = leftovers.use(await startFakeSlack());
  model = await startFakeModel();
  leftovers.defer(() => model.close());
  database = await createTestDatabase();
  leftovers.defer(() => database.drop());
  sound = {
    // Nothing listens there; a free port may be another test's by the time it is looked at.
    PORT: "1",
    DATABASE_URL: database.url,
    TELEGRAM_BOT_TOKEN: telegram.token,
    TELEGRAM_API_ROOT: telegram.url,
    SLACK_BOT_TOKEN: slack.app.botToken,
    SLACK_APP_TOKEN: slack.app.appToken,
    SLACK_API_URL: slack.apiUrl,
    OPENAI_API_KEY: "sk-doctor-key-000000000000",
    OPENAI_BASE_URL: model.url,
    OPENAI_MODEL: "fake-model",
  };
});
afterEach(async () => {
  await new Api(telegram.token, { apiRoot: telegram.url }).deleteWebhook();
});
afterAll(() => leftovers.disposeAsync());

const bad = (findings: Finding[]) => findings.filter(({ verdict }) => verdict === "fault");
const lines = (findings: Finding[]) => findings.map(({ about, says, remedy }) => `${about}: ${says} → ${remedy}`);

it("finds nothing to mend where there is nothing", async () => {
  const findings = await diagnose(sound);
  expect(bad(findings)).toEqual([]);
  expect(new Set(findings.map(({ about }) => about))).toEqual(
    new Set(["settings", "agents", "database", "model", "telegram", "slack", "web page", "gateway"]),
  );
  for (const secret of [slack.app.botToken, slack.app.appToken, telegram.token, "sk-doctor-key"]) {
    expect(JSON.stringify(findings)).not.toContain(secret);
  }
});

describe("the web page", () => {
  const web = { access: "link", oidc: null } as const;
  const config = { web, publicUrl: null, host: "127.0.0.1" };
  const look = async (change: object, folder?: string) => lines(await diagnoseWeb({ ...config, ...change }, folder));

  it("is off, was not built, or has no address that people could open", async () => {
    const built = await agentsOf("");
    await writeFile(path.join(built, "index.html"), "");
    expect(await look({}, built)).toEqual(["web page: opens at loopback addresses → "]);
    expect(await look({ publicUrl: "https://parley.test", host: "0.0.0.0" }, built)).toEqual([
      "web page: opens at https://parley.test → ",
    ]);
    expect(await look({ web: { ...web, access: "off" } })).toEqual(["web page: is off: WEB_ACCESS → "]);
    expect(await look({}, `${built}/none`)).toEqual([expect.stringMatching(/was not built → Run: npm run build/)]);
    expect(await look({ host: "0.0.0.0" }, built)).toEqual([expect.stringMatching(/no address.* → Set PUBLIC_URL/)]);
  });

  it("has a provider of sign-ins that is there, by its right name", async () => {
    const provider = await FakeOidcProvider.open();
    leftovers.defer(() => provider.close());
    const oidc = { issuer: provider.issuer, clientId: "parley", clientSecret: null, allow: ["*"] };
    const faults = async (issuer: string) =>
      bad(await diagnoseWeb({ ...config, web: { ...web, oidc: { ...oidc, issuer } } })).map(({ says }) => says);
    expect(await faults(provider.issuer)).toEqual([]);
    expect(await faults(provider.issuer.replace("127.0.0.1", "localhost"))).toEqual([
      "the provider of WEB_OIDC_ISSUER has another name for itself",
    ]);
    expect(await faults("http://127.0.0.1:9")).toEqual(["the provider of WEB_OIDC_ISSUER does not describe itself"]);
  });
});

/** A folder with the agent `a`, and with these settings. */
async function agentsOf(settings: string, named = "mine.fake-model"): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), "parley-doctor-"));
  leftovers.defer(() => rm(dir, { recursive: true }));
  await writeFile(path.join(dir, "a.md"), `---\nmodel: ${named}\n---\nHelp.\n`);
  await writeFile(path.join(dir, "parley.yaml"), settings);
  return dir;
}

const remoteAt = (url: string) => `agents: { far: { remote: { url: "${url}" } } }`;

/** It limits how often its sockets are opened. */
const NO_SLACK = { SLACK_BOT_TOKEN: "", SLACK_APP_TOKEN: "" };

/** Each with what it breaks, what must be said, and what is to be done. */
const PLANTED: [string, () => Promise<Record<string, string>> | Record<string, string>, RegExp][] = [
  [
    "a setting that is misspelt",
    () => ({ TELEGRAM_BOT_TOKEN: "", TELEGRAM_TOKEN: telegram.token }),
    /^settings: TELEGRAM_TOKEN is not a setting\. → Write TELEGRAM_BOT_TOKEN\./,
  ],
  [
    "a bot of Slack that nobody can reach",
    () => ({ SLACK_APP_TOKEN: "" }),
    /^settings: SLACK_APP_TOKEN is missing\. → Set it for Socket Mode, or SLACK_SIGNING_SECRET for HTTP\./,
  ],
  [
    "a Telegram token that was revoked",
    () => ({ TELEGRAM_BOT_TOKEN: "4711000009:AAAnotherTokenThatNobodyKnows_01234" }),
    /^telegram: Telegram refuses the bot's token → Copy it again from @BotFather/,
  ],
  [
    "a Slack token that was revoked",
    () => ({ SLACK_BOT_TOKEN: "xoxb-1111111111-1111111111-NobodyKnowsThisOne" }),
    /^slack: Slack refuses SLACK_BOT_TOKEN \(invalid_auth\) → Copy the Bot User OAuth Token/,
  ],
  [
    "an app-level token that is none",
    () => ({ SLACK_APP_TOKEN: "xapp-1-A0OTHER-0000000000-nobodyKnowsThisOne" }),
    /^slack: Socket Mode cannot be opened \(invalid_auth\) → Make an app-level token \(xapp-\) with connections:write/,
  ],
  [
    "an app that is not as its manifest",
    async () => {
      const poor = leftovers.use(await startFakeSlack({ scopes: ["chat:write", "im:history", "pins:write"] }));
      return { SLACK_API_URL: poor.apiUrl };
    },
    /^slack: the app lacks app_mentions:read, assistant:write, .* → Compare the app's manifest .* then install it again\./,
  ],
  [
    "a model the server does not have",
    () => ({ OPENAI_MODEL: "gpt-nothing" }),
    /^model: the server does not offer gpt-nothing → Set OPENAI_MODEL to one that it does: fake-model\./,
  ],
  [
    "a key the model's server refuses",
    async () => ({ OPENAI_BASE_URL: `${await answering(401)}/v1` }),
    /^model: the model's server refuses the key → Put a valid key into OPENAI_API_KEY\./,
  ],
  [
    "a default model whose provider nobody has set up",
    () => ({ OPENAI_MODEL: "anthropic.claude-x", OPENAI_API_KEY: "", OPENAI_BASE_URL: "", ...NO_SLACK }),
    /^model: OPENAI_MODEL: there is no provider "anthropic" \(providers: openai\) → add it to providers in parley\.yaml, or/,
  ],
  [
    "a provider of the agents' settings that does not have their model",
    async () => ({
      AGENTS_DIR: await agentsOf(`providers: { mine: { base_url: "${model.url}" } }`, "mine.big"),
      DEFAULT_AGENT: "a",
      ...NO_SLACK,
    }),
    /^model mine: the server does not offer big → Set the agent's model to one that it does: fake-model\./,
  ],
  [
    "a provider that does not answer",
    async () => ({
      AGENTS_DIR: await agentsOf(`providers: { mine: { base_url: "http://127.0.0.1:${await freePort()}/v1" } }`),
      DEFAULT_AGENT: "a",
      ...NO_SLACK,
    }),
    /^model mine: the model's server does not answer → Check providers\.mine\.base_url in parley\.yaml, and whether/,
  ],
  [
    "an agent whose server does not answer",
    async () => ({ AGENTS_DIR: await agentsOf(remoteAt(`http://127.0.0.1:${await freePort()}/v1`), "fake-model") }),
    /^agent far: its server does not answer → Check agents\.far\.remote\.url, and whether this machine reaches it\./,
  ],
  [
    "an agent whose server refuses the key",
    async () => ({ AGENTS_DIR: await agentsOf(remoteAt(`${await answering(401)}/v1`), "fake-model") }),
    /^agent far: its server refuses the key → Put a valid key where agents\.far\.remote\.key says\./,
  ],
  [
    "an agent that is not at its address",
    async () => ({ AGENTS_DIR: await agentsOf(remoteAt(`${await answering(404)}/v2`), "fake-model") }),
    /^agent far: there are no chat completions at its address \(HTTP 404\) → Check agents\.far\.remote\.url: it ends/,
  ],
  [
    "a database that is not there",
    async () => ({ DATABASE_URL: `postgres://ann:secret-password@127.0.0.1:${await freePort()}/parley` }),
    /^database: Postgres cannot be used: nothing listens there → Check DATABASE_URL: host, port/,
  ],
  [
    "a database of another name",
    () => ({ DATABASE_URL: database.url.replace(/[^/]+$/, "nobody_made_this") }),
    /^database: Postgres cannot be used: there is no such database → Check DATABASE_URL/,
  ],
  [
    "a card with a field nobody knows",
    async () => ({ AGENTS_DIR: await cards("---\nname: ann\ncolour: red\n---\nHello") }),
    /^agents: card\.md: colour: .* → /,
  ],
  [
    "a card with a secret of the gateway",
    async () => ({ AGENTS_DIR: await cards("---\nname: ann\ndescription: ${TELEGRAM_BOT_TOKEN}\n---\nHello") }),
    /^agents: card\.md: description: \$\{TELEGRAM_BOT_TOKEN\} is a secret/,
  ],
  [
    "a clock that is wrong",
    async () => ({ SLACK_API_URL: `${await answering(200, { date: "Thu, 01 Jan 2026 00:00:00 GMT" })}/api` }),
    /^clock: this machine's clock is \d+ min ahead → Set it by NTP/,
  ],
];

describe("tells what is wrong, and what to do:", () => {
  it.each(PLANTED)("%s", async (_name, plant, told) => {
    const findings = await diagnose({ ...sound, ...(await plant()) });
    expect(lines(bad(findings)).filter((line) => told.test(line))).toHaveLength(1);
    expect(JSON.stringify(findings)).not.toContain("secret-password");
  });
});

it("tells each fault of the agents by itself, with what to do about it", async () => {
  const settings = "budgets: { person: { tokens: 5 } }\nagents: { a: { tools: [current_time] } }";
  const findings = await diagnose({ ...sound, AGENTS_DIR: await agentsOf(settings, "fake-model") });
  expect(lines(bad(findings)).toSorted()).toEqual([
    expect.stringMatching(
      /^agents: parley\.yaml: agents\.a\.tools: must be a list of tools \([^;]*\) → Mend what the line/,
    ),
    expect.stringMatching(/^agents: parley\.yaml: budgets\.person\.tokens: is not a field → remove it \(fields: /),
  ]);
});

it("warns of a card that asks for what is not done", async () => {
  const agentsDir = await cards("---\nname: ann\nshell: true\n---\nHello");
  const findings = await diagnose({ ...sound, AGENTS_DIR: agentsDir });
  expect(bad(findings)).toEqual([]);
  expect(lines(findings)).toContainEqual(
    "agents: card.md: shell: there is no shell here → Remove the field, or do without it.",
  );
});

it("warns of MCP servers that are left out, and of the cards that wanted them", async () => {
  const agentsDir = await cards("---\nname: ann\nservers: [files, mail]\n---\nHello");
  const config = path.join(agentsDir, "servers.txt");
  await writeFile(config, "mcp: { servers: { files: { command: sh } } }");
  const findings = await diagnose({ ...sound, AGENTS_DIR: agentsDir, MCP_CONFIG: config });
  expect(bad(findings)).toEqual([]);
  const told = lines(findings).join("\n");
  const off = "would be started as a process on this machine, which is off; set MCP_STDIO=true to allow it";
  expect(told).toContain(`servers: servers.txt: mcp.servers.files: ${off}`);
  expect(told).toContain(`agents: card.md: servers: "files" ${off}`);
  expect(told).toContain('agents: card.md: servers: "mail" is not among the MCP servers of MCP_CONFIG');
});

it("warns of a webhook that is in the way, and of one that failed", async () => {
  const api = new Api(telegram.token, { apiRoot: telegram.url });
  await api.setWebhook("http://127.0.0.1:9/hook");
  const polling = await diagnose(sound);
  expect(lines(polling).join("\n")).toMatch(/telegram: a webhook is set although TELEGRAM_MODE is polling → /);
  const webhook = { TELEGRAM_MODE: "webhook", TELEGRAM_WEBHOOK_SECRET: "q8Zr2Lk5Wm0Xc7Vt4Bn1Hs6J" };
  const other = await diagnose({ ...sound, ...webhook, PUBLIC_URL: "http://127.0.0.1:8" });
  expect(lines(other).join("\n")).toMatch(/telegram: the webhook that is set is another one → Start the gateway/);
});

it("npm run parley -- doctor prints each finding with its remedy, and ends with 1 if something must be mended", async () => {
  const { code, out, err } = await runCli("parley-cli", ["doctor"], { ...sound, OPENAI_MODEL: "gpt-nothing" }).over;
  expect(err).toBe("");
  expect(code).toBe(1);
  expect(out).toContain("✓ database: Postgres");
  expect(out).toContain("✗ model: the server does not offer gpt-nothing\n  → Set OPENAI_MODEL to one that it does");
  const sane = await runCli("parley-cli", ["doctor"], sound).over;
  expect(sane.out).not.toContain("✗");
  expect(sane.code).toBe(0);
});

/** A server that gives the same answer to everything. */
async function answering(status: number, headers: Record<string, string> = {}): Promise<string> {
  const server = createServer((_request, response) => {
    response.sendDate = false;
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify({ ok: true, team: "T", user: "parley" }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  leftovers.defer(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function cards(card: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "parley-cards-"));
  leftovers.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(path.join(folder, "card.md"), card);
  return folder;
}
