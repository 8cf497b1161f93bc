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

/** A private chat with this policy: the bot has said that, and no more. */
async function openChat(stage: Stage, id: number, policy: BusyPolicy) {
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
  /** How often the bot ever posted this here. */
  const posted = (text: string) =>
    chat.events.filter((event) => event.kind === "post" && event.message.versions[0]?.text === text).length;
  return { policy, say, shown, posted };
}

type Chat = Awaited<ReturnType<typeof openChat>>;

async function idle(stage: Stage): Promise<void> {
  const busy = `select 1 from inbox where state = 'waiting' union all select 1 from runs where state = 'running'`;
  const quiet = async () => stage.telegram.pendingUpdates() === 0 && (await stage.rows(busy)).length === 0;
  await until("all to be answered", quiet, 40_000);
}

/** What the model is sent in the end: everything that was said here, as it stands in the history. */
async function history(stage: Stage, { say, policy }: Chat): Promise<string[]> {
  const last = `that was all of ${policy}`;
  say(last);
  await stage.model.until(() => stage.asked(last).length > 0, 15_000);
  const words = said(stage.asked(last)[0]);
  expect(words.at(-1)).toBe(last);
  return words.slice(0, -1);
}

/*
 * A gateway that runs as a process has no tool that takes long. So its one tool answers at once, and the model hangs on
 * the result: for all that is asked of the gateway here, the step with the tool is not over.
 */
describe("a kill -9 with a second message there, in the step of a tool", () => {
  it("loses nothing, doubles nothing and tells people once, whatever the policy", async () => {
    const stage = await Stage.open();
    const { telegram, model } = stage;
    let hangs = true;
    const call = { toolCalls: [{ name: "current_time", args: {} }] };
    model.script((request): Script => {
      const question = lastUserText(request);
      const isAfterTool = request.messages.at(-1)?.role === "tool";
      if (!isAfterTool) {
        const looks = question.startsWith("one") || question === "two parallel";
        return looks ? { text: begun(question), ...call } : { text: answerTo(question) };
      }
      if (hangs) return { text: "never", ttftMs: 600_000 };
      // Looks again until it was told of the second question, however late that is noticed.
      if (question === "one steer") return { text: "", ...call, ttftMs: 300 };
      return { text: answerTo(question) };
    });
    const hanging = () => model.requests.filter(({ messages }) => messages.at(-1)?.role === "tool").length;

    const victim = await stage.start("victim");
    const chats = {} as Record<BusyPolicy, Chat>;
    for (const [at, policy] of POLICIES.entries()) chats[policy] = await openChat(stage, 7 + at, policy);
    for (const { policy, say } of Object.values(chats)) say(`one ${policy}`);
    await model.until(() => hanging() === 5, 15_000);
    await telegram.until(() => Object.values(chats).every(({ shown }) => shown()[0]?.startsWith("Let me look")));
    const { interrupt, ...others } = chats;
    for (const { policy, say } of Object.values(others)) say(`two ${policy}`);
    await model.until(() => hanging() === 6, 15_000);
    await telegram.until(() => chats.queue.shown()[1] === QUEUED && chats.reject.shown()[1] === REFUSED, 15_000);
    const waiting = "select 1 from inbox where state = 'waiting'";
    await until("two of them to wait", async () => (await stage.rows(waiting)).length === 2);
    await stage.start("heir");
    await victim.process.kill();
    hangs = false;
    // While the victim lives there is no time at which such a message waits.
    interrupt.say("two interrupt");

    const expected: Record<BusyPolicy, string[]> = {
      interrupt: [`${begun("one interrupt")}\n\n⏹ Interrupted.`, answerTo("two interrupt")],
      steer: [`${begun("one steer")}\n\n${answerTo("two steer")}`, STEERED],
      queue: [whole("one queue"), answerTo("two queue")],
      parallel: [whole("one parallel"), whole("two parallel")],
      reject: [whole("one reject"), REFUSED],
    };
    await idle(stage);
    for (const policy of POLICIES) {
      const isThere = () => chats[policy].shown().toString() === expected[policy].toString();
      await telegram.until(isThere, 10_000).catch(() => undefined);
      expect(chats[policy].shown(), policy).toEqual(expected[policy]);
    }
    const receipts = [QUEUED, STEERED, REFUSED];
    const told = (policy: BusyPolicy) => receipts.map((receipt) => chats[policy].posted(receipt));
    expect(POLICIES.map((policy) => [policy, ...told(policy)])).toEqual(
      POLICIES.map((policy) => [
        policy,
        policy === "queue" ? 1 : 0,
        policy === "steer" ? 1 : 0,
        policy === "reject" ? 1 : 0,
      ]),
    );

    const joined = stage
      .asked("two steer")[0]
      ?.messages.slice(-2)
      .map(({ role }) => role);
    expect(joined, "at its place in the turn").toEqual(["tool", "user"]);
    for (const policy of POLICIES) {
      const words = await history(stage, chats[policy]);
      const all = [`one ${policy}`, `two ${policy}`];
      // Side by side, they stand in the order in which they were done.
      if (policy === "parallel") expect(words.toSorted(), policy).toEqual(all);
      else expect(words, policy).toEqual(policy === "reject" ? all.slice(0, 1) : all);
    }
    expect(stage.asked("two reject")).toEqual([]);
    expect(telegram.earlyCalls).toEqual([]);
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
