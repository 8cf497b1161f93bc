import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { FakeMessage } from "../fakes/telegram/chats.ts";
import type { FaultKind } from "../fakes/telegram/faults.ts";
import { type Replica, Stage } from "../support/chaos/stage.ts";
import { answerTo, shortenings } from "../support/chaos/verdict.ts";
import { until } from "../support/test-gateway.ts";

const WORDS = 40;
/** About 3 s of speaking. */
const SLOW = { words: WORDS, chunkChars: 4, chunkEveryMs: 40 };

async function uncertain(replica: Replica): Promise<string[]> {
  const { body } = await replica.process.api("GET", "/v1/deliveries?state=uncertain");
  return body.deliveries.map(({ chat }: { chat: string }) => chat);
}

describe.concurrent("what nobody can be sure of", () => {
  const lost: FaultKind[] = [{ kind: "reset-after-applying" }, { kind: "garbage", applied: true }];
  for (const fault of lost) {
    it(`a first message whose answer is lost (${fault.kind}) stands there, short and listed; the whole answer stands once`, async (test) => {
      const stage = await Stage.open({ model: SLOW }, test);
      const replica = await stage.start("a");
      const { telegram } = stage;
      const ann = telegram.user(7, "Ann");
      const chat = telegram.privateChat(ann);
      telegram.fault({ ...fault, method: "sendMessage" });
      telegram.say({ chat, from: ann, text: "one" });
      await telegram.until(() => texts(telegram.botMessages(chat)).includes(answerTo("one", WORDS)), 15_000);
      const [first, second, ...others] = telegram.botMessages(chat);
      expect(first!.text.length).toBeLessThan(60);
      expect(answerTo("one", WORDS).startsWith(first!.text)).toBe(true);
      expect(first!.versions).toHaveLength(1);
      expect(second!.text).toBe(answerTo("one", WORDS));
      expect(others).toEqual([]);
      expect(await uncertain(replica)).toEqual(["7"]);
    });
  }

  it("an answer so short that its first message is all of it may stand twice, which is listed, but never three times", async (test) => {
    const stage = await Stage.open({ model: { words: 2, chunkChars: 1_000 } }, test);
    const replica = await stage.start("a");
    const { telegram } = stage;
    const ann = telegram.user(7, "Ann");
    const chat = telegram.privateChat(ann);
    telegram.fault({ kind: "reset-after-applying", method: "sendMessage", times: 2 });
    telegram.say({ chat, from: ann, text: "short" });
    await until("the operator sees it", async () => (await uncertain(replica)).length === 2);
    telegram.say({ chat, from: ann, text: "and now" });
    await stage.botMessage(chat, 2);
    expect(texts(telegram.botMessages(chat))).toEqual(
      ["short", "short", "and now"].map((question) => answerTo(question, 2)),
    );
    expect(stage.asked("and now")[0]!.messages[2]?.content).toBe(answerTo("short", 2));
  });

  it("edits whose answers are lost are made again and are right in the end, also those that come late", async (test) => {
    const stage = await Stage.open({ model: SLOW }, test);
    await stage.start("a");
    const { telegram } = stage;
    const ann = telegram.user(7, "Ann");
    const chat = telegram.privateChat(ann);
    telegram.fault({ kind: "reset-after-applying", method: "editMessageText", times: 2 });
    telegram.fault({ kind: "reset-before", method: "editMessageText", times: 2 });
    telegram.say({ chat, from: ann, text: "one" });
    await telegram.until(() => texts(telegram.botMessages(chat)).includes(answerTo("one", WORDS)), 20_000);
    const [message] = telegram.botMessages(chat);
    expect(telegram.botMessages(chat)).toHaveLength(1);
    expect(shortenings(message!)).toEqual([]);
    // Its last version is confirmed once more, 15 s later: an edit that was lost on its way may still arrive.
    const calls = telegram.calls("editMessageText", chat).length;
    await until("the final text is repeated", () => telegram.calls("editMessageText", chat).length > calls, 25_000);
    await sleep(2_000);
    expect(telegram.calls("editMessageText", chat)).toHaveLength(calls + 1);
    expect(message!.text).toBe(answerTo("one", WORDS));
  });

  it("a command's answer that is lost is listed and said no second time", async (test) => {
    const stage = await Stage.open({}, test);
    const replica = await stage.start("a");
    const { telegram } = stage;
    const ann = telegram.user(7, "Ann");
    const chat = telegram.privateChat(ann);
    telegram.fault({ kind: "reset-after-applying", method: "sendMessage" });
    telegram.say({ chat, from: ann, text: "/help" });
    await until("the operator sees it", async () => (await uncertain(replica)).length === 1);
    telegram.say({ chat, from: ann, text: "/status" });
    await stage.botMessage(chat, 1);
    await sleep(1_500);
    expect(telegram.calls("sendMessage", chat)).toHaveLength(2);
    expect(telegram.botMessages(chat)).toHaveLength(2);
  });
});

function texts(messages: FakeMessage[]): string[] {
  return messages.map(({ text }) => text);
}
