import { expect, it } from "vitest";
import type { FakeMessage } from "../fakes/telegram/chats.ts";
import { type Asking, type Kill, killAtRandom, untilAllEnded } from "../support/chaos/kill-at-random.ts";
import { chances } from "../support/chaos/random.ts";
import { Stage } from "../support/chaos/stage.ts";
import { answerTo, isGivenUp } from "../support/chaos/verdict.ts";
import { until } from "../support/test-gateway.ts";

const WORDS = 24;
/** About 1.6 s of speaking: a first message and one or two edits. */
const PACE = { words: WORDS, chunkChars: 4, chunkEveryMs: 36 };
const KILLS = Number(process.env["PARLEY_KILLS"] ?? 10);
const SEED = Number(process.env["PARLEY_SEED"] ?? Date.now() % 1_000_000);
/** From the kill on, nothing that was answered before may still be unrecorded. */
const RECORD_MS = 1_000;

interface RunRow {
  chat: string;
  state: string;
  error_code: string | null;
  crashes: number;
}

function question(chat: number): string {
  return `What is ${chat}?`;
}

function asking(stage: Stage, chat: number): Asking {
  const person = stage.telegram.user(chat, `P${chat}`);
  const place = stage.telegram.privateChat(person);
  return {
    say: () => void stage.telegram.say({ chat: place, from: person, text: question(chat) }),
    attempts: () => stage.asked(question(chat)).length,
    hasEnded: () => stage.telegram.botMessages(chat).some((message) => isFinal(message, chat)),
  };
}

/** The message that says how it ended: the whole answer, or that it failed too often. */
function isFinal(message: FakeMessage, chat: number): boolean {
  return message.text === answerTo(question(chat), WORDS) || isGivenUp(message.text);
}

async function judge(stage: Stage, chats: number[], kills: Kill[]): Promise<void> {
  const runs = await stage.rows<RunRow>(
    "select r.reply_target->>'chat' as chat, r.state, r.error_code, r.crashes from runs r order by r.started_at",
  );
  const uncertain = await stage.rows<{ chat: string; n: number }>(
    "select chat, count(*)::int as n from outbox where state = 'uncertain' group by chat",
  );
  const listed = new Map(uncertain.map(({ chat, n }) => [Number(chat), n]));
  let doubled = 0;
  for (const chat of chats) {
    const said = stage.telegram.transcript(chat).join("\n");
    const visible = stage.telegram.botMessages(chat);
    expect(
      visible.filter((message) => isFinal(message, chat)),
      said,
    ).toHaveLength(1);
    const rest = visible.filter((message) => !isFinal(message, chat));
    doubled += rest.length;
    expect(rest.length, `as many as are listed as uncertain\n${said}`).toBeLessThanOrEqual(listed.get(chat) ?? 0);
    for (const message of rest) expectDoubledByKill(stage, chat, message, kills);
    const [run, ...others] = runs.filter((each) => each.chat === String(chat));
    expect(others, "runs beside the one").toEqual([]);
    if (run!.state !== "completed") expect(run).toMatchObject({ state: "failed", error_code: "crashed", crashes: 3 });
  }
  const failed = runs.filter(({ state }) => state === "failed").length;
  process.stdout.write(
    `      ${kills.length} kills over ${chats.length} chats: ${doubled} first messages doubled, ${failed} runs given up, ` +
      `${runs.filter(({ crashes }) => crashes > 0).length} runs survived a kill\n`,
  );
}

/** A first, short message that was never edited: its sender died before it had written down that it was sent. */
function expectDoubledByKill(stage: Stage, chat: number, message: FakeMessage, kills: Kill[]): void {
  expect(message.versions).toHaveLength(1);
  expect(answerTo(question(chat), WORDS).startsWith(message.text)).toBe(true);
  const [sender] = [...stage.replicas.values()].flatMap(({ name, witness }) =>
    witness.of("sendMessage").flatMap((call) => (call.messageId === message.messageId ? [{ name, at: call.at }] : [])),
  );
  const killed = kills.find(({ replica, at }) => replica === sender?.name && at >= sender.at);
  expect(killed && killed.at - sender!.at, "ms from the post to its sender's death").toBeLessThan(RECORD_MS);
}

it(
  `fault-03: ${KILLS} kills at random moments over 50 chats on two replicas leave every answer visible exactly once`,
  { timeout: 60_000 + KILLS * 8_000 },
  async () => {
    process.stdout.write(`      PARLEY_KILLS=${KILLS} PARLEY_SEED=${SEED}\n`);
    const stage = await Stage.open({ model: PACE });
    await stage.startTwo();
    const chats = Array.from({ length: 50 }, (_, index) => 1_000 + index);
    const askings = chats.map((chat) => asking(stage, chat));
    const kills = await killAtRandom(stage, askings, KILLS, chances(SEED));
    await untilAllEnded(stage, askings);
    await until("nothing left to do", async () => (await stage.rows("select 1 from lanes")).length === 0);
    await judge(stage, chats, kills);
  },
);

it("fault-03: kills at random moments of the only replica, on PGlite, leave every answer visible exactly once", async () => {
  process.stdout.write(`      PARLEY_SEED=${SEED}\n`);
  const stage = await Stage.open({ engine: "embedded", model: PACE });
  const only = await stage.start("only");
  const chats = Array.from({ length: 16 }, (_, index) => 2_000 + index);
  const askings = chats.map((chat) => asking(stage, chat));
  const kills = await killAtRandom(stage, askings, 4, chances(SEED + 1));
  await untilAllEnded(stage, askings);
  await stage.replicas.get(only.name)!.process.terminate();
  await judge(stage, chats, kills);
});
