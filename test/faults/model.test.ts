import { beforeAll, describe, expect, it } from "vitest";
import type { RunningGateway } from "../../src/main.ts";
import type { Script } from "../fakes/model/script.ts";
import { type Person, type Scene, sceneOf, turnOf } from "../support/e2e.ts";

const TEXT = "This is a sentence of the answer, and this is another one.";
/** The first half of it is said at once. */
const HALF = { text: TEXT, chunkChars: 29, chunkEveryMs: 20 };
/** The first 29 characters of the text. */
const SAID = TEXT.slice(0, 29);
const CUT = "The answer is not complete; write “continue” to go on.";

interface Fault {
  script: Script;
  /** How often the model is asked; 1 unless given. */
  asked?: number;
  /** What of the answer stands before the message. */
  said?: string;
  /** The one message that ends it. */
  told: string;
}

/** Streams that never begin are given up after two seconds here, and those that stop after one. */
describe("a model that fails", () => {
  const scene = sceneOf({ requestParams: "streaming_timeout: 1" });
  let running: RunningGateway;
  beforeAll(async () => {
    // A provider that rests would be another test.
    running = await scene().start({ firstTokenMs: 2_000, breaker: { failures: 1_000 } });
  });

  const faults: Record<string, Fault> = {
    "fault-26: by silence in mid-answer": {
      script: { ...HALF, fault: "stall-mid" },
      said: SAID,
      told: `The model stopped in the middle of its answer. ${CUT}`,
    },
    "fault-26: by nothing but comments in mid-answer": {
      script: { ...HALF, fault: "stall-mid-comments" },
      said: SAID,
      told: `The model stopped in the middle of its answer. ${CUT}`,
    },
    "fault-27: by never answering": {
      script: { fault: "no-headers" },
      asked: 3,
      told: "The model did not begin to answer in time. Please ask again.",
    },
    "fault-27: by headers and then nothing": {
      script: { fault: "stall-before" },
      asked: 3,
      told: "The model did not begin to answer in time. Please ask again.",
    },
    "fault-27: by headers and then only comments": {
      script: { fault: "stall-comments" },
      asked: 3,
      told: "The model did not begin to answer in time. Please ask again.",
    },
    "fault-28: by a stream that ends too early": {
      script: { ...HALF, fault: "truncate" },
      said: SAID,
      told: `The model's answer broke off. ${CUT}`,
    },
    "fault-28: by [DONE] without a reason": {
      script: { ...HALF, fault: "truncate-done" },
      said: SAID,
      told: `The model's answer broke off. ${CUT}`,
    },
    "fault-28: by a connection that breaks": {
      // The reset takes what is on its way with it: the first of two pieces has arrived by then.
      script: { text: TEXT + TEXT, chunkChars: 29, chunkEveryMs: 300, fault: "reset-mid", faultAfterChunks: 2 },
      said: SAID,
      told: `The model's answer broke off. ${CUT}`,
    },
    "fault-29: by an event that is no JSON": {
      script: { ...HALF, fault: "malformed" },
      said: SAID,
      told: `The model's answer could not be read. ${CUT}`,
    },
    "fault-29: by an error event in mid-answer": {
      script: { ...HALF, fault: "error-event" },
      said: SAID,
      told: `The model provider has trouble at the moment. ${CUT}`,
    },
    "fault-29: by an empty answer": {
      script: { fault: "empty" },
      asked: 3,
      told: "The model gave an empty answer. Please try again later.",
    },
    "fault-29: by a refusal": {
      script: { text: "I cannot help with that.", chunkChars: 100, fault: "refusal" },
      said: "I cannot help with that.",
      told: "The model declined to go on with this answer.",
    },
    "fault-29: by its provider's filter": {
      script: { ...HALF, fault: "content-filter" },
      said: TEXT,
      told: "The model declined to go on with this answer.",
    },
    "fault-30: by 500 again and again": {
      script: { fault: "500" },
      asked: 3,
      told: "The model provider has trouble at the moment. Please try again later.",
    },
    "fault-30: by a proxy's page": {
      script: { fault: "html" },
      asked: 3,
      told: "The model provider has trouble at the moment. Please try again later.",
    },
    "fault-30: by asking for a long wait": {
      script: { fault: "429", retryAfter: 600 },
      told: "The model provider is busy. Please try again in 10 minutes.",
    },
    "fault-30: by hanging up": {
      script: { fault: "hang-up" },
      asked: 3,
      told: "The model provider cannot be reached. Please try again later.",
    },
    "by refusing the gateway's key": {
      script: { fault: "401" },
      told: "The model provider did not accept the gateway's key.",
    },
    "by having no more credit": {
      script: { fault: "quota" },
      told: "The model provider's quota or credit is used up.",
    },
  };

  for (const [how, { script, asked = 1, said = "", told }] of Object.entries(faults)) {
    it.concurrent(`${how}, is told in one clear message, and asked again works`, async () => {
      const { model, telegram } = scene();
      const person = scene().person("Ann");
      const question = `question ${how}`;
      model.script((request) => (turnOf(request).endsWith(question) ? script : undefined));
      await scene().ask(person.chat, person.user, question);
      await telegram.until(() => (telegram.botMessages(person.chat)[0]?.text ?? "").includes("⚠️"), 20_000);
      const [message, ...others] = telegram.botMessages(person.chat);
      expect(others).toEqual([]);
      const [before, after, ...more] = message!.text.split("⚠️ ");
      expect(before!.slice(0, said.length)).toBe(said);
      if (said === "") expect(before).toBe("");
      expect(after).toMatch(/ \(run_[0-9a-f]{4}\)$/);
      expect(after!.slice(0, -" (run_0000)".length)).toBe(told);
      expect(more).toEqual([]);
      const requests = model.requests.filter((request) => turnOf(request).endsWith(question));
      expect(requests).toHaveLength(asked);
      await model.until(() => requests.every(({ closedAt }) => closedAt !== null));
      await worksAgain(scene(), person, how);
    });
  }

  it.concurrent.each(["429", "500", "hang-up"] as const)(
    "fault-30: once, by %s, is asked again, and the person sees nothing but the answer",
    async (fault) => {
      const { model, telegram } = scene();
      const { chat, user } = scene().person("Ann");
      const question = `only once ${fault}`;
      let failures = 1;
      model.script((request) => {
        if (turnOf(request) !== question) return undefined;
        return failures-- > 0 ? { fault, retryAfter: 1 } : { text: TEXT, chunkChars: 100 };
      });
      await scene().ask(chat, user, question);
      await scene().shows(chat, TEXT);
      expect(telegram.botMessages(chat).map(({ versions }) => versions.map(({ text }) => text))).toEqual([[TEXT]]);
    },
  );

  it.concurrent("leaves other chats their answers, and the gateway ready", async () => {
    const { model } = scene();
    const [stuck, other] = [scene().person("Ann"), scene().person("Bob")];
    model.script((request) => (turnOf(request) === "hang for long" ? { ...HALF, fault: "stall-mid" } : undefined));
    await scene().ask(stuck.chat, stuck.user, "hang for long");
    await scene().converse(other.chat, other.user, "how are you?");
    expect((await fetch(`${running.url}/readyz`)).status).toBe(200);
  });
});

async function worksAgain(scene: Scene, { chat, user }: Person, how: string): Promise<void> {
  const request = await scene.converse(chat, user, `now then, after ${how.length}`);
  // What was said is part of the history, marked as cut; an answer that said nothing leaves no empty message behind.
  const empty = request.messages.filter(({ role, content }) => role === "assistant" && !content);
  expect(empty).toEqual([]);
}
