import { setTimeout as sleep } from "node:timers/promises";
import type { FakeChat, FakeMessage } from "../test/fakes/telegram/chats.ts";
import type { FakeTelegram } from "../test/fakes/telegram/fake-telegram.ts";
import { epochNow } from "../test/fakes/model/journal.ts";
import { answerFor, answerHead } from "./answer-text.ts";
import type { ModelEntry } from "./model-messages.ts";
import type { Counts } from "./report.ts";

const FIRST_USER = 10_000;
const LOOK_EVERY_MS = 20;

export interface Asked {
  chat: FakeChat;
  question: string;
  /** Epoch ms with fractions, as all times here. */
  at: number;
  answer: string;
}

/** What became of one question; NaN where something never happened. */
export interface Course {
  question: string;
  /** From the update to the request at the model, ms. */
  modelMs: number;
  typingMs: number;
  /** From when the text could be shown (the first token, or `ruleMs` after it) to the first message, ms. */
  firstTextMs: number;
  /** From the last token to the whole text, ms. */
  finalTextMs: number;
  finalAt: number;
}

/** People who each talk to the bot in a private chat, and what they see. */
export class Chats {
  readonly telegram: FakeTelegram;
  readonly #chats: FakeChat[];
  readonly #asked: Asked[] = [];

  constructor(telegram: FakeTelegram, count: number) {
    this.telegram = telegram;
    this.#chats = Array.from({ length: count }, (_, index) => telegram.privateChat(telegram.user(FIRST_USER + index)));
  }

  get size(): number {
    return this.#chats.length;
  }

  /** A person writes; the model will answer with this many characters. */
  ask(index: number, question: string, chars: number): Asked {
    const chat = this.#chats[index % this.#chats.length]!;
    const asked = { chat, question, at: epochNow(), answer: answerFor(question, chars) };
    this.#asked.push(asked);
    this.telegram.say({ chat, from: chat.user!, text: question });
    return asked;
  }

  /** Asks `count` questions at an even pace, whatever becomes of them; 0 = all at once. */
  async askAll(count: number, options: { label: string; everyMs: number; chars: number }): Promise<Asked[]> {
    const startedAt = performance.now();
    const asked: Asked[] = [];
    for (let index = 0; index < count; index++) {
      const waitMs = startedAt + index * options.everyMs - performance.now();
      if (waitMs > 0) await sleep(waitMs);
      asked.push(this.ask(index, `${options.label}-${index}`, options.chars));
    }
    return asked;
  }

  /** Waits until each of these is answered, or the time is over: what is missing then counts as lost. */
  async answered(asked: readonly Asked[], timeoutMs: number): Promise<void> {
    const open = asked.toReversed();
    // Looks at one chat only while that is unanswered: the driver shares the machine with what it measures.
    for (const until = performance.now() + timeoutMs; performance.now() < until; await sleep(LOOK_EVERY_MS)) {
      while (open.length > 0 && isAnswered(open.at(-1)!)) open.pop();
      if (open.length === 0) return;
    }
  }

  courses(asked: readonly Asked[], journal: readonly ModelEntry[], ruleMs = 0): Course[] {
    const requests = new Map(journal.map((entry) => [entry.question, entry]));
    const typing = this.telegram.calls("sendChatAction");
    return asked.map(({ chat, question, at, answer }) => {
      const request = requests.get(question);
      const message = messagesFor(chat, question)[0];
      const typed = typing.find((call) => call.chat === chat.id && call.at >= at);
      const finalAt = message?.versions.find(({ text }) => text === answer)?.at ?? Number.NaN;
      const firstTokenAt = request?.firstChunkAt ?? Number.NaN;
      return {
        question,
        modelMs: (request?.at ?? Number.NaN) - at,
        typingMs: (typed?.at ?? Number.NaN) - at,
        firstTextMs: (message?.at ?? Number.NaN) - firstTokenAt - ruleMs,
        finalTextMs: finalAt - (request?.lastChunkAt ?? Number.NaN),
        finalAt,
      };
    });
  }

  /** What all chats show now, against everything that was ever asked. */
  judge(): Counts {
    const counts: Counts = { asked: this.#asked.length, lost: 0, doubled: 0, wrong: 0 };
    const right = new Set<string>();
    for (const { chat, question, answer } of this.#asked) {
      right.add(answer);
      const messages = messagesFor(chat, question);
      if (!messages.some(({ text }) => text === answer)) counts.lost += 1;
      if (messages.length > 1) counts.doubled += 1;
    }
    for (const chat of this.#chats) {
      counts.wrong += this.telegram.botMessages(chat).filter(({ text }) => !right.has(text)).length;
    }
    return counts;
  }
}

function messagesFor(chat: FakeChat, question: string): FakeMessage[] {
  const head = answerHead(question);
  return [...chat.messages.values()].filter(
    ({ from, deleted, text }) => from === "bot" && !deleted && text.startsWith(head),
  );
}

function isAnswered({ chat, question, answer }: Asked): boolean {
  return messagesFor(chat, question).some(({ text }) => text === answer);
}
