import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { parseEnv } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { init, type InitOptions } from "../../src/cli/init.ts";
import { Prompt } from "../../src/cli/prompt.ts";
import { readConfig } from "../../src/config.ts";
import { diagnosePart } from "../../src/doctor.ts";
import { type FakeModel, startFakeModel } from "../fakes/model-server.ts";
import { type FakeSlack, startFakeSlack } from "../fakes/slack/fake-slack.ts";
import { type FakeTelegram, startFakeTelegram } from "../fakes/telegram/fake-telegram.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { runCli } from "./run-cli.ts";

const KEY = "sk-init-key-000000000000";
const REVOKED = "4711000009:AAnotherTokenThatNobodyKnows_01234";

let telegram: FakeTelegram;
let slack: FakeSlack;
let model: FakeModel;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
/** Where the fakes are. */
let there: Record<string, string>;
let folder: string;
let file: string;
const leftovers = new AsyncDisposableStack();

beforeAll(async () => {
  telegram = leftovers.use(await startFakeTelegram());
  slack = leftovers.use(await startFakeSlack());
  model = await startFakeModel();
  leftovers.defer(() => model.close());
  database = await createTestDatabase();
  leftovers.defer(() => database.drop());
  there = { TELEGRAM_API_ROOT: telegram.url, SLACK_API_URL: slack.apiUrl };
});
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "parley-init-"));
  const made = folder;
  leftovers.defer(() => rm(made, { recursive: true }));
  file = path.join(folder, ".env");
});
afterAll(() => leftovers.disposeAsync());

/** Answers what is asked with these lines; null = nobody is asked. */
async function run(answers: string[] | null, options: Partial<InitOptions> = {}) {
  const input = new PassThrough();
  const output = new PassThrough();
  let shown = "";
  output.on("data", (chunk: Buffer) => (shown += chunk.toString()));
  input.end((answers ?? []).map((line) => `${line}\n`).join(""));
  using prompt = answers && new Prompt(input, output, () => undefined);
  const print = (text: string) => void output.write(text);
  const findOperator = () => Promise.resolve(null);
  const written = await init({ env: there, file, prompt, print, look: diagnosePart, findOperator, ...options });
  return { written, shown };
}

const stored = async () => parseEnv(await readFile(file, "utf8"));

it("asks, looks at each at once, and writes what the gateway can be started with", async () => {
  const { written, shown } = await run([
    telegram.token,
    slack.app.botToken,
    slack.app.appToken,
    KEY,
    model.url,
    "fake-model",
    database.url,
    "",
    "telegram:4711",
  ]);
  expect(written).toBe(true);
  expect(await stored()).toEqual({
    TELEGRAM_BOT_TOKEN: telegram.token,
    SLACK_BOT_TOKEN: slack.app.botToken,
    SLACK_APP_TOKEN: slack.app.appToken,
    OPENAI_API_KEY: KEY,
    OPENAI_BASE_URL: model.url,
    OPENAI_MODEL: "fake-model",
    DATABASE_URL: database.url,
    ALLOWED_USERS: "telegram:4711",
  });
  expect(readConfig({ ...there, ...(await stored()) }).access.allowedUsers.has("telegram:4711")).toBe(true);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(shown).toContain(`✓ telegram: the token is that of @${telegram.botUsername}`);
  expect(shown).toContain("✓ slack: Socket Mode can be opened");
  expect(shown).toContain("✓ model: the server offers fake-model");
  expect(shown).toMatch(/✓ database: Postgres \d+ answers/);
  expect(shown).toContain("Then write to your bot.\n");
  for (const secret of [telegram.token, slack.app.botToken, slack.app.appToken, KEY, database.url]) {
    expect(shown).not.toContain(secret);
  }
});

it("asks again for what is refused, and leaves it out when nothing better comes", async () => {
  const { written, shown } = await run([
    REVOKED,
    telegram.token,
    "",
    KEY,
    model.url,
    "gpt-nothing",
    "",
    "",
    "",
    "",
    "",
  ]);
  expect(written).toBe(true);
  expect(shown).toContain("✗ telegram: Telegram refuses the bot's token\n  → Copy it again from @BotFather");
  expect(shown).toContain("✗ model: the server does not offer gpt-nothing\n");
  expect(await stored()).toEqual({ TELEGRAM_BOT_TOKEN: telegram.token });
  expect(shown).toContain("it tells you a code");
  expect(shown).not.toContain(REVOKED);
});

it("keeps every line of the old file but those it sets, and the old file beside it", async () => {
  const old = `# Ours.\nON_BUSY=queue\nTELEGRAM_BOT_TOKEN=${REVOKED} # old\nexport LOG_LEVEL="warn"\n`;
  await writeFile(file, old, { mode: 0o644 });
  const { shown } = await run([telegram.token]);
  expect(shown).toContain("Token [is set]: ");
  expect(await readFile(file, "utf8")).toBe(old.replace(`${REVOKED} # old`, telegram.token));
  const kept = (await readdir(folder)).find((name) => name !== ".env")!;
  expect(await readFile(path.join(folder, kept), "utf8")).toBe(old);
  for (const name of [".env", kept]) expect((await stat(path.join(folder, name))).mode & 0o777).toBe(0o600);
});

it("does for a script what the environment says, and writes nothing if any of it is refused", async () => {
  const env = { ...there, TELEGRAM_BOT_TOKEN: telegram.token, OPENAI_API_KEY: KEY, OPENAI_BASE_URL: model.url };
  const refused = await run(null, { env: { ...env, OPENAI_MODEL: "gpt-nothing" } });
  expect(refused.written).toBe(false);
  expect(refused.shown).toMatch(/✗ model: the server does not offer gpt-nothing[^]*Nothing was written to /);
  expect(await readdir(folder)).toEqual([]);

  const taken = await run(null, { env: { ...env, OPENAI_MODEL: "fake-model", ALLOWED_USERS: "telegram:4711" } });
  expect(taken.written).toBe(true);
  expect(await stored()).toMatchObject({ OPENAI_MODEL: "fake-model", ALLOWED_USERS: "telegram:4711" });
});

it("leaves a secret in the file it has of its own", async () => {
  const token = path.join(folder, "token");
  await writeFile(token, `${telegram.token}\n`);
  const { shown } = await run(["", "", "", "", "telegram:4711"], { env: { ...there, TELEGRAM_BOT_TOKEN_FILE: token } });
  expect(shown).toContain(`the token is that of @${telegram.botUsername}`);
  expect(await stored()).toEqual({ ALLOWED_USERS: "telegram:4711" });
});

it("lets in whom the bot heard say what only they were told, and no user name", async () => {
  const findOperator: InitOptions["findOperator"] = (_env, onLink) => {
    onLink("https://t.me/bot?start=1");
    return Promise.resolve(4711);
  };
  const answers = [telegram.token, "", "", "", "", "@ann", "?"];
  const { shown } = await run(answers, { findOperator });
  expect(shown).toContain("is a user name, which another person may take over");
  expect(shown).toContain("Open https://t.me/bot?start=1 and press Start.");
  expect(await stored()).toEqual({ TELEGRAM_BOT_TOKEN: telegram.token, ALLOWED_USERS: "telegram:4711" });
});

it("is a command that finds its operator, writes .env where it stands, and ends", async () => {
  const cli = runCli("parley-cli", ["init"], there, folder);
  cli.type(`${telegram.token}\n\n\n\n\n?\n`);
  const word = await vi.waitFor(() => /\?start=(\S+)/.exec(cli.out())![1]!, 20_000);
  const ann = telegram.user(4711, "Ann");
  telegram.say({ chat: telegram.privateChat(ann), from: ann, text: `/start ${word}` });
  const { code, err } = await cli.over;
  expect([code, err]).toEqual([0, ""]);
  expect(await stored()).toEqual({ TELEGRAM_BOT_TOKEN: telegram.token, ALLOWED_USERS: "telegram:4711" });
});

it("writes values that a file of settings needs quotes for, and none that it cannot hold", async () => {
  const url = database.url.replace("?", "");
  const look = () => Promise.resolve([]);
  await run(["", "", "", "", `${url}?application_name=a#b 'c'`], { look });
  expect((await stored())["DATABASE_URL"]).toBe(`${url}?application_name=a#b 'c'`);
  await expect(run(["", "", "", "", `#'"\`x`], { look })).rejects.toThrow(
    "DATABASE_URL holds characters that a file of settings cannot.",
  );
});
