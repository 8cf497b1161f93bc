import { describe, expect, it } from "vitest";
import type { BusyPolicy } from "../../src/agent/busy-policy.ts";
import type { JournalEntry } from "../fakes/model/journal.ts";
import { contentText, type Script } from "../fakes/model/script.ts";
import { lastUserText, Stage } from "../support/chaos/stage.ts";
import { measured } from "../support/chaos/verdict.ts";
import { until } from "../support/test-gateway.ts";

const POLICIES = ["interrupt", "steer", "queue", "parallel", "reject"] satisfies BusyPolicy[];
const QUEUED = "⏳ I answer this after the running one.";
const STEERED = "↪ Taken into the running answer.";
const REFUSED = "✋ I am still answering, and take no more until that is done. Please send this again then.";

const begun = (question: string) => `Let me look at the clock for ${question}.`;
const answerTo = (question: string) => `This is all there is to say to ${question}.`;
const whole = (question: string) => `${begun(question)}\n\n${answerTo(question)}`;

/** The words of people in what the model was sent. */
function said(request: JournalEntry | undefined): string[] {
  return (request?.messages ?? []).filter(({ role }) => role === "user").map(contentText);
}

/** Somebody talks to the bot there, with this policy: of the bot's messages, what it said to that is left out. */
interface Chat {
  /** What is asked there carries it. */
  name: string;
  policy: BusyPolicy;
  say: (text: string) => void;
  shown: () => string[];
  /** How often the bot ever posted this here. */
  posted: (text: string) => number;
}

/** A private chat. */
async function openChat(stage: Stage, id: number, policy: BusyPolicy): Promise<Chat> {
  const { telegram } = stage;
  const from = telegram.user(id, policy);
  const chat = telegram.privateChat(from);
  const say = (text: string) => void telegram.say({ chat, from, text });
  say(`/mode ${policy}`);
  await stage.botMessage(chat);
  const shown = () => {
    const [, ...messages] = telegram.botMessages(chat);
    return messages.map(({ text }) => text);
  };
  const posted = (text: string) =>
    chat.events.filter((event) => event.kind === "post" && event.message.versions[0]?.text === text).length;
  return { name: policy, policy, say, shown, posted };
}

/** A thread in a direct message: how it answers can be said once it is a talk. */
async function openThread(stage: Stage, policy: BusyPolicy): Promise<Chat> {
  const { slack } = stage;
  const user = slack.user(policy);
  const channel = slack.dm(user);
  const { ts: thread } = slack.say({ channel, user, text: "hello" });
  const say = (text: string) => void slack.say({ channel, user, text, thread });
  const answers = () => slack.botMessages(channel, thread).map((message) => message.shown);
  await slack.until(() => answers().toString() === answerTo("hello"), 15_000);
  say(`mode ${policy}`);
  await slack.until(() => answers().length === 2, 15_000);
  const shown = () => {
    const [, , ...messages] = slack.botMessages(channel, thread);
    return messages.map((message) => message.shown.replace(/\n\[Stop\]$/, ""));
  };
  const posted = (text: string) =>
    slack.messages(channel, thread).filter(({ botNumber, versions }) => botNumber > 0 && versions[0]?.shown === text)
      .length;
  return { name: `${policy} on Slack`, policy, say, shown, posted };
}

async function idle(stage: Stage): Promise<void> {
  const busy = `select 1 from inbox where state = 'waiting' union all select 1 from runs where state = 'running'`;
  const quiet = async () => stage.telegram.pendingUpdates() === 0 && (await stage.rows(busy)).length === 0;
  await until("all to be answered", quiet, 40_000);
}

/** What the model is sent in the end: everything that was said here, as it stands in the history. */
async function history(stage: Stage, { say, name }: Chat): Promise<string[]> {
  const last = `that was all of ${name}.`;
  say(last);
  await stage.model.until(() => stage.asked(last).length > 0, 15_000);
  const words = said(stage.asked(last)[0]).filter((text) => text !== "hello");
  expect(words.at(-1)).toBe(last);
  return words.slice(0, -1);
}

/*
 * A gateway that runs as a process has no tool that takes long. So its one tool answers at once, and the model hangs on
 * the result: for all that is asked of the gateway here, the step with the tool is not over.
 */
describe("a kill -9 with a second message there, in the step of a tool", () => {
  it("loses nothing, doubles nothing and tells people once, whatever the policy, on both platforms", async () => {
    const stage = await Stage.open({ slack: { mode: "http" } });
    const { telegram, slack, model } = stage;
    let hangs = true;
    let looks = 0;
    // Never twice the same in a row, which would end the answer.
    const call = () => ({ toolCalls: [{ name: "current_time", args: { timeZone: `Etc/GMT+${++looks % 12}` } }] });
    model.script((request): Script => {
      const question = lastUserText(request);
      const isAfterTool = request.messages.at(-1)?.role === "tool";
      if (!isAfterTool) {
        const isLooking = question.startsWith("one") || question.startsWith("two parallel");
        return isLooking ? { text: begun(question), ...call() } : { text: answerTo(question) };
      }
      if (hangs || question.startsWith("one interrupt")) return { text: "never", ttftMs: 600_000 };
      // Looks again until it was told of the second question, however late that is noticed.
      if (question.startsWith("one steer")) return { text: "", ...call(), ttftMs: 300 };
      return { text: answerTo(question) };
    });
    const hanging = () => model.requests.filter(({ messages }) => messages.at(-1)?.role === "tool").length;

    const victim = await stage.start("victim");
    const chats = await Promise.all(
      POLICIES.flatMap((policy, at) => [openChat(stage, 7 + at, policy), openThread(stage, policy)]),
    );
    const those = (...policies: BusyPolicy[]) => chats.filter(({ policy }) => policies.includes(policy));
    for (const { name, say } of chats) say(`one ${name}`);
    await model.until(() => hanging() === 10, 15_000);
    const allBegun = () => chats.every(({ shown }) => shown()[0]?.startsWith("Let me look"));
    await telegram.until(allBegun, 15_000);
    for (const { name, say } of those("steer", "queue", "parallel", "reject")) say(`two ${name}`);
    await model.until(() => hanging() === 12, 15_000);
    const areTold = () =>
      those("queue").every(({ shown }) => shown()[1] === QUEUED) &&
      those("reject").every(({ shown }) => shown()[1] === REFUSED);
    await until("people to be told", areTold, 15_000);
    const waiting = "select 1 from inbox where state = 'waiting'";
    await until("four of them to wait", async () => (await stage.rows(waiting)).length === 4);
    await stage.start("heir");
    await victim.process.kill();
    hangs = false;
    // While the victim lives there is no time at which such a message waits.
    for (const { name, say } of those("interrupt")) say(`two ${name}`);

    const shownIn: Record<BusyPolicy, (one: string, two: string) => string[]> = {
      interrupt: (one, two) => [`${begun(one)}\n\n⏹ Interrupted.`, answerTo(two)],
      steer: (one, two) => [`${begun(one)}\n\n${answerTo(two)}`, STEERED],
      queue: (one, two) => [whole(one), answerTo(two)],
      parallel: (one, two) => [whole(one), whole(two)],
      reject: (one) => [whole(one), REFUSED],
    };
    const expected = ({ name, policy }: Chat) => shownIn[policy](`one ${name}`, `two ${name}`);
    await idle(stage);
    for (const chat of chats) {
      const isThere = () => chat.shown().toString() === expected(chat).toString();
      await until(`all to be shown to ${chat.name}`, isThere, 15_000).catch(() => undefined);
      expect(chat.shown(), chat.name).toEqual(expected(chat));
    }
    const receipts = { queue: QUEUED, steer: STEERED, reject: REFUSED };
    const told = ({ name, posted }: Chat) => [name, ...Object.values(receipts).map(posted)];
    expect(chats.map(told)).toEqual(
      chats.map(({ name, policy }) => [name, ...Object.keys(receipts).map((each) => (each === policy ? 1 : 0))]),
    );

    for (const { name } of those("steer")) {
      const [joined] = stage.asked(`two ${name}`);
      expect(
        joined?.messages.slice(-3).map(({ role }) => role),
        "at its place in the turn",
      ).toEqual(["tool", "assistant", "user"]);
    }
    for (const chat of chats) {
      const words = await history(stage, chat);
      const all = [`one ${chat.name}`, `two ${chat.name}`];
      // Side by side, they stand in the order in which they were done.
      if (chat.policy === "parallel") expect(words.toSorted(), chat.name).toEqual(all);
      else expect(words, chat.name).toEqual(chat.policy === "reject" ? all.slice(0, 1) : all);
    }
    expect(stage.asked("two reject")).toEqual([]);
    expect([telegram.earlyCalls, slack.earlyCalls]).toEqual([[], []]);
  });
});

const FLOOD = 100;
/** The first answer, what the flood needs, and a few that an unlucky moment may add. */
const MAX_REQUESTS = 10;

describe.each(["interrupt", "queue"] as const)("a person floods a chat during an answer (%s)", (policy) => {
  const words = "This is the long answer, which goes on for some seconds. ".repeat(6);

  async function openFlood(stage: Stage, id: number) {
    const chat = await openChat(stage, id, policy);
    chat.say("the long one");
    await stage.telegram.until(() => (chat.shown()[0]?.length ?? 0) > 0, 15_000);
    return { chat, long: stage.asked("the long one").at(-1)! };
  }

  it("fault-38: of 100 messages within a second all reach the model in order, by few requests and one run at a time; a stop amid them works at once", async () => {
    const stage = await Stage.open();
    stage.model.script((request): Script => {
      const isLong = said(request).at(-1) === "the long one";
      return isLong ? { text: words, chunkChars: 8, chunkEveryMs: 150 } : { text: "So much at once.", ttftMs: 300 };
    });
    await stage.start("only");
    const messages = Array.from({ length: FLOOD }, (_, index) => `m${index + 1}`);

    const { chat } = await openFlood(stage, 7);
    for (const message of messages) chat.say(message);
    await idle(stage);
    expect(numbers(await history(stage, chat))).toEqual(messages);
    expect(stage.model.requests.length).toBeLessThanOrEqual(MAX_REQUESTS);
    await idle(stage);

    const { chat: other, long } = await openFlood(stage, 8);
    for (const message of messages.slice(0, FLOOD / 2)) other.say(message);
    other.say("/stop");
    const stoppedAt = Date.now();
    for (const message of messages.slice(FLOOD / 2)) other.say(message);
    await stage.model.until(() => long.closedAt !== null, 10_000);
    expect(long.closedBy).toBe("client");
    expect(measured("stop to the model's end", long.closedAt! - stoppedAt)).toBeLessThan(1_000);
    await idle(stage);
    const heard = numbers(await history(stage, other));
    expect(heard.slice(-FLOOD / 2), "what was said after the stop").toEqual(messages.slice(FLOOD / 2));
    expect(new Set(heard).size, "nothing twice").toBe(heard.length);
    await idle(stage);

    // Both times are those of transactions, which may begin a moment before they see one another.
    const overlaps = await stage.rows(`
      select a.id, b.id from runs a join runs b on a.session_id = b.session_id and a.id <> b.id
        and a.started_at <= b.started_at and a.ended_at - interval '100 ms' > b.started_at`);
    expect(overlaps).toEqual([]);
  });
});

function numbers(words: string[]): string[] {
  return words.flatMap((text) => text.match(/\bm\d+\b/g) ?? []);
}
