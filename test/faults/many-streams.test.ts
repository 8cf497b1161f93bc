import { describe, expect, it } from "vitest";
import type { JournalEntry as Answer } from "../fakes/model/journal.ts";
import { lastUserText, Stage } from "../support/chaos/stage.ts";
import { numberedWords } from "../support/numbered-words.ts";
import { until } from "../support/test-gateway.ts";

/** One answer as people saw it; epoch ms. */
interface Shown {
  answer: Answer;
  /** When its text changed, the first post included. */
  versions: () => { at: number; text: string }[];
}

/** 24 characters a second. */
const PACE = { chunkChars: 6, chunkEveryMs: 250, ttftMs: 100 };
/** A machine that stands still for a moment, and the way to a fake and back. */
const MOMENT_MS = 1_000;

/** With limits as they are, one round of edits of 200 Telegram chats takes 6.7 s, of 20 Slack threads 24 s. */
describe("two replicas, with the platform's limits on", () => {
  it("edit each of 200 Telegram chats that stream at once in its turn, end each in time, and are never refused", async () => {
    const stage = await Stage.open({ webhook: true, model: PACE });
    const [a, b] = await stage.startTwo();
    await acquainted(stage);
    const { telegram, model, router } = stage;
    say("Telegram's limits", JSON.stringify(telegram.limits));
    router.target = a;
    router.onCall = () => void (router.target = router.target === a ? b : a);
    model.script((request) => ({ text: answerOf(request, 22) }));
    const chats = Array.from({ length: 200 }, (_, index) => {
      const user = telegram.user(1_000 + index, `P${index}`);
      return { user, chat: telegram.privateChat(user) };
    });
    const begin = Date.now();
    for (const { user, chat } of chats) telegram.say({ chat, from: user, text: `I am ${user.id}` });
    await until("the model has said all", () => allSaid(stage, 200), 90_000);
    const answers = new Map(model.requests.map((request) => [lastUserText(request), request]));
    const shown = chats.map(({ user, chat }): Shown => {
      const [message] = telegram.botMessages(chat);
      return { answer: answers.get(`I am ${user.id}`)!, versions: () => message?.versions ?? [] };
    });
    await telegram.until(() => shown.every(isWhole), 30_000);
    tellWhere(stage);
    tell("from the questions to the first words", firstWords(shown, begin));
    const paces = intervals(shown);
    tell("between two edits of a chat", paces);
    const late = delays(shown);
    tell("from the model's last words to their being shown", late);
    expect(chats.map(({ chat }) => telegram.botMessages(chat).length)).toEqual(Array(200).fill(1));
    expect(telegram.rateLimited).toBe(0);
    expect(Math.max(...paces)).toBeLessThanOrEqual(2 * median(paces));
    expect(Math.max(...late)).toBeLessThanOrEqual((200 / 30) * 1_000 + MOMENT_MS);
  });

  it("end each of 20 Slack threads that stream at once in a workspace in time, and are never refused", async () => {
    const stage = await Stage.open({ slack: { mode: "http" }, model: PACE });
    await stage.startTwo();
    await acquainted(stage);
    const { slack, model } = stage;
    say("Slack's limits", JSON.stringify(slack.limits));
    model.script((request) => ({ text: answerOf(request, 12) }));
    const begin = Date.now();
    const threads = Array.from({ length: 20 }, (_, index) => {
      const channel = slack.channelNamed(`room-${index % 5}`);
      const { ts } = slack.say({ channel, user: slack.user(`p${index % 4}`), text: `I am ${index}`, mention: true });
      return { channel, ts, index };
    });
    await until("the model has said all", () => allSaid(stage, 20), 90_000);
    const shown = threads.map(({ channel, ts, index }): Shown => {
      const answer = model.requests.find((request) => lastUserText(request).endsWith(`I am ${index}`))!;
      const [message] = slack.botMessages(channel, ts);
      const versions = () =>
        message?.versions.map(({ at, shown: text }) => ({ at, text: text.replace(/\n\[Stop\]$/, "") })) ?? [];
      return { answer, versions };
    });
    await slack.until(() => shown.every(isWhole), 60_000);
    tellWhere(stage);
    tell("from the questions to the first words", firstWords(shown, begin));
    const late = delays(shown);
    tell("from the model's last words to their being shown", late);
    expect(threads.map(({ channel, ts }) => slack.botMessages(channel, ts).length)).toEqual(Array(20).fill(1));
    expect(slack.rateLimited).toBe(0);
    expect(Math.max(...late)).toBeLessThanOrEqual((20 / 50) * 60_000 + MOMENT_MS);
    const took = shown.map(({ answer }, index) => answer.closedAt! + late[index]! - begin);
    expect(Math.max(...took)).toBeLessThanOrEqual(2 * median(took));
  });
});

/** Until both know that both know of each other: three renewals, which are 2 s apart. */
async function acquainted(stage: Stage): Promise<void> {
  const [start] = await stage.rows<{ enough: Date }>("select now() + interval '4 seconds' as enough");
  await until("both replicas have renewed three times", async () => {
    const [seen] = await stage.rows<{ least: Date }>("select min(seen_at) as least from replicas");
    return seen!.least > start!.enough;
  });
}

/** So many seconds of speaking and up to 8 more, by the number that was asked with. */
function answerOf(request: Answer, seconds: number): string {
  const number = Number(/(\d+)$/.exec(lastUserText(request))?.[1]);
  return numberedWords(24 * (seconds + (number % 20) * 0.4));
}

function allSaid({ model }: Stage, count: number): boolean {
  return model.requests.length === count && model.requests.every(({ closedAt }) => closedAt !== null);
}

function isWhole({ versions, answer }: Shown): boolean {
  return versions().at(-1)?.text === answer.sentText;
}

function firstWords(shown: Shown[], begin: number): number[] {
  return shown.map(({ versions }) => versions()[0]!.at - begin);
}

/** How long each answer's last words came after the model's. */
function delays(shown: Shown[]): number[] {
  return shown.map(({ versions, answer }) => {
    const whole = versions().find(({ text }) => text === answer.sentText);
    return (whole?.at ?? Number.POSITIVE_INFINITY) - answer.closedAt!;
  });
}

/** The mean time between two texts of each answer, until the model had said all. */
function intervals(shown: Shown[]): number[] {
  return shown.map(({ versions, answer }) => {
    const times = versions().flatMap(({ at }) => (at < answer.closedAt! ? [at] : []));
    const end = times.length > 1 ? times.at(-1)! : answer.closedAt!;
    return (end - times[0]!) / Math.max(1, times.length - 1);
  });
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function tell(what: string, values: number[]): void {
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)].map(Math.round);
  say(what, `median ${middle}, least ${least}, most ${most} ms`);
}

function tellWhere({ model }: Stage): void {
  const here = model.requests.filter((request) => request.model === "a").length;
  say("answers on the two replicas", `${here} and ${model.requests.length - here}`);
}

function say(what: string, value: string): void {
  process.stdout.write(`      ${what}: ${value}\n`);
}
