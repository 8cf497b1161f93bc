import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { contentText } from "../fakes/model/script.ts";
import { lastUserText, type Replica, Stage, type StageOptions } from "../support/chaos/stage.ts";
import { answerTo } from "../support/chaos/verdict.ts";

const WORDS = 40;
/** About 3 s of speaking: long enough to be under way whenever the process dies of the other run. */
const SLOW = { words: WORDS, chunkChars: 4, chunkEveryMs: 40 };

const TOOLS = `import { appendFileSync } from "node:fs";
import path from "node:path";
const called = (name: string) => appendFileSync(path.join(import.meta.dirname, "calls"), name + " ");
const forEver = () => new Promise<string>(() => undefined);
export const careless = {
  description: "Leaves a promise behind.",
  run() {
    called("careless");
    void Promise.reject(new Error("nobody waits for this"));
    return forEver();
  },
};
export const greedy = {
  description: "Takes all memory.",
  run() {
    called("greedy");
    const all: number[][] = [];
    for (;;) all.push(Array.from({ length: 100_000 }, (_, index) => index * 1.5));
  },
};
export const later = {
  description: "Throws from a timer.",
  readOnly: true,
  run() {
    called("later");
    setTimeout(() => {
      throw new Error("it is too late");
    }, 500);
    return forEver();
  },
};
`;
const CARD =
  "---\ndefault: true\nfunction_tools: [tools.ts:careless, tools.ts:greedy, tools.ts:later]\n---\nYou are a test.\n";

async function open(options: StageOptions = {}) {
  const folder = await mkdtemp(path.join(tmpdir(), "parley-agents-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(path.join(folder, "tester.md"), CARD);
  await writeFile(path.join(folder, "tools.ts"), TOOLS);
  const stage = await Stage.open({ model: SLOW, env: { AGENTS_DIR: folder, ...options.env } });
  const say = (user: number, name: string, text: string) => {
    const from = stage.telegram.user(user, name);
    const chat = stage.telegram.privateChat(from);
    stage.telegram.say({ chat, from, text });
    return chat;
  };
  stage.model.script((request) => {
    const [, tool] = /^call (\w+)$/.exec(lastUserText(request)) ?? [];
    if (!tool || request.messages.at(-1)?.role === "tool") return {};
    return { text: "", toolCalls: [{ name: tool, args: {} }] };
  });
  const calls = async () => (await readFile(path.join(folder, "calls"), "utf8")).trim().split(" ");
  return { stage, say, calls };
}

/** What keeps the gateway up where it is run: it is started again when it has ended. */
async function ends({ process: gateway }: Replica): Promise<string> {
  const { code, signal } = await gateway.exited;
  return String(code ?? signal);
}

it.each([
  { tool: "careless", how: "1" },
  { tool: "greedy", how: "SIGABRT" },
])(
  "fault-42: a process that dies of the tool $tool is gone; the next one goes on, and does not call it again",
  async (row) => {
    const { stage, say, calls } = await open({ env: { NODE_OPTIONS: "--max-old-space-size=160" } });
    const only = await stage.start("only");
    const chat = say(7, "Ann", `call ${row.tool}`);
    expect(await ends(only)).toBe(row.how);
    await stage.start("only");
    const message = await stage.botMessage(chat);
    const whole = answerTo(`call ${row.tool}`, WORDS);
    await stage.telegram.until(() => message.text.startsWith(whole), 15_000);
    expect(message.text).toContain(`No result from: ${row.tool}`);
    expect(contentText(stage.model.requests.at(-1)?.messages.at(-1))).toMatch(
      /the process was restarted; it may have taken/,
    );
    expect(await calls()).toEqual([row.tool]);
    expect(stage.telegram.botMessages(chat)).toEqual([message]);
  },
);

it("fault-42: a run that kills its process each time fails at the third, and no other run with it", async () => {
  const { stage, say, calls } = await open();
  let only = await stage.start("only");
  const innocent = say(8, "Bob", "innocent");
  const message = await stage.botMessage(innocent);
  const deadly = say(7, "Ann", "call later");
  for (let life = 1; life <= 3; life++) {
    expect(await ends(only)).toBe("1");
    expect(message.text).not.toBe(answerTo("innocent", WORDS));
    only = await stage.start("only");
  }
  const told = await stage.telegram.until(
    () => stage.telegram.botMessages(deadly).find(({ text }) => text.includes("it failed several times")),
    15_000,
  );
  expect(stage.telegram.botMessages(deadly)).toEqual([told]);
  expect(await calls()).toEqual(["later", "later", "later"]);
  await stage.telegram.until(() => message.text === answerTo("innocent", WORDS), 15_000);
  expect(stage.telegram.botMessages(innocent)).toEqual([message]);
  expect(await stage.rows("select state, error_code, crashes from runs order by queued_at")).toEqual([
    { state: "completed", error_code: null, crashes: 0 },
    { state: "failed", error_code: "crashed", crashes: 3 },
  ]);
});
