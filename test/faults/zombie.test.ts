import { type ExpectStatic, it } from "vitest";
import { type Replica, Stage } from "../support/chaos/stage.ts";
import { TcpLink } from "../support/chaos/tcp-link.ts";
import { answerTo } from "../support/chaos/verdict.ts";
import { until } from "../support/test-gateway.ts";

const WORDS = 40;
/** The zombie speaks for half a minute, its heir for 3 s. */
const PACE = { words: WORDS, chunkChars: 4 };
/** Several, because what a zombie does first when it wakes is a matter of milliseconds. */
const CHATS = [71, 72, 73, 74, 75, 76, 77, 78];
/** How long a replica may edit without having heard from the database, and a second for the call under way. */
const SEND_LEASE_MS = 3_000 + 1_000;

interface Scene {
  stage: Stage;
  zombie: Replica;
  heir: Replica;
  messages: Awaited<ReturnType<Stage["botMessage"]>>[];
}

function sayAll({ telegram }: Stage, text: string): void {
  for (const chat of CHATS) telegram.say({ chat, from: telegram.user(chat), text });
}

/** Every chat has an answer that runs on one replica; another one is up by now. Each says something else. */
async function play(stage: Stage, zombieEnv: Record<string, string> = {}): Promise<Scene> {
  const { telegram } = stage;
  for (const chat of CHATS) telegram.privateChat(telegram.user(chat, `P${chat}`));
  stage.model.script(({ model }) => ({
    text: answerTo(`asked by ${model}`, WORDS),
    chunkEveryMs: model === "zombie" ? 400 : 40,
  }));
  const zombie = await stage.start("zombie", { env: zombieEnv });
  sayAll(stage, "one");
  const messages = await Promise.all(CHATS.map((chat) => stage.botMessage(chat)));
  const heir = await stage.start("heir");
  return { stage, zombie, heir, messages };
}

async function untilTakenOver({ stage }: Scene): Promise<void> {
  const inherited = () => stage.model.requests.filter(({ model }) => model === "heir");
  await stage.model.until(() => inherited().length === CHATS.length, 15_000);
}

/** The heir's answers stand, nothing of the zombie came after `since`, and it takes part in what comes next. */
async function expectOnlyHeirs(expect: ExpectStatic, { stage, zombie, messages }: Scene, since: number): Promise<void> {
  const { telegram } = stage;
  const whole = answerTo("asked by heir", WORDS);
  await telegram.until(() => messages.every(({ text }) => text === whole), 15_000);
  await until(
    "the zombie to be ready",
    async () => (await zombie.process.api("GET", "/readyz")).status === 200,
    20_000,
  );
  stage.model.script(() => ({ chunkEveryMs: 10 }));
  sayAll(stage, "two");
  const second = (chat: number) => telegram.botMessages(chat)[1]?.text ?? "";
  await telegram.until(() => CHATS.every((chat) => second(chat) === answerTo("two", WORDS)), 20_000);
  const firsts = new Set(messages.map(({ messageId }) => messageId));
  const late = zombie.witness.calls.filter(({ at, messageId }) => at >= since && firsts.has(messageId ?? 0));
  // It may deliver for others as any replica, but nothing else than what they have written.
  expect(
    late.filter(({ text }) => text !== whole),
    "shown by the zombie",
  ).toEqual([]);
  for (const { text, versions } of messages) {
    expect(text).toBe(whole);
    expect(versions.filter(({ at }) => at >= since).every((version) => whole.startsWith(version.text))).toBe(true);
  }
  expect(CHATS.map((chat) => telegram.botMessages(chat).length)).toEqual(CHATS.map(() => 2));
  const runs = "select distinct attempt, crashes from runs where input_through = 1";
  expect(await stage.rows(runs)).toEqual([{ attempt: 2, crashes: 1 }]);
}

// They wait more than they work, so they do it side by side.
it.concurrent("fault-05: a replica that slept through its take-over shows nothing of its own afterwards", async (test) => {
  const scene = await play(await Stage.open({ model: PACE }, test));
  scene.zombie.process.signal("SIGSTOP");
  await untilTakenOver(scene);
  scene.zombie.process.signal("SIGCONT");
  await expectOnlyHeirs(test.expect, scene, Date.now());
});

it.concurrent("fault-05: a replica that is cut off from the database stops to edit by its own clock", async (test) => {
  const { expect } = test;
  const stage = await Stage.open({ model: PACE }, test);
  const url = new URL(stage.databaseUrl);
  const link = await TcpLink.start(Number(url.port));
  test.onTestFinished(() => link[Symbol.asyncDispose]());
  url.port = String(link.port);
  const scene = await play(stage, { DATABASE_URL: url.href });
  link.cut();
  const cutAt = Date.now();
  await untilTakenOver(scene);
  const takenAt = Date.now();
  expect(takenAt - cutAt, "the lease outlasts the right to send").toBeGreaterThan(SEND_LEASE_MS - 1_000);
  await stage.telegram.until(() => scene.messages.every(({ text }) => text.includes("asked by heir")), 15_000);
  link.heal();
  await expectOnlyHeirs(expect, scene, cutAt + SEND_LEASE_MS);
});
