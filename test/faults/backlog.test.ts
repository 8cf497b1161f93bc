import { it } from "vitest";
import { lastUserText, Stage } from "../support/chaos/stage.ts";
import { answerTo } from "../support/chaos/verdict.ts";
import { until } from "../support/test-gateway.ts";

const WORDS = 40;
const SLOW = { words: WORDS, chunkChars: 4, chunkEveryMs: 40 };
const CHATS = [11, 12, 13, 14];

/** Every chat has a running answer and two messages that wait, when both replicas die; one more comes while they are gone. */
async function leaveBacklog(stage: Stage, minutes: number): Promise<void> {
  const [a, b] = await stage.startTwo();
  const { telegram } = stage;
  const people = CHATS.map((id) => telegram.user(id, `P${id}`));
  const allSay = (word: string, options: { at?: number } = {}) => {
    for (const from of people) {
      telegram.say({ chat: telegram.privateChat(from), from, text: `${word} of ${from.id}`, ...options });
    }
  };
  // However slowly the rest comes about, none of these answers is whole before both are dead.
  const quicken = stage.model.script((request) =>
    lastUserText(request).startsWith("first of") ? { chunkEveryMs: 500 } : undefined,
  );
  allSay("first");
  await telegram.until(() => CHATS.every((chat) => (telegram.botMessages(chat)[0]?.versions.length ?? 0) >= 2), 30_000);
  allSay("second");
  allSay("third");
  await until("what waits to be stored", async () => (await waiting(stage)) === 2 * CHATS.length);
  await Promise.all([a.process.kill(), b.process.kill()]);
  quicken();
  allSay("fourth", { at: Date.now() - (minutes - 1) * 60_000 });
  await turnClocksBack(stage, `interval '${minutes} minutes'`);
  stage.model.forget();
}

async function turnClocksBack(stage: Stage, by: string): Promise<void> {
  await stage.rows(`update runs set started_at = started_at - ${by}, queued_at = queued_at - ${by}`);
  await stage.rows(`update run_events set created_at = created_at - ${by}`);
  await stage.rows(`update inbox set received_at = received_at - ${by}, written_at = written_at - ${by}`);
  await stage.rows(`update outbox set created_at = created_at - ${by}`);
  await stage.rows(`update lanes set ready_at = ready_at - ${by}, lease_until = lease_until - ${by}`);
  await stage.rows(`update accounts set intake_until = intake_until - ${by}`);
  await stage.rows(`update replicas set seen_at = seen_at - ${by}`);
}

async function waiting(stage: Stage): Promise<number> {
  const [row] = await stage.rows<{ n: number }>("select count(*)::int as n from inbox where state = 'waiting'");
  return row!.n;
}

function textsOf(stage: Stage, chat: number): string[] {
  return stage.telegram.botMessages(chat).map(({ text }) => text);
}

/**
 * The turns of a chat that the model answered since all had died, in order. One that another message joined before the
 * first word was asked anew.
 */
function turnsOf(stage: Stage, chat: number): string[] {
  const answered = stage.model.requests.filter(({ closedBy }) => closedBy === "server");
  return answered.map((request) => lastUserText(request)).filter((turn) => turn.endsWith(`of ${chat}`));
}

async function untilAllAnswered(stage: Stage): Promise<void> {
  const answered = (text: string | undefined, chat: number) =>
    text?.includes(`fourth of ${chat}`) === true && text.endsWith(` word${WORDS}`);
  await stage.telegram.until(() => CHATS.every((chat) => answered(textsOf(stage, chat).at(-1), chat)), 30_000);
}

it.concurrent("shows what was due while all were gone, although its replica reaches Telegram only at the fourth try", async (test) => {
  const { expect } = test;
  const stage = await Stage.open({}, test);
  const person = stage.telegram.user(7, "Ann");
  stage.telegram.privateChat(person);
  await stage.rows(
    `insert into outbox (id, kind, account_id, chat, thread, place_kind, content, state, due_at)
     values ('out_1', 'reply', $1, '7', '', 'private', '{"text":"kept for you"}', 'planned', now())`,
    [`telegram:${stage.telegram.botId}`],
  );
  stage.telegram.fault({ kind: "html-502", method: "getMe", times: 3 });
  await stage.start("only");
  expect((await stage.botMessage(7, 0, 5_000)).text).toBe("kept for you");
});

it.concurrent("fault-06: ten minutes after all replicas died, answers are completed and what waited is answered in order", async (test) => {
  const { expect } = test;
  const stage = await Stage.open({ model: SLOW, env: { ON_BUSY: "queue" } }, test);
  await leaveBacklog(stage, 10);
  await stage.startTwo("c", "d");
  await untilAllAnswered(stage);
  for (const chat of CHATS) {
    const [first, second, ...more] = turnsOf(stage, chat);
    expect(first).toBe(`first of ${chat}`);
    // What came while all were gone is taken together with what had waited, or after it.
    expect(second).toMatch(new RegExp(`^second of ${chat}\n\nthird of ${chat}`));
    expect([second, ...more].join("\n\n")).toBe(`second of ${chat}\n\nthird of ${chat}\n\nfourth of ${chat}`);
    expect(textsOf(stage, chat)).toEqual(turnsOf(stage, chat).map((turn) => answerTo(turn, WORDS)));
  }
  expect(stage.telegram.earlyCalls).toEqual([]);
});

it.concurrent("fault-06: twenty minutes after all replicas died, answers stay cut off and what waited says when it was written", async (test) => {
  const { expect } = test;
  const stage = await Stage.open({ model: SLOW, env: { ON_BUSY: "queue" } }, test);
  await leaveBacklog(stage, 20);
  const partials = new Map(CHATS.map((chat) => [chat, textsOf(stage, chat)[0]!]));
  await stage.startTwo("c", "d");
  await untilAllAnswered(stage);
  const written = String.raw`\[written \d{4}-\d\d-\d\d \d\d:\d\d UTC\]`;
  for (const chat of CHATS) {
    const [cut, ...answers] = textsOf(stage, chat);
    expect(cut!.startsWith(partials.get(chat)!), "the partial stays").toBe(true);
    expect(cut).toContain("This was cut off by an outage");
    const turns = turnsOf(stage, chat);
    const dated = (word: string) => `${written}\n${word} of ${chat}`;
    expect(turns[0]).toMatch(new RegExp(`^${dated("second")}\n\n${dated("third")}`));
    expect(turns.join("\n\n")).toMatch(new RegExp(`^${dated("second")}\n\n${dated("third")}\n\n${dated("fourth")}$`));
    expect(answers).toEqual(turns.map((turn) => answerTo(turn, WORDS)));
  }
  const failed = "select count(*)::int as n from runs where state = 'failed' and error_code = 'stale'";
  expect(await stage.rows(failed)).toEqual([{ n: CHATS.length }]);
});
